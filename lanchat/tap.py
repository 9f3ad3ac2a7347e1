"""`twistd lanchat`: builds the whole server from its options, the only module that knows all parts."""

from __future__ import annotations

import gc
import secrets
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from twisted.application.internet import TimerService
from twisted.cred.checkers import ICredentialsChecker
from twisted.cred.portal import Portal
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from lanchat import commands
from lanchat.auth.identity import Identity
from lanchat.auth.login_attempts import Gate
from lanchat.auth.passwords import Hasher
from lanchat.auth.realm import AccountChecker, ChatRealm
from lanchat.config import options, preflight
from lanchat.config.reload import (
    ReloadableCertificates,
    ReloadableEditing,
    ReloadableHostNames,
    ReloadableLimits,
    ReloadableNetworks,
    ReloadableOperatorKeys,
    Reloader,
    SighupService,
)
from lanchat.core.chat import Chat
from lanchat.core.router import Router
from lanchat.gateways.certified import Certified
from lanchat.gateways.connection import Connection
from lanchat.gateways.factory import ChatFactory
from lanchat.gateways.json_protocol import ChatProtocol
from lanchat.gateways.telnet import TelnetProtocol
from lanchat.logs.server import ServerLog
from lanchat.maintenance.retention import Retention
from lanchat.net import tls
from lanchat.net.admission import ANY, Admission, parse_networks
from lanchat.net.endpoints import make_endpoint
from lanchat.net.listener import Listener
from lanchat.protocol.limits import Buckets
from lanchat.service.control import ControlService
from lanchat.service.notify import Notifier
from lanchat.service.operations import Operations
from lanchat.service.service import ChatService
from lanchat.service.store_service import RetentionService
from lanchat.service.withdrawals import WithdrawalService
from lanchat.store.store import Store
from lanchat.system.exits import exit_with_errors
from lanchat.system.open_files import raise_file_limit
from lanchat.system.private_files import FileError
from lanchat.web.metrics_sources import MetricsSources

if TYPE_CHECKING:
    from lanchat.manhole.ssh import ManholeFactory
    from lanchat.webchat.hosts import Hosts

#: File descriptors that are reserved: some 30 for the server itself (ports, logs, database), and the rest for operators,
#: readers of the status pages, and refused clients that read why, even when the server is full.
RESERVED_FILES = 96

#: twistd looks for this name before it calls `makeService`.
Options = preflight.CheckedOptions

_log = Logger("lanchat.tap")


def makeService(config: options.Options, reactor: Any = None, checkers: Sequence[ICredentialsChecker] = ()) -> ChatService:
    """Build the server: one router, and a gateway for each kind of port.

    `checkers` (twisted.cred) are asked for credentials before our own, for example to use another directory of users.
    """
    if reactor is None:
        from twisted.internet import reactor  # noqa: PLC0415 (twistd installs it only now)
    # Timers use a monotonic clock, so that setting the system's clock does not look as if hours had passed.
    reactor.seconds = time.monotonic
    chat = Chat(reactor, secrets.token_hex(4))
    router = Router(chat, commands.run)
    chat.limits.ceilings["users"] = max(1, raise_file_limit() - RESERVED_FILES)
    limits = ReloadableLimits(chat.limits)
    limits.prepare(config)()
    chat.accounts_only, chat.rooms_by = bool(config["accounts-only"]), config["rooms-by"]
    editing = ReloadableEditing(chat.changes)
    editing.prepare(config)()
    admission = Admission(chat.limits, reactor, parse_networks(config["allow"]), chat.counts)
    if ANY in config["allow"]:
        _log.warn("--allow any: connections from everywhere are let in")
    reloading = Reloader(config, limits, ReloadableNetworks(admission), editing)
    store = _make_store(config, reactor, chat)
    service = _with_store(reloading, reactor, chat, store, checkers)
    service.log = ServerLog(reactor, config.parent, bool(config["log-json"]), config["log-level"])
    contexts = _make_contexts(service, reactor, config) if config["tls"] or config["ircs"] or config["https"] else None
    if contexts is not None:
        reloading.parts.append(ReloadableCertificates(contexts, config["data"]))
    hosts = _add_gateways(service, reactor, config, contexts, partial(_make_factory, router, admission))
    if hosts is not None:
        reloading.parts.append(ReloadableHostNames(hosts.use))
    if config["manhole"]:
        reloading.parts.append(ReloadableOperatorKeys(_add_manhole(service, router, reactor, config)))
    if config["web"]:
        _add_web(service, reactor, config["web"], MetricsSources(chat, admission, store, lambda: service.ready, contexts))
    _add_notifier(service, reactor, reloading)  # the last one: it starts after all ports are open
    # What exists now stays to the end, so the garbage collector need not look at it each time more clients make it run.
    gc.collect()
    gc.freeze()
    return service


def _make_store(config: options.Options, reactor: Any, chat: Chat) -> Store:
    """The store; what it commits is delivered by the chat."""
    waiting = partial(chat.limits.__getitem__, "waiting")
    ephemeral = bool(config["ephemeral"])
    store = Store(config["data"], reactor.callFromThread, ephemeral=ephemeral, waiting=waiting, counts=chat.counts)
    store.committed = chat.stored.committed
    return store


def _with_store(
    reloading: Reloader, reactor: Any, chat: Chat, store: Store, checkers: Sequence[ICredentialsChecker]
) -> ChatService:
    """The service with its store, accounts, logins, retention and control socket."""
    config = reloading.started
    hasher = Hasher(reactor.callFromThread)
    checker = AccountChecker(store, hasher)
    portal = Portal(ChatRealm(chat.online.account_by_id, chat.online.account), [checker, *checkers])
    chat.identity = Identity(Gate(portal, reactor), hasher, checker, bool(config["plaintext-passwords"]))
    service = ChatService(chat, store, hasher, config["lobby"], reactor.stop)
    service.reload = reloading.reload
    SighupService(reloading, reactor).setServiceParent(service)
    operations = Operations(chat, store, hasher.hash_new, reloading.reload_for, service.ports)
    ControlService(config["data"], operations, reactor).setServiceParent(service)
    WithdrawalService(chat, operations.erase_traces).setServiceParent(service)
    if config["retain"]:
        RetentionService(Retention(store, reactor, config["retain"], time.time), reactor).setServiceParent(service)
    return service


def _add_gateways(
    service: ChatService,
    reactor: IReactorTime,
    config: options.Options,
    contexts: tls.Contexts | None,
    make_gateway: Callable[..., ChatFactory],
) -> Hosts | None:
    """Add the ports for clients of all kinds; `contexts` are None if none of them has TLS. Returns the names for browsers."""
    _add_gateway(service, reactor, config["port"], make_gateway(ChatProtocol))
    _add_gateway(service, reactor, config["telnet"], make_gateway(TelnetProtocol))
    if contexts is not None:
        _add_tls(service, reactor, config["tls"], contexts, make_gateway(CertifiedProtocol))
    with_irc = bool(config["irc"] or config["ircs"])
    make_irc = _add_irc(service, reactor, config, contexts, make_gateway) if with_irc else None
    if not config["http"] and not config["https"]:
        return None
    return _add_webchat(service, reactor, config, contexts, make_gateway, make_irc)


def _make_factory(
    router: Router, admission: Admission, protocol: type[Connection], make: Callable[..., ChatFactory] = ChatFactory
) -> ChatFactory:
    return make(protocol, router=router, admission=admission)


def _add_gateway(service: ChatService, reactor: IReactorTime, ports: list[str], factory: ChatFactory) -> None:
    for port in ports:
        service.add_port(Listener(f"{factory.gateway} clients", make_endpoint(reactor, port), factory, factory.drain))


class CertifiedProtocol(Certified, ChatProtocol):
    """A JSON client over TLS."""

    gateway = "tls"


def _make_contexts(service: ChatService, reactor: IReactorTime, config: options.Options) -> tls.Contexts:
    """The settings of all ports with TLS, whose certificate is checked once a day."""
    try:
        contexts = preflight.as_user(config, lambda: tls.Contexts(*preflight.tls_files(config, config["data"])))
    except FileError as refused:
        exit_with_errors([str(refused)])
    daily = TimerService(tls.DAY, contexts.check_daily)
    daily.clock = reactor
    daily.setServiceParent(service)
    return contexts


def _add_tls(
    service: ChatService, reactor: IReactorTime, ports: list[str], contexts: tls.Contexts, factory: ChatFactory
) -> list[Listener]:
    over_tls = tls.TLSFactory(contexts, factory, reactor, factory.router.chat.counts)
    called, drain = f"{factory.gateway} clients", factory.drain
    return [service.add_port(Listener(called, make_endpoint(reactor, port), over_tls, drain)) for port in ports]


def _add_irc(
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
    _add_gateway(service, reactor, config["irc"], make_irc(IrcProtocol))
    over_tls = [] if contexts is None else _add_tls(service, reactor, config["ircs"], contexts, make_irc(SecureIrcProtocol))

    def make_for_browsers(with_tls: bool) -> ChatFactory:
        from lanchat.irc.websocket import IrcWebSocketProtocol, SecureIrcWebSocketProtocol  # noqa: PLC0415 (as above)

        return make_irc(SecureIrcWebSocketProtocol if with_tls else IrcWebSocketProtocol)

    return make_for_browsers


def _add_webchat(  # noqa: PLR0913, PLR0917 (it is called in one place)
    service: ChatService,
    reactor: IReactorTime,
    config: options.Options,
    contexts: tls.Contexts | None,
    make_gateway: Callable[..., ChatFactory],
    make_irc: Callable[[bool], ChatFactory] | None,
) -> Hosts:
    """Add the ports of the chat page, and of IRC clients in browsers; returns the names under which browsers may reach it."""
    from lanchat.gateways.websocket import SecureWebSocketProtocol, WebSocketProtocol  # noqa: PLC0415 (takes memory; few need it)
    from lanchat.webchat.channel import WebchatFactory  # noqa: PLC0415 (as above)
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
    websockets = make_gateway(WebSocketProtocol)
    chat = websockets.router.chat
    requests = Buckets(chat.limits, "requests")
    factory = WebchatFactory(site, websockets, requests, make_irc and make_irc(False))
    for port in config["http"]:
        service.add_port(Listener("browsers", make_endpoint(reactor, port), factory, factory.drain))
    if contexts is None:
        return site.hosts
    websockets = make_gateway(SecureWebSocketProtocol)
    factory = WebchatFactory(site, websockets, requests, make_irc and make_irc(True))
    with_tls = SecureFactory(contexts, factory, reactor, chat.counts, site.hosts)
    for port in config["https"]:
        over_tls.append(Listener("browsers over TLS", make_endpoint(reactor, port), with_tls, factory.drain))
        service.add_port(over_tls[-1])
    return site.hosts


def _add_manhole(service: ChatService, router: Router, reactor: IReactorTime, config: options.Options) -> ManholeFactory:
    from lanchat.manhole import keys, ssh  # noqa: PLC0415 (conch imports a reactor, and most servers have no manhole)

    def read_keys() -> ManholeFactory:
        return ssh.ManholeFactory(
            service, router, keys.read_authorized_keys(config["manhole-keys"]), keys.host_keys(config["data"])
        )

    try:
        factory = preflight.as_user(config, read_keys)
    except FileError as refused:
        exit_with_errors([str(refused)])
    for port in config["manhole"]:
        listener = Listener("manhole operators (SSH)", make_endpoint(reactor, port), factory, factory.drain)
        listener.setServiceParent(service)
    return factory


def _add_web(service: ChatService, reactor: Any, ports: list[str], sources: MetricsSources) -> None:
    from lanchat.web.factory import make_factory  # noqa: PLC0415 (prometheus_client takes memory, and few need it)

    factory = make_factory(sources, reactor)
    for port in ports:
        listener = Listener("web readers (health and metrics)", make_endpoint(reactor, port), factory, factory.drain)
        listener.setServiceParent(service)


def _add_notifier(service: ChatService, reactor: Any, reloading: Reloader) -> None:
    notifier = Notifier(reactor, service.chat.online.__len__)
    service.on_drain(notifier.draining)
    reloading.before.append(notifier.reloading)
    reloading.after.append(notifier.reloaded)
    notifier.setServiceParent(service)
