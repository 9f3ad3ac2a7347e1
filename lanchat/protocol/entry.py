"""One entry of the log as a value: a message, a change of one, or what was done with a room (docs/keeping.md)."""

from __future__ import annotations

import zlib
from typing import Any, TypeAlias

import msgspec

from lanchat.protocol.files import FileInfo

#: The key of a conversation in the log, such as "r7" (see `Entry.conv`).
ConversationId: TypeAlias = str
#: The number of an account in the database.
AccountId: TypeAlias = int
#: The sequence number of a message in the log: higher ones were committed later. There may be gaps.
Seq: TypeAlias = int
#: Identifies one log, so that sequence numbers of another one are not mistaken for its own.
Epoch: TypeAlias = str
#: A point in time, in milliseconds since 1970-01-01 UTC.
Milliseconds: TypeAlias = int
#: The values of `COLUMNS` of one message.
Row: TypeAlias = tuple[Any, ...]

#: The columns of a message in the log (`lanchat.tables.recent`), in the order of `Entry.row`.
COLUMNS = ("seq", "ts", "conv", "author", "name", "ip", "target", "msg", "re", "cid", "sum", "kind", "about")
#: The index of the checksum in a row, which is after all that the first version of the log had.
SUM = COLUMNS.index("sum")
#: The kinds of messages (`Entry.kind`) that are no ordinary ones: one that needs no answer; what somebody does, as in "ann
#: waves"; and one that needs no answer from a sender that is no session (`lanchat.core.bots`).
NOTICE, ACTION, BOT = "notice", "action", "bot"
#: The kind of a message that a file goes with (`Entry.file`); its text is what the sender says of it, or else its name.
FILE = "file"
#: What was done with a room (`lanchat.protocol.events`); `Entry.about` is `NOTHING`.
EVENT, NOTHING = "event", 0
#: A change of the message with the sequence number `Entry.about`: a new text, its withdrawal, or a reaction to it.
EDIT, WITHDRAW, REACT = "edit", "withdraw", "react"
#: What people read of a change without a text: a withdrawal, or a reaction that was taken back.
NO_TEXT = {WITHDRAW: "(withdrew a message)", REACT: "(took a reaction back)"}

#: The state of an entry: committed to the disk; relayed and not stored; or, of a change, refused because the message that it
#: is about is not there (any more). "" is none of them.
STORED, RELAYED, GONE = "stored", "relayed", "gone"
#: For how many milliseconds a message with the same `cid` is recognised as a repeat (`lanchat.store.duplicates`).
REPEAT_MS = 86_400_000
#: The conversation of a row whose text was removed while its `cid` is still needed to recognise repeats; nobody may read it.
NO_CONVERSATION = ""
#: Shown instead of a name that was erased.
ERASED = "(erased)"


class Entry(msgspec.Struct, gc=False):
    """An entry that is to be stored, or was read from the log: a message, a change of one, or what was done with a room.

    The garbage collector does not look at entries: what one refers to (`source`) does not refer back to it.
    """

    #: The conversation: "r7" is a room, "p3x8" two accounts, "g3xbob" an account and a guest.
    conv: ConversationId
    #: The sender's account; None for a guest or the server; a webhook's number with a minus, such as -3.
    author: AccountId | None
    name: str
    ip: str
    #: The recipient, as `to` of the packet shows it.
    target: str
    msg: str
    #: When the server got it, in milliseconds since the epoch.
    ts: Milliseconds
    re: str | None = None
    #: The id that the sender's client gave it; in the log (author, cid) is unique.
    cid: str | None = None
    #: What the code that handed it in wants back with it: for a message its sender's session and its target, otherwise the
    #: function that delivers it. It is never stored.
    source: Any = None
    #: Its sequence number in the log; 0 until it has one.
    seq: Seq = 0
    #: `STORED`, `RELAYED`, `GONE`, or "" if it is not stored (yet, or because that failed).
    state: str = ""
    #: Whether it repeats a message in the log: then `seq` and `ts` are those of the first one, and nothing was added.
    dup: bool = False
    #: What kind of entry it is; None for an ordinary message.
    kind: str | None = None
    #: None for all that is said; otherwise the sequence number of the message that it changes, or `NOTHING`.
    about: Seq | None = None
    #: Whether it is to be stored; ordinary messages always are. What is not comes back in the order of the log, too.
    kept: bool = True
    #: The accounts whose names are mentioned in it, which is noted for them (the table `mentions`).
    mentions: tuple[AccountId, ...] = ()
    #: What it carries for the clients of those who are online (`lanchat.protocol.tags`). It is never stored.
    tags: dict[str, str] | None = None
    #: The file that goes with it, if its kind is `FILE`. It is stored in a table of its own (`lanchat.tables.files`).
    file: FileInfo | None = None
    #: The reason for a withdrawal, for those who are online. It is never stored.
    why: str = ""
    #: On a page, what became of a message that was said (`lanchat.history.changes`): when it was edited last, and who reacted,
    #: by reaction.
    edited: Milliseconds | None = None
    reactions: dict[str, list[str]] | None = None

    @property
    def changes(self) -> bool:
        """Whether it changes a message, instead of saying something or telling what was done with a room."""
        return self.about is not None and self.about > NOTHING

    def row(self) -> Row:
        """The values of `COLUMNS`, with which the entry is inserted into the log."""
        values = (self.seq, self.ts, self.conv, self.author, self.name, self.ip, self.target, self.msg, self.re, self.cid)
        if self.kind is None:
            return (*values, checksum(values), None, None)
        return (*values, checksum((*values, self.kind, self.about)), self.kind, self.about)


def entry_from_row(row: Row) -> Entry | None:
    """The entry in a row of `COLUMNS`, or None if its checksum is wrong, as after a fault of the disk."""
    seq, ts, conv, author, name, ip, target, msg, re, cid, stored_checksum, kind, about = row
    summed = row[:SUM] if kind is None and about is None else (*row[:SUM], kind, about)
    if checksum(summed) != stored_checksum:
        return None
    return Entry(conv, author, name, ip, target, msg, ts, re, cid, seq=seq, state=STORED, kind=kind, about=about)


def checksum(values: tuple[Any, ...]) -> int:
    """The checksum (CRC-32) of the other values of a row; of an ordinary message, without its `kind` and `about`."""
    return zlib.crc32(repr(values).encode("utf-8", "surrogatepass"))
