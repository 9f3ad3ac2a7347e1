"""Names: what somebody is shown who has entered a room: its topic, and who is in it (RFC 2812, 3.2.1 and 3.2.5)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from lanchat.irc.client import IrcClient
from lanchat.irc.message import MAX_LINE
from lanchat.irc.numerics import RPL_ENDOFNAMES, RPL_NAMREPLY, RPL_TOPIC, RPL_TOPICWHOTIME
from lanchat.irc.people import PREFIXES, member_mask, members
from lanchat.model.room import Room


def show_joined(client: IrcClient, room: Room) -> None:
    """Show a client that it is in a room, which it has just entered."""
    account = client.session.account if client.session is not None else None
    extended = [account.name.shown if account is not None else "*", client.realname] if "extended-join" in client.caps else []
    client.reply("JOIN", room.name, *extended, source=client.mask)
    show_topic(client, room)
    if not client.caps & {"no-implicit-names", "draft/no-implicit-names"}:
        show_names(client, room)


def show_topic(client: IrcClient, room: Room) -> None:
    """Show the topic of a room, if it has one."""
    if room.topic:
        client.numeric(RPL_TOPIC, room.name, room.topic)
        if room.topic_by:
            client.numeric(RPL_TOPICWHOTIME, room.name, room.topic_by, str(room.topic_at))


def show_names(client: IrcClient, room: Room) -> None:
    """Show who is in a room."""
    with_masks = "userhost-in-names" in client.caps
    names = (PREFIXES[who.rank] + (member_mask(who) if with_masks else who.name) for who in members(room))
    kind = "@" if room.rules.secret else "="
    used = len(f":{client.server.name} 353 {client.nick} {kind} {room.name} :".encode())
    for row in rows(names, MAX_LINE - used):
        client.numeric(RPL_NAMREPLY, kind, room.name, row)
    client.numeric(RPL_ENDOFNAMES, room.name)


def rows(words: Iterable[str], most: int, separator: str = " ") -> Iterator[str]:
    """Words in rows of at most so many bytes, with a space or another character between them."""
    row: list[str] = []
    size = -1
    for word in words:
        size += 1 + len(word.encode())
        if size > most and row:
            yield separator.join(row)
            row, size = [], len(word.encode())
        row.append(word)
    if row:
        yield separator.join(row)
