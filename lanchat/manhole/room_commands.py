"""The operators' commands about rooms: which there are, their ranks and rules, and their names."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any, NamedTuple

from lanchat.commands import room_rights, rooms
from lanchat.core.chat import Chat
from lanchat.manhole.tables import Facts, Table, Text
from lanchat.manhole.user_commands import clock_time
from lanchat.model.room import Room, parse_name
from lanchat.model.sanction import PROMPT
from lanchat.protocol.packet import visible


class RoomRow(NamedTuple):
    """A room: a row of `rooms()`."""

    name: str
    online: int
    members: int
    owners: str
    rules: str
    topic: str
    by: str
    at: str


class RankRow(NamedTuple):
    """Somebody with a rank in a room: a row of `rank()`."""

    name: str
    rank: str


class RoomCommands:
    """The commands about rooms at the operators' prompt. Their docstrings are its help."""

    def __init__(self, chat: Chat) -> None:
        self._chat = chat

    def rooms(self) -> Table[RoomRow]:
        """All rooms, sorted by name.

        `rules` are those that differ from a new room's. `by` and `at` tell who set the topic, and when. A room without an owner
        is given one with rank().
        """
        return Table(RoomRow._fields, [self._row(room) for room in self._chat.rooms.with_prefix("")])

    def rank(self, room: str, whom: str = "", rank: str = "") -> Table[RankRow] | Coroutine[Any, Any, Text]:
        """List ranks in a room, or give one.

        A rank is 'owner', 'operator', 'voiced' or 'none': rank('#ops', 'bob', 'operator'). rank('#ops') lists who has one.
        """
        found = self._chat.rooms.named(room)
        if whom:
            return self._set_rank(found, whom, rank)
        ranks = room_rights.ranks(found, self._chat.online.account_by_id)
        return Table(RankRow._fields, [RankRow(visible(name), rank.word) for name, rank in ranks.items()])

    async def _set_rank(self, room: Room, whom: str, rank: str) -> Text:
        return self._decided(await room_rights.set_rank(self._chat, room, whom, room_rights.parse_rank(rank)))

    def rules(self, room: str, **changes: str | int) -> Facts | Coroutine[Any, Any, Text]:
        """Show or change the rules of a room.

        rules('#ops') shows them, with the key. rules('#ops', moderated=True, limit=20, topic='anyone') changes them: all of
        these or, if one is wrong, none. What is typed here is in the log, a key too.
        """
        found = self._chat.rooms.named(room)
        if not changes:
            return Facts(room_rights.shown_rules(found, with_key=True))
        return self._set_rules(found, {rule: _written(value) for rule, value in changes.items()})

    async def _set_rules(self, room: Room, values: dict[str, str]) -> Text:
        return self._decided(await room_rights.set_rules(self._chat, room, values))

    async def rename(self, room: str, name: str) -> Text:
        """Give a room another name.

        rename('#ops', '#pumps'): it is found by the new name only.
        """
        return self._decided(await rooms.rename(self._chat, self._chat.rooms.named(room), parse_name(name)))

    def _row(self, room: Room) -> RoomRow:
        owners = ", ".join(room_rights.owners(room, self._chat.online.account_by_id))
        by, at = (visible(room.topic_by), clock_time(room.topic_at or None)) if room.topic else ("", "-")
        name, rules, topic = visible(room.name), room_rights.unusual_rules(room), visible(room.topic)
        return RoomRow(name, len(room.sessions), len(room.members), visible(owners) or "-", rules or "-", topic, by or "-", at)

    def _decided(self, told: str) -> Text:
        self._chat.activity.decided(f"{told}, says {PROMPT}")
        return Text(f"{told}.")


def _written(value: str | int) -> str:
    """The value of a rule as users write it."""
    return ("off", "on")[value] if isinstance(value, bool) else str(value)
