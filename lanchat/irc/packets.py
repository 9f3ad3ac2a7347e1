"""Packets of the core as lines of IRC: messages, acknowledgements, events, and what the server says."""

from __future__ import annotations

from lanchat.irc import numerics
from lanchat.irc.changes import show_change
from lanchat.irc.client import IrcClient
from lanchat.irc.events import show_event
from lanchat.irc.message import line
from lanchat.protocol.packet import SERVER, ServerPacket


def show(client: IrcClient, packet: ServerPacket) -> None:
    """Show a packet to a client that is registered."""
    x = packet.x
    op = None if x is None else x.op
    if op is None:
        _show_message(client, packet)
    elif op == "bye":  # (it may be the answer to QUIT, and nobody waits for that any more)
        client.outbox.send(line("ERROR", f"Closing link: {packet.msg}"))
    elif client.answer_came(packet):
        pass
    elif op == "ack":
        _acknowledged(client, packet)
    elif op == "event":
        show_event(client, packet)
    elif op == "ping":
        client.outbox.send(line("PING", client.server.name, source=client.server.name))
    elif op == "fail":
        _not_said(client, packet)
    elif packet.from_ == SERVER:
        _told(client, packet)
    else:  # an edit, a withdrawal or a reaction, for those who have asked for that
        show_change(client, packet)


def _show_message(client: IrcClient, packet: ServerPacket) -> None:
    x = packet.x
    if x is not None and x.batch is not None and client.answer_came(packet):
        return
    if packet.from_ == SERVER and packet.to[:1] != "#":
        client.tell(packet.msg)
    elif x is None or not x.self_ or "echo-message" in client.caps:
        client.outbox.send(packet.encoded(client.shape))


def _acknowledged(client: IrcClient, packet: ServerPacket) -> None:
    """Echo a message that is stored, or passed on, to its sender, if the client asked for that."""
    x = packet.x
    said = client.said.pop(x.cid or "", None) if x is not None else None
    if said is None or x is None:
        return
    message, request = said
    label = {"label": request.label} if request is not None else {}
    if "echo-message" in client.caps:
        assert message.x is not None  # noqa: S101 (it was made for this)
        message.x.id, message.x.ts = x.id, x.ts
        client.outbox.send(client.shape.lines(message, **label))
    elif request is not None:
        client.outbox.send(line("ACK", source=client.server.name, tags=label))


def _not_said(client: IrcClient, packet: ServerPacket) -> None:
    """Tell that a message was not passed on."""
    x = packet.x
    said = client.said.pop((x.cid if x is not None else None) or "", None)
    target, request = (said[0].to, said[1]) if said is not None else ("*", None)
    number = numerics.ERR_CANNOTSENDTOCHAN if target.startswith("#") else numerics.ERR_CANNOTSENDTOUSER
    if x is not None and x.code == "NO_SUCH_TARGET":
        number = numerics.ERR_NOSUCHCHANNEL if target.startswith("#") else numerics.ERR_NOSUCHNICK
    tags = {"label": request.label} if request is not None else None
    client.outbox.send(line(f"{number:03}", client.nick, target, packet.msg, source=client.server.name, tags=tags))


def _told(client: IrcClient, packet: ServerPacket) -> None:
    """Show what the server says that is no answer."""
    people = getattr(packet.x, "people", None)
    if people and "away" in people[0]:
        client.reply(f"{numerics.RPL_AWAY:03}", client.nick, people[0]["name"], people[0]["away"])
    elif packet.msg:
        client.tell(packet.msg)
