"""The ports for clients of all kinds."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from twisted.internet.interfaces import IReactorTime

from lanchat.config import options
from lanchat.gateways.certified import Certified
from lanchat.gateways.factory import ChatFactory
from lanchat.gateways.json_protocol import ChatProtocol
from lanchat.gateways.telnet import TelnetProtocol
from lanchat.net import tls
from lanchat.ports.irc import add_irc
from lanchat.ports.listening import add_gateway, add_tls
from lanchat.ports.webchat import add_webchat
from lanchat.service.service import ChatService

if TYPE_CHECKING:
    from lanchat.webchat.hosts import Hosts


class CertifiedProtocol(Certified, ChatProtocol):
    """A JSON client over TLS."""

    gateway = "tls"


def add_gateways(
    service: ChatService,
    reactor: IReactorTime,
    config: options.Options,
    contexts: tls.Contexts | None,
    make_gateway: Callable[..., ChatFactory],
) -> Hosts | None:
    """Add the ports for clients of all kinds; `contexts` are None if none of them has TLS. Returns the names for browsers."""
    add_gateway(service, reactor, config["port"], make_gateway(ChatProtocol))
    add_gateway(service, reactor, config["telnet"], make_gateway(TelnetProtocol))
    if contexts is not None:
        add_tls(service, reactor, config["tls"], contexts, make_gateway(CertifiedProtocol))
    with_irc = bool(config["irc"] or config["ircs"])
    make_irc = add_irc(service, reactor, config, contexts, make_gateway) if with_irc else None
    if not config["http"] and not config["https"]:
        return None
    return add_webchat(service, reactor, config, contexts, make_gateway, make_irc)
