"""Earlier messages: CHATHISTORY for clients that fetch them, HISTORY for people (IRCv3 draft "Chat History")."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from lanchat.history.moments import Moment, Place, parse_place
from lanchat.history.pages import MAX_PAGE
from lanchat.irc import numerics
from lanchat.irc.client import IrcClient
from lanchat.irc.command import Fail, IrcCommand, Numeric, Refused
from lanchat.irc.message import Message, middle
from lanchat.protocol.dates import local_minute, parse_date, utc_milliseconds
from lanchat.protocol.entry import Milliseconds
from lanchat.protocol.errors import NoSuchTarget, Usage
from lanchat.protocol.extensions import ServerX
from lanchat.protocol.packet import ServerPacket

#: How many messages HISTORY shows, if it is not told.
SHOWN = 20
#: How many parameters each subcommand has after its name.
_PARAMETERS = {"LATEST": 3, "BEFORE": 3, "AFTER": 3, "AROUND": 3, "BETWEEN": 4, "TARGETS": 3}
_TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,9})?Z")
_NUMBER = re.compile("[0-9]{1,9}")
#: The last moment that can be written.
_END_OF_TIME = 253_402_300_799_999
#: The codes of the core for a room that somebody can't read.
_UNREADABLE = frozenset({"NO_SUCH_TARGET", "NOT_MEMBER", "BANNED", "FORBIDDEN", "AUTH_REQUIRED"})


async def _chathistory(client: IrcClient, message: Message) -> None:
    name, *rest = message.params
    name = name.upper()
    if name not in _PARAMETERS:
        raise Fail("INVALID_PARAMS", middle(name), text="Unknown command")
    if len(rest) != _PARAMETERS[name]:
        raise Fail("INVALID_PARAMS", name, text=f"{'Insufficient' if len(rest) < _PARAMETERS[name] else 'Too many'} parameters")
    if not _NUMBER.fullmatch(rest[-1]) or not int(rest[-1]):
        raise Fail("INVALID_PARAMS", name, text="The last parameter is how many you want")
    most = min(int(rest[-1]), MAX_PAGE)
    if name == "TARGETS":
        await _targets(client, _moment(name, rest[0]), _moment(name, rest[1]), most)
        return
    target, *given = rest[:-1]
    places = [None if one == "*" and name == "LATEST" else _reference(client, name, target, one) for one in given]
    found = await _found(client, name, target, places, most)
    with client.batch("chathistory", target) as tags:
        await send_messages(client, found, tags)


async def _found(client: IrcClient, name: str, target: str, places: list[Place | None], most: int) -> list[ServerPacket]:
    """The messages that a client asks for. Raises `Fail`."""
    try:
        return await _page(client, name, target, places, most)
    except Refused as error:
        if error.code == NoSuchTarget.code and not target.startswith("#"):
            return []  # (nothing was said to them, or nobody is called so: that need not be told)
        word = "INVALID_TARGET" if error.code in _UNREADABLE else "MESSAGE_ERROR"
        raise Fail(word, name, middle(target), text=str(error)) from None


async def _page(client: IrcClient, name: str, target: str, places: list[Place | None], most: int) -> list[ServerPacket]:
    """The same, as the core answers it. Raises `Refused`."""
    first, last = places[0], places[-1]
    if first is None:  # the newest
        return await ask_for_messages(client, target, most)
    if name == "BEFORE":
        return await ask_for_messages(client, target, most, before=_at(first))
    if name == "AFTER":
        return await ask_for_messages(client, target, most, after=_after(first))
    if name == "AROUND":
        return await ask_for_messages(client, target, most, around=_at(first))
    if name == "LATEST":
        newest = await ask_for_messages(client, target, most)
        return [packet for packet in newest if _is_after(packet, first)]
    assert last is not None  # noqa: S101 (only LATEST has a place that is none)
    return await _between(client, target, first, last, most)


async def _between(client: IrcClient, target: str, first: Place, last: Place, most: int) -> list[ServerPacket]:
    """The messages between two places, counted from the first one, which may be the later one."""
    if first == last:
        return []
    try:
        return await ask_for_messages(client, target, most, after=_after(first), before=_at(last))
    except Refused as error:
        if error.code != Usage.code:
            raise
    earlier = await ask_for_messages(client, target, most, before=_at(first))
    return [packet for packet in earlier if _is_after(packet, last)]


async def ask_for_messages(client: IrcClient, target: str, most: int, **places: Any) -> list[ServerPacket]:
    """A page of the messages in a room or with somebody, the earliest first. Raises `Refused`.

    `places` are those of `/history`: `before`, `after`, `around`.
    """
    page, _ = await client.ask_for_page("/history", target=target, limit=most, events=False, **places)
    return messages_in(page)


def messages_in(page: Iterable[ServerPacket]) -> list[ServerPacket]:
    """The messages of a page, without what else happened."""
    return [packet for packet in page if packet.x is None or packet.x.op is None]


def _at(place: Place) -> int | str:
    """A place as the core reads it."""
    return utc_milliseconds(place.ts) if isinstance(place, Moment) else place


def _after(place: Place) -> int | str:
    """The place after which a page begins that leaves out what was said at this one."""
    return utc_milliseconds(min(place.ts + 1, _END_OF_TIME)) if isinstance(place, Moment) else place


def _is_after(packet: ServerPacket, place: Place) -> bool:
    """Whether a message was said after a place."""
    x = packet.x or ServerX()
    return (x.ts or "") > utc_milliseconds(place.ts) if isinstance(place, Moment) else (x.seq or 0) > place


async def send_messages(client: IrcClient, packets: Iterable[ServerPacket], tags: dict[str, str]) -> None:
    """Send messages with these tags, as fast as the client reads."""
    for packet in packets:
        await client.pace()
        for own, rest in client.shape.lines(packet):
            client.add_line(tags | own, rest)


def _reference(client: IrcClient, name: str, target: str, given: str) -> Place:
    """What a client wrote as `timestamp=` or `msgid=`. Raises `Fail`."""
    kind, _, value = given.partition("=")
    if kind == "timestamp":
        return Moment(_moment(name, given))
    if kind != "msgid":
        raise Fail("INVALID_MSGREFTYPE", name, middle(target), text="Name a message by timestamp= or msgid=")
    try:
        place = parse_place(value, client.chat.now(), client.chat.store.epoch)
    except (NoSuchTarget, Usage):
        place = None
    if not isinstance(place, int):
        raise Fail("MESSAGE_ERROR", name, middle(target), text="There is no message with this id in the history")
    return place


def _moment(name: str, given: str) -> Milliseconds:
    """What a client wrote as `timestamp=`. Raises `Fail`."""
    if (moment := parse_moment(given)) is None:
        raise Fail("INVALID_PARAMS", name, middle(given), text="Invalid timestamp")
    return moment


def parse_moment(given: str) -> Milliseconds | None:
    """What a client wrote as `timestamp=`; None if it is something else."""
    kind, _, value = given.partition("=")
    try:
        return min(round(parse_date(value) * 1000), _END_OF_TIME) if kind == "timestamp" and _TIME.fullmatch(value) else None
    except ValueError:
        return None


async def _targets(client: IrcClient, first: Milliseconds, last: Milliseconds, most: int) -> None:
    """List the conversations in which something was said last between two moments, which may be in either order."""
    early, late = sorted((first, last))
    rows = [
        (row["ts"], row["conv"].removeprefix("@"))
        for row in await _conversations(client)
        if row["ts"] is not None and utc_milliseconds(early) < row["ts"] < utc_milliseconds(late)
    ]
    rows.sort()
    chosen = rows[:most] if first <= last else rows[-most:]
    with client.batch("draft/chathistory-targets") as tags:
        for ts, conv in chosen:
            client.reply("CHATHISTORY", "TARGETS", conv, ts, tags=tags)


async def _conversations(client: IrcClient) -> list[dict[str, str]]:
    """All conversations of a client's user, as the core lists them."""
    rows: list[dict[str, str]] = []
    more = True
    while more:
        try:
            page = await client.ask("/conversations", after=len(rows))
        except Refused as error:
            raise Fail("MESSAGE_ERROR", "TARGETS", text=str(error)) from None
        found = getattr(page.x, "conversations", None) or []
        rows += found
        more = bool(found) and page.x is not None and bool(page.x.more)
    return rows


async def _history(client: IrcClient, message: Message) -> None:
    target, *rest = message.params
    if rest and not _NUMBER.fullmatch(rest[0]):
        raise Numeric(numerics.ERR_NEEDMOREPARAMS, "HISTORY", text="Usage: HISTORY <channel or nick> [<number of messages>]")
    await show_latest(client, target, min(int(rest[0]), MAX_PAGE) if rest else SHOWN)


async def show_latest(client: IrcClient, target: str, most: int) -> None:
    """Show the newest messages in a room, or with somebody, as if they were said now; with their times. Raises `Refused`."""
    found = await ask_for_messages(client, target, most)
    if not client.shows_ids:
        found = [_with_time(packet, client.chat.now()) for packet in found]
    with client.batch("chathistory", target) as tags:
        await send_messages(client, found, tags)


def _with_time(packet: ServerPacket, now: float) -> ServerPacket:
    """A message with its time in the text, for clients that can't be told it otherwise; with the day, if that is not today."""
    if packet.x is None or packet.x.ts is None:
        return packet
    then = local_minute(parse_date(packet.x.ts))
    day, _, minute = then.partition(" ")
    shown = minute if local_minute(now).startswith(day) else then
    return ServerPacket(packet.from_, packet.to, f"[{shown}] {packet.msg}", packet.x)


COMMANDS = {
    "CHATHISTORY": IrcCommand(
        _chathistory,
        1,
        "LATEST|BEFORE|AFTER|AROUND|BETWEEN <channel or nick> <msgid= or timestamp= or *> [<the same>] <limit>",
        "fetch earlier messages",
    ),
    "HISTORY": IrcCommand(_history, 1, "<channel or nick> [<number>]", "show the newest messages"),
}
