"""`twistd lanchat`: the service made of the options. The one place that knows every part."""

from __future__ import annotations

import gc
import resource
import secrets
import time
from collections.abc import Sequence
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
from lanchat.config.reload import Certificates, ConfiguredLimits, Hangup, Networks, Operators, Reload
from lanchat.core.chat import Chat
from lanchat.core.router import Router
from lanchat.gateways.factory import ChatFactory
from lanchat.gateways.json_protocol import ChatProtocol
from lanchat.gateways.telnet import TelnetProtocol
from lanchat.logs.server import ServerLog
from lanchat.maintenance.retention import Retention
from lanchat.model.session import Session
from lanchat.net import admission, tls
from lanchat.net.endpoints import endpoint
from lanchat.net.listener import Listener
from lanchat.protocol.errors import BadName
from lanchat.protocol.names import key
from lanchat.protocol.packet import visible
from lanchat.service.control import ControlService
from lanchat.service.notify import Notifier
from lanchat.service.operations import Operations
from lanchat.service.service import ChatService
from lanchat.service.store_service import RetentionService
from lanchat.store.store import Store
from lanchat.system.private_files import FileError, exit_with_errors
from lanchat.web.sources import MetricsSources

if TYPE_CHECKING:
    from lanchat.manhole.ssh import ManholeFactory

#: Files besides the clients': some 30 are the server's own (ports, logs, what is kept), and while the house is full there may
#: be a crowd at each of its doors: operators, programs that ask how it is, and those who are refused and read why.
RESERVED_FILES = 96
#: How many there may be where the system sets no limit: Linux allows no more in one process.
MANY_FILES = 1_048_576

#: What twistd reads before it calls `makeService`.
Options = preflight.CheckedOptions

_log = Logger()


def makeService(config: options.Options, reactor: Any = None, checkers: Sequence[ICredentialsChecker] = ()) -> ChatService:
    """The whole server: one router, and a gateway for each kind of port that was asked for.

    `checkers` (twisted.cred) are asked before our own whether somebody may have an account: another directory, say.
    """
    if reactor is None:
        from twisted.internet import reactor  # noqa: PLC0415 (which one it is, is settled only now)
    # A step of the wall clock must not look as if hours had passed: whatever waits here waits by a clock that can't be set.
    reactor.seconds = time.monotonic
    chat = Chat(reactor, secrets.token_hex(4))
    router = Router(chat, commands.run)
    chat.limits.ceilings["users"] = max(1, raise_file_limit() - RESERVED_FILES)
    limits = ConfiguredLimits(chat.limits)
    limits.prepare(config)()
    chat.accounts_only = bool(config["accounts-only"])
    door = admission.Admission(chat.limits, reactor, admission.networks(config["allow"]), chat.counts)
    if admission.ANY in config["allow"]:
        _log.warn("--allow any: connections from everywhere are let in")
    reloading = Reload(config, limits, Networks(door))
    store = _make_store(config, reactor, chat)
    service = _with_store(reloading, reactor, chat, store, checkers)
    service.log = ServerLog(reactor, config.parent, bool(config["log-json"]), config["log-level"])
    _add_gateway(service, reactor, config["port"], ChatFactory(ChatProtocol, router, door))
    _add_gateway(service, reactor, config["telnet"], ChatFactory(TelnetProtocol, router, door))
    contexts = _add_tls(service, reactor, config, ChatFactory(CertifiedProtocol, router, door)) if config["tls"] else None
    if contexts is not None:
        reloading.parts.append(Certificates(contexts, config["data"]))
    if config["manhole"]:
        reloading.parts.append(Operators(_add_manhole(service, router, reactor, config)))
    if config["web"]:
        _add_web(service, reactor, config["web"], MetricsSources(chat, door, store, lambda: service.ready, contexts))
    _add_notifier(service, reactor, reloading)  # the last one: it starts when all doors are open
    # What has been imported by now stays to the end. The garbage collector, which has more to look at with every client who
    # comes, need not look at that each time.
    gc.collect()
    gc.freeze()
    return service


def _make_store(config: options.Options, reactor: Any, chat: Chat) -> Store:
    """The store for this configuration; what it commits goes to the chat's delivery."""
    waiting = partial(chat.limits.__getitem__, "waiting")
    ephemeral = bool(config["ephemeral"])
    store = Store(config["data"], reactor.callFromThread, ephemeral=ephemeral, waiting=waiting, counts=chat.counts)
    store.committed = chat.messages.committed
    return store


def _with_store(
    reloading: Reload, reactor: Any, chat: Chat, store: Store, checkers: Sequence[ICredentialsChecker]
) -> ChatService:
    """The service, with the log, the accounts, what lets people into these, and the administrator's door."""
    config = reloading.started
    hasher = Hasher(reactor.callFromThread)
    checker = AccountChecker(store, hasher)
    portal = Portal(ChatRealm(chat.online.account_by_id, chat.online.account), [checker, *checkers])
    chat.identity = Identity(Gate(portal, reactor), hasher, checker, bool(config["plaintext-passwords"]))
    service = ChatService(chat, store, hasher, config["lobby"], reactor.stop)
    service.reload = reloading.reload
    Hangup(reloading, reactor).setServiceParent(service)
    operations = Operations(chat, store, hasher.hash_new, reloading.read_again, service.ports)
    ControlService(config["data"], operations, reactor).setServiceParent(service)
    if config["retain"]:
        RetentionService(Retention(store, reactor, config["retain"], time.time), reactor).setServiceParent(service)
    return service


def _add_gateway(service: ChatService, reactor: IReactorTime, ports: list[str], factory: ChatFactory) -> None:
    for port in ports:
        service.add_door(Listener(f"{factory.gateway} clients", endpoint(reactor, port), factory, factory.drain))


class CertifiedProtocol(ChatProtocol):
    """A JSON client over TLS. A certificate that it had to show settles its name."""

    gateway = "tls"

    def encryption(self) -> str:
        """The version of TLS that is spoken."""
        return tls.version_of(self.transport)

    def open(self, name: str) -> Session:
        """Ask for a name; raises `BadName` when it is not the certificate's."""
        certified = tls.name_of(self.transport)
        if certified is not None and key(name.strip()) != key(certified.strip()):
            whose = visible(certified, 40) or "nobody"
            raise BadName(f"Your certificate says that you are {whose}. Connect again with that name.")
        return super().open(name)


def _add_tls(service: ChatService, reactor: IReactorTime, config: options.Options, chat: ChatFactory) -> tls.Contexts:
    """Let clients in over TLS; what they agree on it with."""
    try:
        contexts = preflight.as_user(config, lambda: tls.Contexts(*preflight.tls_files(config, config["data"])))
    except FileError as refused:
        exit_with_errors([str(refused)])
    for port in config["tls"]:
        factory = tls.TLSFactory(contexts, chat, reactor, chat.router.chat.counts)
        service.add_door(Listener("tls clients", endpoint(reactor, port), factory, chat.drain))
    daily = TimerService(tls.DAY, contexts.look_after)
    daily.clock = reactor
    daily.setServiceParent(service)
    return contexts


def _add_manhole(service: ChatService, router: Router, reactor: IReactorTime, config: options.Options) -> ManholeFactory:
    from lanchat.manhole import keys, ssh  # noqa: PLC0415 (conch imports a reactor, and most servers have no manhole)

    def read_keys() -> ManholeFactory:
        return ssh.ManholeFactory(service, router, keys.authorized(config["manhole-keys"]), keys.host_keys(config["data"]))

    try:
        factory = preflight.as_user(config, read_keys)
    except FileError as refused:
        exit_with_errors([str(refused)])
    for port in config["manhole"]:
        listener = Listener("manhole operators (SSH)", endpoint(reactor, port), factory, factory.drain)
        listener.setServiceParent(service)
    return factory


def _add_web(service: ChatService, reactor: Any, ports: list[str], watched: MetricsSources) -> None:
    from lanchat.web.factory import make_factory  # noqa: PLC0415 (most servers have none, and Prometheus' library takes memory)

    factory = make_factory(watched, reactor)
    for port in ports:
        listener = Listener("web readers (health and metrics)", endpoint(reactor, port), factory, factory.drain)
        listener.setServiceParent(service)


def _add_notifier(service: ChatService, reactor: Any, reloading: Reload) -> None:
    notifier = Notifier(reactor, service.chat.online.__len__)
    service.on_drain(notifier.draining)
    reloading.before.append(notifier.reloading)
    reloading.after.append(notifier.reloaded)
    notifier.setServiceParent(service)


def raise_file_limit() -> int:
    """Every client takes a file descriptor, and the usual soft limit is 1024: take all that we may have; how many that is."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return MANY_FILES if hard == resource.RLIM_INFINITY else hard
