"""`twistd lanchat`: the options, and the service made of them. The one place that knows every part."""

from __future__ import annotations

import gc
import resource
import secrets
import select
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from twisted.application.internet import TimerService
from twisted.application.service import MultiService
from twisted.cred.checkers import ICredentialsChecker
from twisted.cred.portal import Portal
from twisted.internet.endpoints import serverFromString
from twisted.internet.interfaces import IReactorTime
from twisted.internet.main import installReactor
from twisted.logger import Logger
from twisted.python import usage

from lanchat import certificates, commands, edge, tls
from lanchat.control import ControlService
from lanchat.errors import BadName
from lanchat.gateways.factory import ChatFactory
from lanchat.gateways.line import ChatProtocol
from lanchat.gateways.telnet import TelnetProtocol
from lanchat.identity import Identity
from lanchat.limits import LIMITS, Limits
from lanchat.listener import Listener
from lanchat.login import Gate
from lanchat.names import key
from lanchat.operations import Operations
from lanchat.packet import visible
from lanchat.passwords import Hasher
from lanchat.ports import endpoints
from lanchat.realm import AccountChecker, ChatRealm
from lanchat.rooms import parse_name as parse_room
from lanchat.router import Router
from lanchat.safekeeping import Refused, default_data
from lanchat.service import ChatService
from lanchat.session import Session
from lanchat.store.retention import Retention, parse as parse_rule
from lanchat.store.store import Store

DEFAULT_PORT = "5000"
#: Seconds between two looks for what is not to be kept any longer.
SWEEP_SECONDS = 3600.0
#: Files besides the clients': logs, listening ports, keys, and the last words of those who are refused.
RESERVED_FILES = 32
#: How many there may be where the system sets no limit: Linux allows no more in one process.
MANY_FILES = 1_048_576

_log = Logger()


class Options(usage.Options):
    """What `twistd lanchat` can be told."""

    optFlags = (  # noqa: N815 (Twisted's name for it)
        ["ephemeral", None, "Keep no message: what is said is handed on to those who are there, and gone."],
        ["accounts-only", None, "Let in nobody without an account."],
        ["plaintext-passwords", None, "Take passwords over connections that others can read, too."],
    )  # fmt: skip

    longdesc = (
        "A private chat server for a local network. PORT is a number (all addresses, IPv4 and IPv6), or a Twisted endpoint "
        "string such as tcp:5000:interface=192.168.1.7, taken as written. Options for ports may be given more than once. "
        "Limits, with their defaults: "
        + "; ".join(f"{name}={limit.default:g} ({limit.unit})" for name, limit in LIMITS.items())
    )

    def __init__(self) -> None:
        super().__init__()
        self["port"], self["tls"], self["telnet"], self["manhole"] = [], [], [], []
        self["tls-key"] = self["tls-cert"] = self["tls-client-ca"] = None
        self["manhole-keys"] = None
        self["data"] = default_data()
        self["limit"], self["allow"] = [], []
        self["retain"], self["lobby"] = [], None

    def opt_port(self, port: str) -> None:
        """Listen for JSON clients on this port. [default: 5000, if there is no --tls]"""
        self["port"] += endpoints(port)

    def opt_tls(self, port: str) -> None:
        """Listen for JSON clients with TLS on this port. [default: off]"""
        self["tls"] += endpoints(port)

    def opt_tls_key(self, file: str) -> None:
        """The private key for TLS (PEM); it and the certificate are read again when they change. [default: made]"""
        self["tls-key"] = Path(file)

    def opt_tls_cert(self, file: str) -> None:
        """The certificate for TLS, and those it depends on after it (PEM). [default: made, signed by an authority in --data]"""
        self["tls-cert"] = Path(file)

    def opt_tls_client_ca(self, file: str) -> None:
        """Let in, with TLS, only clients with a certificate of this authority; it gives them their name. [default: none]"""
        self["tls-client-ca"] = Path(file)

    def opt_telnet(self, port: str) -> None:
        """Listen for telnet and nc (plain text) on this port. [default: off]"""
        self["telnet"] += endpoints(port)

    def opt_manhole(self, port: str) -> None:
        """Listen for operators, who get a Python prompt in the server over SSH; a number is on loopback only. [default: off]"""
        self["manhole"] += endpoints(port, loopback=True)

    def opt_manhole_keys(self, file: str) -> None:
        """The public keys that may enter the manhole, in the format of authorized_keys. [default: none]"""
        self["manhole-keys"] = Path(file)

    def opt_limit(self, limit: str) -> None:
        """Change a limit, as NAME=VALUE, or lift it: NAME=off. [defaults: below]"""
        name, _, value = limit.partition("=")
        try:
            Limits().set(name, value)
        except ValueError as error:
            raise usage.UsageError(f"--limit {limit}: {error}.") from None
        self["limit"].append((name, value))

    def opt_allow(self, network: str) -> None:
        """Let in connections from this network only; `any` is everywhere. [default: loopback and private networks]"""
        try:
            edge.networks([network])
        except ValueError as error:
            raise usage.UsageError(f"--allow {network}: {error}. Write a network such as 192.168.0.0/16, or any.") from None
        self["allow"].append(network)

    def opt_retain(self, rule: str) -> None:
        """Keep messages so long (90d), or so many bytes (2G), in all or in one room (#ops=30d). [default: all, for ever]"""
        try:
            self["retain"].append(parse_rule(rule))
        except ValueError as error:
            raise usage.UsageError(f"--retain {rule}: {error}") from None

    def opt_lobby(self, room: str) -> None:
        """A room that everybody is in, such as #lobby. [default: none]"""
        try:
            self["lobby"] = parse_room(room)
        except BadName as error:
            raise usage.UsageError(f"--lobby {room}: {error}") from None

    def opt_data(self, directory: str) -> None:
        """Keep what must last in this directory. [default: $STATE_DIRECTORY, else lanchat in your state home]"""
        self["data"] = Path(directory)

    def postOptions(self) -> None:
        """What was not said has its default, the reactor too."""
        install_reactor()
        if not self["port"] and not self["tls"]:
            self.opt_port(DEFAULT_PORT)
        if (self["tls-key"] is None) != (self["tls-cert"] is None):
            raise usage.UsageError("--tls-key and --tls-cert belong together: give both, or neither.")
        if not self["tls"] and (self["tls-key"] or self["tls-client-ca"]):
            raise usage.UsageError("--tls-key, --tls-cert and --tls-client-ca need --tls PORT, where to listen.")
        if self["ephemeral"] and self["retain"]:
            raise usage.UsageError("--ephemeral keeps no message, so there is nothing for --retain: leave one of them out.")
        if self["manhole"] and self["manhole-keys"] is None:
            raise usage.UsageError("--manhole needs --manhole-keys FILE, the public keys that may enter.")
        if self["manhole-keys"] is not None and not self["manhole"]:
            raise usage.UsageError("--manhole-keys needs --manhole PORT, where to listen for their owners.")


def makeService(config: Options, reactor: Any = None, checkers: Sequence[ICredentialsChecker] = ()) -> ChatService:
    """The whole server: one router, and a gateway for each kind of port that was asked for.

    `checkers` (twisted.cred) are asked before our own whether somebody may have an account: another directory, say.
    """
    if reactor is None:
        from twisted.internet import reactor  # noqa: PLC0415 (which one it is, is settled only now)
    # A step of the wall clock must not look as if hours had passed: whatever waits here waits by a clock that can't be set.
    reactor.seconds = time.monotonic
    router = Router(reactor, commands.run, secrets.token_hex(4))
    for name, value in config["limit"]:
        router.limits.set(name, value)
    router.limits.values["users"] = min(router.limits["users"], max(1, raise_file_limit() - RESERVED_FILES))
    router.accounts_only = bool(config["accounts-only"])
    door = edge.Edge(router.limits, reactor, edge.networks(config["allow"]))
    if edge.ANY in config["allow"]:
        _log.warn("--allow any: connections from everywhere are let in")
    service = _with_store(config, reactor, router, checkers)
    _add_gateway(service, reactor, config["port"], ChatFactory(ChatProtocol, router, door))
    _add_gateway(service, reactor, config["telnet"], ChatFactory(TelnetProtocol, router, door))
    if config["tls"]:
        _add_tls(service, reactor, config, ChatFactory(CertifiedProtocol, router, door))
    if config["manhole"]:
        _add_manhole(service, reactor, config, router)
    # What has been imported by now stays to the end. The garbage collector, which has more to look at with every client who
    # comes, need not look at that each time.
    gc.collect()
    gc.freeze()
    return service


def _with_store(config: Options, reactor: Any, router: Router, checkers: Sequence[ICredentialsChecker]) -> ChatService:
    """The service, with the log, the accounts, what lets people into these, and the administrator's door."""
    waiting = partial(router.limits.__getitem__, "waiting")
    store = Store(config["data"], reactor.callFromThread, ephemeral=bool(config["ephemeral"]), waiting=waiting)
    store.committed = router.delivery.committed
    hasher = Hasher(reactor.callFromThread)
    checker = AccountChecker(store, hasher)
    portal = Portal(ChatRealm(router.registry.account_by_id, router.registry.account), [checker, *checkers])
    router.identity = Identity(Gate(portal, reactor), hasher, checker, bool(config["plaintext-passwords"]))
    service = ChatService(router, store, hasher, config["lobby"])
    ControlService(config["data"], Operations(router, store, hasher.hash), reactor).setServiceParent(service)
    if config["retain"]:
        _add_timer(service, reactor, SWEEP_SECONDS, Retention(store, reactor, config["retain"], time.time).sweep)
    return service


def _add_gateway(service: MultiService, reactor: IReactorTime, ports: list[str], factory: ChatFactory) -> None:
    for port in ports:
        listener = Listener(f"{factory.gateway} clients", serverFromString(reactor, port), factory, factory.drain)
        listener.setServiceParent(service)


class CertifiedProtocol(ChatProtocol):
    """A JSON client over TLS. A certificate that it had to show settles its name."""

    gateway = "tls"

    def open(self, name: str) -> Session:
        """Ask for a name; raises `BadName` when it is not the certificate's."""
        certified = tls.name_of(self.transport)
        if certified is not None and key(name.strip()) != key(certified.strip()):
            whose = visible(certified, 40) or "nobody"
            raise BadName(f"Your certificate says that you are {whose}. Connect again with that name.")
        return super().open(name)


def _add_tls(service: MultiService, reactor: IReactorTime, config: Options, chat: ChatFactory) -> None:
    own = None if config["tls-key"] else certificates.Own(config["data"])
    key, cert = (config["tls-key"], config["tls-cert"]) if own is None else (own.key, own.cert)
    try:
        contexts = tls.Contexts(tls.Files(key, cert, config["tls-client-ca"]), own)
    except Refused as refused:
        raise SystemExit(f"lanchat: {refused}") from None
    for port in config["tls"]:
        factory = tls.TLSFactory(contexts, chat, reactor)
        Listener("tls clients", serverFromString(reactor, port), factory, chat.drain).setServiceParent(service)
    _add_timer(service, reactor, tls.DAY, contexts.look_after)


def _add_timer(service: MultiService, reactor: IReactorTime, seconds: float, call: Callable[[], object]) -> None:
    timer = TimerService(seconds, call)
    timer.clock = reactor
    timer.setServiceParent(service)


def _add_manhole(service: MultiService, reactor: IReactorTime, config: Options, router: Router) -> None:
    from lanchat.manhole import door, keys  # noqa: PLC0415 (conch imports a reactor, and most servers have no manhole)

    try:
        factory = door.ManholeFactory(router, keys.authorized(config["manhole-keys"]), keys.host_keys(config["data"]))
    except Refused as refused:
        raise SystemExit(f"lanchat: {refused}") from None
    for port in config["manhole"]:
        listener = Listener("manhole operators (SSH)", serverFromString(reactor, port), factory, factory.drain)
        listener.setServiceParent(service)


def install_reactor() -> None:
    """Make ours the reactor of this process, unless `--reactor` chose one, or the system has no epoll."""
    if "twisted.internet.reactor" not in sys.modules and hasattr(select, "epoll"):
        from lanchat.reactor import Reactor  # noqa: PLC0415 (it can be imported only where there is epoll)

        installReactor(Reactor())


def raise_file_limit() -> int:
    """Every client takes a file descriptor, and the usual soft limit is 1024: take all that we may have; how many that is."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return MANY_FILES if hard == resource.RLIM_INFINITY else hard
