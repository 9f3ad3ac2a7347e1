"""The ports for IRC clients (`--irc`, `--ircs`), and what those in browsers need (`--http`, `--https`)."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from twisted.internet.interfaces import IReactorTime

from lanchat.config import options
from lanchat.gateways.factory import ChatFactory
from lanchat.net import tls
from lanchat.ports.listening import add_gateway, add_tls
from lanchat.service.service import ChatService


def add_irc(
    service: ChatService,
    reactor: IReactorTime,
    config: options.Options,
    contexts: tls.Contexts | None,
    make_gateway: Callable[..., ChatFactory],
) -> Callable[[bool], ChatFactory]:
    """Add the ports for IRC clients; returns what makes the gateway for those in browsers, with TLS or without."""
    from lanchat.irc.connection import IrcProtocol, SecureIrcProtocol  # noqa: PLC0415 (takes memory; few need it)
    from lanchat.irc.factory import IrcFactory  # noqa: PLC0415 (as above)
    from lanchat.irc.server import IrcServer, Settings  # noqa: PLC0415 (as above)
    from lanchat.irc_commands import COMMANDS  # noqa: PLC0415 (as above)

    def sts_port() -> int:  # (clients that are sent there accept no certificate that they can't check)
        return over_tls[0].port_number if over_tls and contexts is not None and contexts.suits_everybody else 0

    server = IrcServer(service.chat, Settings(config["irc-name"], config["irc-history"], sts_port), COMMANDS)
    make_irc = partial(make_gateway, make=partial(IrcFactory, server=server))
    add_gateway(service, reactor, config["irc"], make_irc(IrcProtocol))
    over_tls = [] if contexts is None else add_tls(service, reactor, config["ircs"], contexts, make_irc(SecureIrcProtocol))

    def make_for_browsers(with_tls: bool) -> ChatFactory:
        from lanchat.irc.websocket import IrcWebSocketProtocol, SecureIrcWebSocketProtocol  # noqa: PLC0415 (as above)

        return make_irc(SecureIrcWebSocketProtocol if with_tls else IrcWebSocketProtocol)

    return make_for_browsers
