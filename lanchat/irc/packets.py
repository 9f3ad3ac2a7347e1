"""Packets of the core as lines of IRC: messages, acknowledgements, events, and what the server says."""

from __future__ import annotations

from lanchat.irc import numerics
from lanchat.irc.client import IrcClient
from lanchat.irc.command import for_irc
from lanchat.irc.message import line, middle
from lanchat.irc.people import sender_mask
from lanchat.irc.request import Said
from lanchat.irc.shapes import OPS, TAGS
from lanchat.protocol.entry import REACT
from lanchat.protocol.events import TYPING
from lanchat.protocol.extensions import ServerX
from lanchat.protocol.packet import EVERYONE, SERVER, Sender, ServerPacket

_NO_X = ServerX()


def show(client: IrcClient, packet: ServerPacket) -> None:
    """Show a packet to a client that is registered."""
    x = packet.x or _NO_X
    if x.op in OPS:
        _show_said(client, packet, x)
    elif x.op == "bye":  # (it may be the answer to QUIT, and nobody waits for that any more)
        client.outbox.send(line("ERROR", f"Closing link: {packet.msg}"))
    elif client.answer_came(packet):
        pass
    elif x.cid is not None and (said := client.said.pop(x.cid, None)) is not None:
        _answer_said(client, said, packet, x)
    elif x.op == "event" and x.batch is not None:
        pass  # (what happened earlier is shown only on pages that the client has asked for)
    elif x.op == "event" and x.ev == TYPING:
        _show_typing(client, packet, x)
    elif x.op == "ping":
        client.outbox.send(line("PING", client.server.name, source=client.server.name))
    else:
        _tell(client, packet)


def _show_said(client: IrcClient, packet: ServerPacket, x: ServerX) -> None:
    """Show a message, a change of one, or tags."""
    if x.batch is not None and client.answer_came(packet):
        return
    if packet.from_ == SERVER and packet.to[:1] != "#":
        client.tell(packet.msg)
    elif not x.self_ or "echo-message" in client.caps:
        client.outbox.send(packet.encoded(client.shape))


def _show_typing(client: IrcClient, packet: ServerPacket, x: ServerX) -> None:
    for name in x.who or ():
        session = client.chat.online.find(name)
        source = sender_mask(session.sender if session is not None else Sender(name, SERVER.ip), session)
        client.outbox.send(line("TAGMSG", packet.to, source=source, tags={"+typing": "active"}))


def _tell(client: IrcClient, packet: ServerPacket) -> None:
    """Show what the server says that is no answer."""
    people = getattr(packet.x, "people", None)
    if people and "away" in people[0]:
        client.reply(f"{numerics.RPL_AWAY:03}", client.nick, people[0]["name"], people[0]["away"])
    elif packet.msg:
        client.tell(packet.msg)


# What becomes of what the client has said.


def _answer_said(client: IrcClient, said: Said, packet: ServerPacket, x: ServerX) -> None:
    """Echo a message that is stored, or passed on, if the client asked for that; or tell why it is refused."""
    before, client.request = client.request, said.request
    if x.op == "fail":
        _refuse(client, said, packet, x)
    else:
        if x.op == "ack" and "echo-message" in client.caps:
            _echo(client, said, x)
        if packet.msg and x.n is None and said.command != "NOTICE":  # (nobody is there to read it)
            client.reply(f"{numerics.RPL_AWAY:03}", client.nick, middle(said.target), packet.msg)
    client.request = before
    if said.request is not None:
        said.request.waiting -= 1
        client.send_answer(said.request)


def _echo(client: IrcClient, said: Said, x: ServerX) -> None:
    session, sent = client.session, said.packet.x
    assert session is not None  # noqa: S101 (or nothing were said)
    assert sent is not None  # noqa: S101 (it has a `cid`)
    op = TAGS if said.command == "TAGMSG" else None
    echoed = ServerX(op=op, id=x.id, ts=x.ts, re=sent.re, kind=sent.kind, tags=sent.tags)
    to = EVERYONE if said.packet.to == EVERYONE else said.target
    for tags, rest in client.shape.lines(ServerPacket(session.sender, to, said.packet.msg, echoed)):
        client.add_line(tags, rest)


def _refuse(client: IrcClient, said: Said, packet: ServerPacket, x: ServerX) -> None:
    """Tell that something was not passed on. A notice is never answered (RFC 2812, 3.3.2)."""
    if said.command == "NOTICE":
        return
    of_room, target = said.target.startswith("#"), middle(said.target)
    if x.code == "NO_SUCH_TARGET" and said.packet.to != f"/{REACT}":
        client.numeric(numerics.ERR_NOSUCHCHANNEL if of_room else numerics.ERR_NOSUCHNICK, target)
        return
    number = numerics.ERR_CANNOTSENDTOCHAN if of_room else numerics.ERR_CANNOTSENDTOUSER
    why = "Cannot send to channel (+n): you are not in it" if x.code == "NOT_MEMBER" else for_irc(packet.msg)
    client.reply(f"{number:03}", client.nick, target, why)
