"""`twistd lanchat`: builds the whole server from its options, as the one module that knows all parts."""

from __future__ import annotations

import gc
import secrets
import time
from collections.abc import Sequence
from functools import partial
from typing import Any

from twisted.cred.checkers import ICredentialsChecker
from twisted.cred.portal import Portal
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
from lanchat.logs.server import ServerLog
from lanchat.maintenance.retention import Retention
from lanchat.net.admission import ANY, Admission, parse_networks
from lanchat.ports.clients import add_gateways
from lanchat.ports.listening import make_contexts, make_factory
from lanchat.ports.operators import add_manhole, add_web
from lanchat.service.control import ControlService
from lanchat.service.notify import Notifier
from lanchat.service.operations import Operations
from lanchat.service.outgoing import OutgoingService
from lanchat.service.service import ChatService
from lanchat.service.store_service import RetentionService
from lanchat.service.withdrawals import WithdrawalService
from lanchat.store.store import Store
from lanchat.system.open_files import raise_file_limit
from lanchat.web.metrics_sources import MetricsSources

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
    OutgoingService(chat, store, reactor, admission.includes).setServiceParent(service)
    service.log = ServerLog(reactor, config.parent, bool(config["log-json"]), config["log-level"])
    contexts = make_contexts(service, reactor, config) if config["tls"] or config["ircs"] or config["https"] else None
    if contexts is not None:
        reloading.parts.append(ReloadableCertificates(contexts, config["data"]))
    hosts = add_gateways(service, reactor, config, contexts, partial(make_factory, router, admission))
    if hosts is not None:
        reloading.parts.append(ReloadableHostNames(hosts.use))
    if config["manhole"]:
        reloading.parts.append(ReloadableOperatorKeys(add_manhole(service, router, reactor, config)))
    if config["web"]:
        add_web(service, reactor, config["web"], MetricsSources(chat, admission, store, lambda: service.ready, contexts))
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
    operations.cleaning = service.cleaning
    ControlService(config["data"], operations, reactor).setServiceParent(service)
    service.cleaning.setServiceParent(service)
    WithdrawalService(chat, operations.erase_traces, service.cleaning.soon).setServiceParent(service)
    if config["retain"]:
        retention = Retention(store, reactor, config["retain"], time.time)
        RetentionService(retention, reactor, service.cleaning.soon).setServiceParent(service)
    return service


def _add_notifier(service: ChatService, reactor: Any, reloading: Reloader) -> None:
    notifier = Notifier(reactor, service.chat.online.__len__)
    service.on_drain(notifier.draining)
    reloading.before.append(notifier.reloading)
    reloading.after.append(notifier.reloaded)
    notifier.setServiceParent(service)
