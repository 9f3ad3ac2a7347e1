"""The ports of the chat page (`--http`, `--https`)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING

from twisted.internet.interfaces import IReactorTime

from lanchat.config import options, preflight
from lanchat.gateways.factory import ChatFactory
from lanchat.net import tls
from lanchat.net.endpoints import make_endpoint
from lanchat.net.listener import Listener
from lanchat.protocol.limits import Buckets
from lanchat.service.service import ChatService

if TYPE_CHECKING:
    from lanchat.webchat.channel import WebchatFactory
    from lanchat.webchat.hosts import Hosts
    from lanchat.webchat.resources import Resource
    from lanchat.webchat.site import Site


def add_webchat(  # noqa: PLR0913, PLR0917 (it is called in one place)
    service: ChatService,
    reactor: IReactorTime,
    config: options.Options,
    contexts: tls.Contexts | None,
    make_gateway: Callable[..., ChatFactory],
    make_irc: Callable[[bool], ChatFactory] | None,
) -> Hosts:
    """Add the ports of the chat page, and of IRC clients in browsers; returns the names under which browsers may reach it."""
    from lanchat.ports.files import file_resources  # noqa: PLC0415 (takes memory; few need it)
    from lanchat.webchat.secure import SecureFactory  # noqa: PLC0415 (as above)
    from lanchat.webchat.site import make_site  # noqa: PLC0415 (as above)

    own = None if contexts is None else preflight.tls_files(config, config["data"])[1]
    over_tls: list[Listener] = []
    site = make_site(
        config["http-name"],
        plaintext=bool(config["plaintext-passwords"]),
        https_ports=lambda: [port for listener in over_tls if (port := listener.port_number)],
        authority=own and own.authority,
    )
    requests = Buckets(service.chat.limits, "requests")
    make_factory = partial(_make_factory, site, requests, file_resources(service), make_gateway, make_irc)
    factory = make_factory(with_tls=False)
    for port in config["http"]:
        service.add_port(Listener("browsers", make_endpoint(reactor, port), factory, factory.drain))
    if contexts is not None:
        factory = make_factory(with_tls=True)
        with_tls = SecureFactory(contexts, factory, reactor, service.chat.counts, site.hosts)
        for port in config["https"]:
            over_tls.append(Listener("browsers over TLS", make_endpoint(reactor, port), with_tls, factory.drain))
            service.add_port(over_tls[-1])
    return site.hosts


def _make_factory(  # noqa: PLR0913 (it is called in one place)
    site: Site,
    requests: Buckets,
    resources: Sequence[Resource],
    make_gateway: Callable[..., ChatFactory],
    make_irc: Callable[[bool], ChatFactory] | None,
    *,
    with_tls: bool,
) -> WebchatFactory:
    """What makes the connections of browsers, and of programs that send requests: over TLS, or not."""
    from lanchat.gateways.stream import SecureStreamProtocol, StreamFactory, StreamProtocol  # noqa: PLC0415 (as above)
    from lanchat.gateways.websocket import SecureWebSocketProtocol, WebSocketProtocol  # noqa: PLC0415 (as above)
    from lanchat.webchat.channel import WebchatFactory  # noqa: PLC0415 (as above)
    from lanchat.webchat.streams import Streams  # noqa: PLC0415 (as above)

    websockets = make_gateway(SecureWebSocketProtocol if with_tls else WebSocketProtocol)
    streams = make_gateway(SecureStreamProtocol if with_tls else StreamProtocol, make=StreamFactory)
    irc = make_irc and make_irc(with_tls)
    return WebchatFactory(site, websockets, requests, irc, [*resources, Streams(streams)], [streams])
