"""LIST: the channels, perhaps only some of them (RFC 2812, 3.2.6; ELIST of https://modern.ircdocs.horse/)."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Callable
from typing import TypeAlias

from lanchat.core.replies import NAMES_A_PACKET
from lanchat.irc import numerics
from lanchat.irc.client import IrcClient
from lanchat.irc.command import IrcCommand
from lanchat.irc.message import Message
from lanchat.model.room import Room, room_key
from lanchat.protocol.spelling import key

#: How many conditions one LIST may have, and how many characters each has.
MAX_CONDITIONS, MAX_LENGTH = 20, 100

_NUMBER = re.compile(r"(?P<what>[CT]?)(?P<side>[<>])(?P<number>[0-9]{1,9})")
_WILD = re.compile(r"[*?]")

#: Whether a room is one of those that were asked for.
Condition: TypeAlias = Callable[[Room], bool]


async def _list(client: IrcClient, message: Message) -> None:
    session, chat = client.session, client.chat
    assert session is not None  # noqa: S101 (only those who are registered ask)
    names, conditions = _conditions(message.params[0] if message.params else "", chat.now())
    if names and not conditions:
        found = [room for name in names if (room := chat.rooms.find(name)) is not None]
    else:
        found = [room for room in chat.rooms.with_prefix("") if all(holds(room) for holds in conditions)]
    chat.charge(session, (len(chat.rooms) if conditions else len(found)) / NAMES_A_PACKET)
    client.numeric(numerics.RPL_LISTSTART, "Channel", "Users  Name")
    for room in found:
        if chat.rooms.is_visible_to(room, session):
            client.numeric(numerics.RPL_LIST, room.name, str(room.people), room.topic)
            if client.behind():
                await client.caught_up()
    client.numeric(numerics.RPL_LISTEND)


def _conditions(text: str, now: float) -> tuple[list[str], list[Condition]]:
    """What was asked for: the names of rooms, and conditions that must all hold."""
    names: list[str] = []
    conditions: list[Condition] = []
    for word in filter(None, text.split(",")[:MAX_CONDITIONS]):
        if (found := _NUMBER.fullmatch(word.upper())) is not None:
            conditions.append(_compared(found["what"], found["side"] == ">", int(found["number"]), now))
        elif word.startswith("!"):
            conditions.append(_masked(word[1:], matches=False))
        elif _WILD.search(word):
            conditions.append(_masked(word, matches=True))
        else:
            names.append(word)
    if names and conditions:
        keys = {room_key(name) for name in names}
        conditions.append(lambda room: room.key in keys)
    return names, conditions


def _compared(what: str, more: bool, number: int, now: float) -> Condition:
    """Whether a room has more people, or is older by minutes, or its topic is, than a number says; or fewer, or newer."""

    def holds(room: Room) -> bool:
        if what == "T" and not room.topic:
            return False
        since = room.created if what == "C" else room.topic_at
        value = (now - since) / 60 if what else room.people
        return value > number if more else value < number

    return holds


def _masked(mask: str, matches: bool) -> Condition:
    """Whether the name of a room matches a mask, or does not."""
    pattern = re.compile(fnmatch.translate(key(mask[:MAX_LENGTH]).replace("[", "[[]")))

    def holds(room: Room) -> bool:
        return (pattern.fullmatch(room.key) is not None) is matches

    return holds


COMMANDS = {
    "LIST": IrcCommand(_list, 0, "[<channel or condition>{,<...>}]", "list the channels: *ops*, !*test*, >5, C<60, T<60"),
}
