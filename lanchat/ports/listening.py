"""What all kinds of ports need: a listener for clients, with TLS or without."""

from __future__ import annotations

from collections.abc import Callable

from twisted.application.internet import TimerService
from twisted.internet.interfaces import IReactorTime

from lanchat.config import options, preflight
from lanchat.core.router import Router
from lanchat.gateways.connection import Connection
from lanchat.gateways.factory import ChatFactory
from lanchat.net import tls
from lanchat.net.admission import Admission
from lanchat.net.endpoints import make_endpoint
from lanchat.net.listener import Listener
from lanchat.service.service import ChatService
from lanchat.system.exits import exit_with_errors
from lanchat.system.private_files import FileError


def make_factory(
    router: Router, admission: Admission, protocol: type[Connection], make: Callable[..., ChatFactory] = ChatFactory
) -> ChatFactory:
    """The factory of the connections of one kind of client; `make` makes it, if it is of a class of its own."""
    return make(protocol, router=router, admission=admission)


def add_gateway(service: ChatService, reactor: IReactorTime, ports: list[str], factory: ChatFactory) -> None:
    """Add ports on which clients of one kind connect without TLS."""
    for port in ports:
        service.add_port(Listener(f"{factory.gateway} clients", make_endpoint(reactor, port), factory, factory.drain))


def make_contexts(service: ChatService, reactor: IReactorTime, config: options.Options) -> tls.Contexts:
    """The settings of all ports with TLS, whose certificate is checked once a day."""
    try:
        contexts = preflight.as_user(config, lambda: tls.Contexts(*preflight.tls_files(config, config["data"])))
    except FileError as refused:
        exit_with_errors([str(refused)])
    daily = TimerService(tls.DAY, contexts.check_daily)
    daily.clock = reactor
    daily.setServiceParent(service)
    return contexts


def add_tls(
    service: ChatService, reactor: IReactorTime, ports: list[str], contexts: tls.Contexts, factory: ChatFactory
) -> list[Listener]:
    """Add ports on which clients of one kind connect over TLS; returns their listeners."""
    over_tls = tls.TLSFactory(contexts, factory, reactor, factory.router.chat.counts)
    called, drain = f"{factory.gateway} clients", factory.drain
    return [service.add_port(Listener(called, make_endpoint(reactor, port), over_tls, drain)) for port in ports]
