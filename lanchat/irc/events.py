"""Events as lines of IRC: what is done with rooms, and what becomes of people."""

from __future__ import annotations

from lanchat.irc.client import IrcClient
from lanchat.irc.message import line
from lanchat.irc.names import show_joined
from lanchat.irc.people import mask
from lanchat.protocol.events import JOINED, LEFT
from lanchat.protocol.packet import ServerPacket


def show_event(client: IrcClient, packet: ServerPacket) -> None:
    """Show an event."""
    x = packet.x
    if x is None or x.conv is None:
        return
    for name in x.who or ():
        if x.ev == JOINED:
            _joined(client, x.conv, name)
        elif x.ev == LEFT:
            client.outbox.send(line("PART", x.conv, x.text or "", source=_mask(client, name)))


def _joined(client: IrcClient, channel: str, name: str) -> None:
    room = client.chat.rooms.find(channel)
    if room is None:
        return
    if client.session is not None and name == client.session.name.shown:
        show_joined(client, room)
    else:
        client.outbox.send(line("JOIN", channel, source=_mask(client, name)))


def _mask(client: IrcClient, name: str) -> str:
    session = client.chat.online.find(name)
    return mask(session) if session is not None else f"{name}!~u@offline"
