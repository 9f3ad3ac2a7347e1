"""Reload: while the server runs, what can be read again is: limits, who may connect, certificates, the operators' keys.

Everything is looked at first. When anything is wrong, nothing is changed, and every mistake is told.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from twisted.application.service import Service
from twisted.logger import Logger
from twisted.python import usage

from lanchat.config import preflight
from lanchat.config.options import Options
from lanchat.net import admission
from lanchat.net.tls import Contexts
from lanchat.protocol.errors import Usage
from lanchat.protocol.limits import Limits, format_value
from lanchat.protocol.packet import visible
from lanchat.service.requests import MISTAKES, Done, Failed, counted
from lanchat.system.private_files import FileError

if TYPE_CHECKING:
    from lanchat.manhole.ssh import ManholeFactory

#: Takes what was prepared, and says what is so now, a line for each thing.
Take = Callable[[], list[str]]

_log = Logger("lanchat.reload")


class Part(Protocol):
    """Something that can be read again."""

    #: The options that it is about.
    options: frozenset[str]

    def prepare(self, config: Options) -> Take:
        """Look at all that these options say now, and change nothing yet; raises `FileError`."""


class Reload:
    """Reads again what its parts are about."""

    def __init__(self, config: Options, *parts: Part) -> None:
        self.parts = list(parts)
        #: Called before anything is read, and when all is over, however it went.
        self.before: list[Callable[[], object]] = []
        self.after: list[Callable[[], object]] = []
        #: What the server was started with.
        self.started = config
        self._latest = config

    async def reload(self) -> str:
        """What came of it, for people: what is so now, what takes a restart; raises `Usage` that tells each mistake."""
        outcome = self.read_again("an operator")
        if isinstance(outcome, Failed):
            raise Usage(outcome.text)
        return outcome.text

    def read_again(self, who: str) -> Done | Failed:
        """What came of it, when `who` asks, which is noted in the log."""
        for hook in self.before:
            hook()
        try:
            outcome = self._read_again()
        finally:
            for hook in self.after:
                hook()
        say = _log.error if isinstance(outcome, Failed) else _log.info
        for line in outcome.text.splitlines():
            say("reload ({who}): {line}", who=who, line=visible(line), audit=True)
        return outcome

    def _read_again(self) -> Done | Failed:
        try:
            fresh = self._latest.afresh()
            takes = [part.prepare(fresh) for part in self.parts]
        except (usage.UsageError, FileError) as error:
            return _failed(str(error).splitlines())
        self._latest = fresh
        return _done([line for take in takes for line in take()], self._waiting(fresh))

    def _waiting(self, fresh: Options) -> list[str]:
        """The options that are not what they were at the start, and can't change while the server runs."""
        read = {"config"}.union(*(part.options for part in self.parts))
        return sorted(name for name in fresh if fresh[name] != self.started[name] and name not in read)


def _done(lines: list[str], waiting: list[str]) -> Done:
    said = [*lines, *[f"This takes a restart: {', '.join(waiting)}"] * bool(waiting)]
    return Done("\n".join(said or ["All is as it was."]), {"now": lines, "restart": waiting})


def _failed(wrong: list[str]) -> Failed:
    head = f"There {'is' if len(wrong) == 1 else 'are'} {counted(len(wrong), 'mistake')}, so nothing was changed:"
    return Failed("\n".join([head, *wrong]), MISTAKES, wrong)


class ConfiguredLimits:
    """The limits. One that is not configured has its default, whatever was set at the operators' prompt."""

    options = frozenset({"limit"})

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._configured = dict(limits.values)

    def prepare(self, config: Options) -> Take:
        """The values as configured now."""
        fresh = Limits(self._limits.ceilings)
        for name, value in config["limit"]:
            fresh.set(name, value)
        return lambda: self._take(fresh.values)

    def _take(self, values: dict[str, float]) -> list[str]:
        lines = [self._change(name, value) for name, value in values.items() if value != self._limits[name]]
        self._limits.values.update(values)
        self._configured = values
        return lines

    def _change(self, name: str, value: float) -> str:
        was = self._limits[name]
        prompt = "" if was == self._configured[name] else " set at the operators' prompt"
        return f"limit {name} is {format_value(value)}, and was {format_value(was)}{prompt}"


class Networks:
    """From where one may connect. Those who are connected stay: to send somebody away is another decision."""

    options = frozenset({"allow"})

    def __init__(self, door: admission.Admission) -> None:
        self._door = door

    def prepare(self, config: Options) -> Take:
        """The networks as configured now."""
        networks = admission.networks(config["allow"])
        return lambda: self._take(networks)

    def _take(self, networks: list[admission.Network] | None) -> list[str]:
        if not self._door.allow(networks):
            return []
        where = "everywhere" if networks is None else ", ".join(map(str, networks))
        if outside := self._door.outside():
            return [f"connections are let in from {where}; {counted(outside, 'connection')} from elsewhere may stay"]
        return [f"connections are let in from {where}"]


class Certificates:
    """What new connections with TLS get. Those that there are keep theirs."""

    options = frozenset({"tls-key", "tls-cert", "tls-client-ca"})

    def __init__(self, contexts: Contexts, data: Path) -> None:
        """`data` is where the server keeps all until it is restarted, also the certificates that it makes itself."""
        self._contexts = contexts
        self._data = data

    def prepare(self, config: Options) -> Take:
        """The files as they are now. They are told in any case: they may have been taken already when they changed."""
        if not config["tls"]:  # to listen no more takes a restart, and until then all stays
            return list
        take = self._contexts.prepare(*preflight.tls_files(config, self._data))

        def tell() -> list[str]:
            take()
            return [f"new TLS connections get {self._contexts}"]

        return tell


class Operators:
    """The keys that may enter the manhole. Who has entered with one that is gone is closed."""

    options = frozenset({"manhole-keys"})

    def __init__(self, factory: ManholeFactory) -> None:
        self._factory = factory

    def prepare(self, config: Options) -> Take:
        """The keys that are listed now."""
        from lanchat.manhole import keys  # noqa: PLC0415 (as in lanchat.tap)

        if not config["manhole"]:
            return list
        listed = keys.authorized(config["manhole-keys"])
        return lambda: self._factory.list_keys(listed)


class Hangup(Service):
    """Reads again on SIGHUP, as daemons do, where there is such a signal; ends when its terminal is closed."""

    def __init__(self, reload: Reload, reactor: Any) -> None:
        self._reload = reload
        self._at_terminal = False
        self._reactor = reactor
        self._before: Any = None

    def privilegedStartService(self) -> None:
        """Take the signal: it may come while what is kept is looked through, which takes long, and would end us."""
        super().privilegedStartService()
        self._take()

    def startService(self) -> None:
        """Take the signal, if that has not been done yet."""
        super().startService()
        self._take()
        if (file := self._reload.started["config"]) is not None:
            reread = "`lanchat-admin reload` reads" if self._at_terminal else "SIGHUP reads"
            _log.info("configured by {file}; {reread} it again", file=str(file), reread=reread)

    def stopService(self) -> None:
        """Leave it to whoever had it; but if it would end us, it shall not cut short the end that has begun."""
        super().stopService()
        if hasattr(signal, "SIGHUP"):
            signal.signal(signal.SIGHUP, self._before or signal.SIG_IGN)

    def _take(self) -> None:
        if hasattr(signal, "SIGHUP") and signal.getsignal(signal.SIGHUP) != self._asked:
            self._before = signal.signal(signal.SIGHUP, self._asked)
            # Not so under nohup, which has the signal ignored: that server shall outlive the terminal.
            self._at_terminal = self._before == signal.SIG_DFL and _is_at_terminal(self._reload.started.parent)

    def _asked(self, number: int, frame: object) -> None:
        """In the middle of anything: the reactor does it when it is done with that."""
        if self._at_terminal:
            self._reactor.callFromThread(self._hung_up)
        else:
            self._reactor.callFromThread(self._reload.read_again, "SIGHUP")

    def _hung_up(self) -> None:
        _log.info("the terminal is closed, so the server ends")
        self._reactor.stop()


def _is_at_terminal(twistd: Mapping[str, Any] | None) -> bool:
    """Whether the server was started at a terminal and stays there (`twistd -n`)."""
    return bool(twistd and twistd.get("nodaemon")) and any(map(os.isatty, range(3)))
