"""Names: what somebody is shown who has entered a room: its topic, and who is in it (RFC 2812, 3.2.1 and 3.2.5)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from lanchat.irc.client import LINES, IrcClient
from lanchat.irc.markers import show_marker
from lanchat.irc.message import END, MAX_LINE
from lanchat.irc.modes import PREFIXES
from lanchat.irc.numerics import RPL_ENDOFNAMES, RPL_NAMREPLY, RPL_TOPIC, RPL_TOPICWHOTIME
from lanchat.irc.people import member_mask, members
from lanchat.model.room import Room
from lanchat.model.sanction import PROMPT
from lanchat.protocol.extensions import ServerX


async def show_joined(client: IrcClient, room: Room, x: ServerX | None = None) -> None:
    """Show a client that it is in a room now: that it has entered it, the topic, and who is there."""
    show_entered(client, room, x)
    await show_implicit_names(client, room)


def show_entered(client: IrcClient, room: Room, x: ServerX | None = None) -> None:
    """Show a client that it has entered a room, and the topic; `x` is from the event, if there was one."""
    x = x or ServerX(ts=client.chat.timestamp())
    shape = client.event_shape
    extended = shape.extended(client.session, client.nick)
    client.reply_written(shape.write(x, client.nick, "JOIN", room.name, *extended, mask=client.mask))
    show_topic(client, room)


async def show_implicit_names(client: IrcClient, room: Room) -> None:
    """Show a client who is in a room that it has just entered, unless it asks for that itself; and up to when it was read."""
    await show_marker(client, room.name)
    if not client.caps & {"no-implicit-names", "draft/no-implicit-names"}:
        await show_names(client, room)


def show_topic(client: IrcClient, room: Room) -> None:
    """Show the topic of a room, if it has one."""
    if room.topic:
        client.numeric(RPL_TOPIC, room.name, room.topic)
        if room.topic_by:
            by = client.server.name if room.topic_by == PROMPT else room.topic_by
            client.numeric(RPL_TOPICWHOTIME, room.name, by, str(room.topic_at))


async def show_names(client: IrcClient, room: Room, end: bool = True) -> None:
    """Show who is in a room, as fast as the client reads; then the `end` of the list."""
    head = f":{client.server.name} {RPL_NAMREPLY} {client.nick} {'@' if room.rules.secret else '='} {room.name} :"
    lines = [f"{head}{row}{END}" for row in rows(_names(client, room), MAX_LINE - len(head.encode()))]
    for first in range(0, len(lines), LINES):
        client.reply_written("".join(lines[first : first + LINES]).encode())
        if client.behind():
            await client.caught_up()
    if end:
        client.numeric(RPL_ENDOFNAMES, room.name)


def _names(client: IrcClient, room: Room) -> Iterable[str]:
    """The names in a room, with the signs of ranks; perhaps all of them with spaces between them."""
    signs = PREFIXES["multi-prefix" in client.caps]
    if "userhost-in-names" in client.caps:
        return [signs[who.rank] + member_mask(who) for who in members(room)]
    if not room.members:  # guests, of whom there may be very many
        return (client.server.people.guest_names.of(room, signs),)
    return [signs[who.rank] + who.name for who in members(room)]


def rows(words: Iterable[str], most: int, separator: str = " ") -> Iterator[str]:
    """Words in rows of at most so many bytes, with a space or another character between them. A longer word has its own row."""
    data, mark = separator.join(words).encode(), separator.encode()
    while len(data) > most:
        end = data.rfind(mark, 0, most + 1)
        if end < 0 and (end := data.find(mark)) < 0:
            break
        yield data[:end].decode()
        data = data[end + 1 :]
    if data:
        yield data.decode()
