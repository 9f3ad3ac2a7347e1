"""Read markers: up to when somebody has read a conversation, as all their devices are told (IRCv3 draft "Read Marker").

The core keeps markers of accounts as places in its log. What clients say is a moment, at which perhaps nothing was said, and
they expect to read the same again: `lanchat.irc.server.Markers` remembers that while the server runs, and those of guests.
"""

from __future__ import annotations

from lanchat.irc.client import IrcClient
from lanchat.irc.command import Refused
from lanchat.irc.message import line
from lanchat.protocol.errors import ClientGone
from lanchat.protocol.packet import ServerPacket

#: The capability; and what stands for a conversation that was not read yet.
CAP, NEVER = "draft/read-marker", "*"


async def marker(client: IrcClient, target: str) -> str:
    """Up to when a client's user has read a channel, or what a nick wrote; "" if nothing is known. Raises `Refused`."""
    session = client.session
    assert session is not None  # noqa: S101 (only those who are registered read)
    known = client.server.markers.of(session, target)
    if session.account is None:
        return known
    try:
        found = await client.ask("/marker", target=target)
    except Refused as error:
        if error.code in ("NO_SUCH_TARGET", "NOT_MEMBER"):
            return known
        raise
    at = found.x.at if found.x is not None else None
    return max(known, at or "")


def written(moment: str) -> str:
    """A moment as a parameter."""
    return f"timestamp={moment}" if moment else NEVER


async def show_marker(client: IrcClient, channel: str) -> None:
    """Show a client that has entered a channel up to when that was read, if it wants to know."""
    if CAP not in client.caps:
        return
    try:
        moment = await marker(client, channel)
    except (Refused, ClientGone):
        return
    client.reply("MARKREAD", channel, written(moment))


def show_read(client: IrcClient, packet: ServerPacket) -> None:
    """Show a client what another device of its user has read. What a device for IRC has read, it knows already."""
    x, session = packet.x, client.session
    if x is None or x.conv is None or not x.at or session is None or CAP not in client.caps:
        return
    target = x.conv.removeprefix("@")
    if x.at > client.server.markers.of(session, target):
        client.outbox.send(line("MARKREAD", target, written(x.at), source=client.server.name))
