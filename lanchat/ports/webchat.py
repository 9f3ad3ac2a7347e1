"""The ports of the chat page, and of programs that send requests (`--http`, `--https`)."""

from __future__ import annotations

import socket
from collections.abc import Awaitable, Callable, Iterable, Sequence
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from twisted.internet.interfaces import IProtocolFactory, IReactorTime

from lanchat.config import options, preflight
from lanchat.gateways.factory import ChatFactory
from lanchat.net import tls
from lanchat.net.endpoints import make_endpoint
from lanchat.net.listener import Listener, open_port
from lanchat.protocol.limits import Buckets
from lanchat.service.service import ChatService
from lanchat.state.file_links import Ports

if TYPE_CHECKING:
    from lanchat.webchat.channel import WebchatFactory
    from lanchat.webchat.hooks import HookDoor
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
    from lanchat.hooks.reading import read  # noqa: PLC0415 (takes memory; few need it)
    from lanchat.ports.files import file_resources  # noqa: PLC0415 (as above)
    from lanchat.webchat.hook_files import HookFiles  # noqa: PLC0415 (as above)
    from lanchat.webchat.hooks import HookDoor  # noqa: PLC0415 (as above)
    from lanchat.webchat.secure import SecureFactory  # noqa: PLC0415 (as above)
    from lanchat.webchat.site import make_site  # noqa: PLC0415 (as above)

    chat, plain, over_tls = service.chat, list[Listener](), list[Listener]()
    own = None if contexts is None else preflight.tls_files(config, config["data"])[1]
    site = make_site(
        config["http-name"],
        plaintext=bool(config["plaintext-passwords"]),
        https_ports=lambda: [port for listener in over_tls if (port := listener.port_number)],
        authority=own and own.authority,
    )
    chat.uploads.links.fixed = config["files-url"]
    chat.uploads.links.ports = lambda: Ports(open_port(plain), open_port(over_tls))
    chat.hooks.base = lambda: config["files-url"] or _base(config["http-name"], plain, over_tls)
    takes_files = HookFiles(chat.hooks, chat.uploads, service.blobs, chat.limits, lambda: service.store.epoch)
    door = HookDoor(chat.hooks, chat.clock, read, takes_files)
    shared = _Shared(site, Buckets(chat.limits, "requests"), [*file_resources(service), door], make_gateway, make_irc)
    factory = _make_factory(shared, with_tls=False)
    plain += _listen(service, reactor, config["http"], "browsers", factory, partial(_drain, door, factory))
    if contexts is not None:
        factory = _make_factory(shared, with_tls=True)
        with_tls = SecureFactory(contexts, factory, reactor, chat.counts, site.hosts)
        over_tls += _listen(service, reactor, config["https"], "browsers over TLS", with_tls, partial(_drain, door, factory))
    return site.hosts


class _Shared(NamedTuple):
    """What the ports with TLS and those without have in common."""

    site: Site
    requests: Buckets
    resources: Sequence[Resource]
    make_gateway: Callable[..., ChatFactory]
    make_irc: Callable[[bool], ChatFactory] | None


def _make_factory(shared: _Shared, *, with_tls: bool) -> WebchatFactory:
    """What makes the connections of browsers, and of programs that send requests: over TLS, or not."""
    from lanchat.gateways.websocket import SecureWebSocketProtocol, WebSocketProtocol  # noqa: PLC0415 (as above)
    from lanchat.ports.streams import make_streams  # noqa: PLC0415 (as above)
    from lanchat.webchat.channel import WebchatFactory  # noqa: PLC0415 (as above)

    websockets = shared.make_gateway(SecureWebSocketProtocol if with_tls else WebSocketProtocol)
    streams = make_streams(shared.make_gateway, with_tls=with_tls)
    irc = shared.make_irc and shared.make_irc(with_tls)
    return WebchatFactory(shared.site, websockets, shared.requests, irc, [streams, *shared.resources], [streams.gateway])


def _listen(  # noqa: PLR0913, PLR0917 (as above)
    service: ChatService,
    reactor: IReactorTime,
    ports: Iterable[str],
    purpose: str,
    factory: IProtocolFactory,
    drain: Callable[[], Awaitable[None]],
) -> list[Listener]:
    """Add ports; returns their listeners."""
    return [service.add_port(Listener(purpose, make_endpoint(reactor, port), factory, drain)) for port in ports]


async def _drain(door: HookDoor, factory: WebchatFactory) -> None:
    """Answer what was posted to webhooks, and then close all connections."""
    await door.drain()
    await factory.drain()


def _base(names: Sequence[str], plain: Iterable[Listener], over_tls: Iterable[Listener]) -> str:
    """Where programs reach the server over HTTP, such as `http://chat.lan:8080`; "" if no port is open.

    That is the port without TLS, if there is one: most programs would have to be taught to trust the server's own certificate.
    """
    host = names[0] if names else socket.gethostname()
    for scheme, usual, listeners in (("http", 80, plain), ("https", 443, over_tls)):
        if number := open_port(listeners):
            return f"{scheme}://{host}" + (f":{number}" if number != usual else "")
    return ""
