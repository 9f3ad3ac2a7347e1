"""What is said: PRIVMSG and NOTICE (RFC 2812, 3.3), and tags without a text (IRCv3 "Message Tags")."""

from __future__ import annotations

from lanchat.irc import numerics
from lanchat.irc.client import NOBODY, IrcClient
from lanchat.irc.command import IrcCommand, Numeric
from lanchat.irc.message import Message
from lanchat.protocol.entry import ACTION, NOTICE
from lanchat.protocol.extensions import ServerX, X
from lanchat.protocol.packet import Packet, ServerPacket

#: How many targets one command may have.
MAX_TARGETS = 4
_ACTION = "\x01ACTION "


def _say(client: IrcClient, message: Message) -> None:
    if not message.params or not message.params[0]:
        raise Numeric(numerics.ERR_NORECIPIENT)
    if len(message.params) == 1 or not message.params[1]:
        raise Numeric(numerics.ERR_NOTEXTTOSEND)
    targets = message.params[0].split(",")
    if len(targets) > MAX_TARGETS:
        raise Numeric(numerics.ERR_TOOMANYTARGETS, message.params[0])
    kind, text = NOTICE if message.command == "NOTICE" else None, message.params[1]
    if text.startswith(_ACTION):
        kind, text = ACTION, text[len(_ACTION) :].removesuffix("\x01")
    for target in targets:
        _say_to(client, target, text, kind)


def _say_to(client: IrcClient, target: str, text: str, kind: str | None) -> None:
    session = client.session
    assert session is not None  # noqa: S101 (the table lets nobody else speak)
    cid = client.server.new_cid()
    echo = ServerPacket(session.sender, target, text, ServerX(kind=kind))
    client.said[cid] = echo, client.request
    if client.request is not None:
        client.request.deferred = True
    client.router.receive(session, Packet(NOBODY, target, text, X(cid=cid, kind=kind)))
    if not session.has_cap("ack") and not session.pending:
        client.said.pop(cid, None)


COMMANDS = {
    "PRIVMSG": IrcCommand(_say, 0, "<target>{,<target>} <text>", "say something to a channel or a user", targets=MAX_TARGETS),
    "NOTICE": IrcCommand(_say, 0, "<target>{,<target>} <text>", "say something that needs no answer", targets=MAX_TARGETS),
}
