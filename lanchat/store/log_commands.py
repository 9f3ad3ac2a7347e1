"""All commands that change what the log contains (`lanchat.tables.log_command`).

Together with the messages (`lanchat.protocol.entry.Entry`) they are everything that the content of a log is made of. Not among
them is what one process does to its own file, which holds the same content before and after: rows move from `fresh` to `kept`,
words are indexed, the index is merged, pages are checkpointed, an erasure has the file rewritten (`LocalTask`, and
`lanchat.store.background`); nor what changes a file that no server uses: an upgrade of the schema, a restore, a salvage.

Whoever records commands, to do them elsewhere, has to know this, too:

- At the start of a server four commands are done before there is a `lanchat.store.writing.Writer`, as what is loaded next must
  show their changes: `EndClassicSessions` (`lanchat.store.open_db`), then `CloseEmptyRooms`, `OpenLobby` and
  `RemoveEndedSanctions` (`lanchat.service.service`).
- Erasures, `RemoveMessages` and the search for repeats make keys of names (`lanchat.protocol.spelling`) with the Unicode tables
  of the Python that runs. So the same log gives the same content only where `KEY_RULES` is the same.
- With other `KEY_RULES` than before, the start changes the stored keys, and what is stored under them, without a command
  (`lanchat.store.name_keys`).
"""

from __future__ import annotations

from typing import Any

from lanchat.store.erasure import BeginErasure, EndErasure, EraseMessages, EraseTraces
from lanchat.store.message_removal import BeginSweep, RemoveMessages
from lanchat.tables.accounts import (
    AddToken,
    AllowReading,
    EndClassicSessions,
    EnterDevice,
    MoveCursors,
    RehashPassword,
    RemoveAccount,
    SetAway,
    SetPassword,
    SetRole,
)
from lanchat.tables.files import ForgetStrays, TakeUnneeded
from lanchat.tables.hooks import AddHook, ChangeHook, ForgetUndelivered, MoveHook, NoteHooksUsed, RemoveHook
from lanchat.tables.log_command import LogCommand
from lanchat.tables.ranks import SetRank
from lanchat.tables.read_markers import MoveMarkers, SetMuted
from lanchat.tables.registration import AddAccount
from lanchat.tables.room_rules import SetRules
from lanchat.tables.rooms import (
    CloseEmptyRooms,
    CloseRoom,
    CreateRoom,
    Invite,
    JoinRoom,
    OpenLobby,
    RemoveMembers,
    RenameRoom,
    SetTopic,
    Uninvite,
)
from lanchat.tables.sanctions import AddSanction, RemoveEndedSanctions, RemoveSanctions
from lanchat.tables.tokens import RemoveTokens

#: The first line of the docstring of each says what it does; docs/keeping.md has them as a table.
COMMANDS: tuple[type[LogCommand[Any]], ...] = (
    AddAccount,
    SetPassword,
    RehashPassword,
    SetRole,
    SetAway,
    RemoveAccount,
    AddToken,
    RemoveTokens,
    EnterDevice,
    MoveCursors,
    EndClassicSessions,
    AllowReading,
    MoveMarkers,
    SetMuted,
    OpenLobby,
    CreateRoom,
    CloseRoom,
    CloseEmptyRooms,
    RenameRoom,
    SetRules,
    SetRank,
    SetTopic,
    Invite,
    Uninvite,
    JoinRoom,
    RemoveMembers,
    AddSanction,
    RemoveSanctions,
    RemoveEndedSanctions,
    TakeUnneeded,
    ForgetStrays,
    AddHook,
    ChangeHook,
    RemoveHook,
    NoteHooksUsed,
    MoveHook,
    ForgetUndelivered,
    BeginSweep,
    RemoveMessages,
    BeginErasure,
    EraseTraces,
    EraseMessages,
    EndErasure,
)
