"""Reloads at run time what can change: limits, allowed networks, certificates, operators' keys.

Everything is checked first. If anything is wrong, nothing is changed, and every error is reported.
"""

from __future__ import annotations

import math
import os
import signal
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

from twisted.application.service import Service
from twisted.logger import Logger
from twisted.python import usage

from lanchat.config import preflight
from lanchat.config.options import Options
from lanchat.core.changes import Changes
from lanchat.net.admission import Admission, Network, parse_networks
from lanchat.net.tls import Contexts
from lanchat.protocol.durations import format_duration
from lanchat.protocol.errors import Usage
from lanchat.protocol.limits import Limits, format_value
from lanchat.protocol.packet import visible
from lanchat.service.requests import MISTAKES, Done, Failed, format_count
from lanchat.system.private_files import FileError

if TYPE_CHECKING:
    from lanchat.manhole.ssh import ManholeFactory

#: Applies prepared settings, and returns a line for each that has changed.
Apply: TypeAlias = Callable[[], list[str]]

_log = Logger("lanchat.reload")


class Reloadable(Protocol):
    """A part of the configuration that can change while the server runs."""

    #: The options that this part uses.
    options: frozenset[str]

    def prepare(self, config: Options) -> Apply:
        """Check and read everything that these options name, changing nothing yet; raises `FileError`."""


class Reloader:
    """Reads the configuration again, and applies it to the parts that can change while the server runs, if nothing is wrong."""

    def __init__(self, config: Options, *parts: Reloadable) -> None:
        self.parts = list(parts)
        #: Called before anything is read, and after the reload, whatever its result.
        self.before: list[Callable[[], object]] = []
        self.after: list[Callable[[], object]] = []
        #: The options with which the server was started.
        self.started = config
        self._latest = config

    async def reload(self) -> str:
        """Reload for an operator; returns what changed and what needs a restart, for people. Raises `Usage` with all errors."""
        outcome = self.reload_for("an operator")
        if isinstance(outcome, Failed):
            raise Usage(outcome.text)
        return outcome.text

    def reload_for(self, who: str) -> Done | Failed:
        """Reload for `who`, which is logged; returns the result."""
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
            options = self._latest.reread()
            prepared = [part.prepare(options) for part in self.parts]
        except (usage.UsageError, FileError) as error:
            return _failed(str(error).splitlines())
        self._latest = options
        return _done([line for apply in prepared for line in apply()], self._need_restart(options))

    def _need_restart(self, options: Options) -> list[str]:
        """The options that differ from those at the start, and can't change while the server runs."""
        read = {"config"}.union(*(part.options for part in self.parts))
        return sorted(name for name in options if options[name] != self.started[name] and name not in read)


def _done(lines: list[str], restart: list[str]) -> Done:
    text = [*lines, *[f"This takes a restart: {', '.join(restart)}"] * bool(restart)]
    return Done("\n".join(text or ["All is as it was."]), {"now": lines, "restart": restart})


def _failed(errors: list[str]) -> Failed:
    head = f"There {'is' if len(errors) == 1 else 'are'} {format_count(len(errors), 'mistake')}, so nothing was changed:"
    return Failed("\n".join([head, *errors]), MISTAKES, errors)


class ReloadableLimits:
    """The limits. Those that are not configured get their defaults, whatever was set at the operators' prompt."""

    options = frozenset({"limit"})

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._configured = dict(limits.values)

    def prepare(self, config: Options) -> Apply:
        """Read the limits of a new configuration; calling the result applies them, and returns a line for each change."""
        fresh = Limits(self._limits.ceilings)
        for name, value in config["limit"]:
            fresh.set(name, value)
        return lambda: self._apply(fresh.values)

    def _apply(self, values: dict[str, float]) -> list[str]:
        lines = [self._change(name, value) for name, value in values.items() if value != self._limits[name]]
        self._limits.values.update(values)
        self._configured = values
        return lines

    def _change(self, name: str, value: float) -> str:
        was = self._limits[name]
        prompt = "" if was == self._configured[name] else " set at the operators' prompt"
        return f"limit {name} is {format_value(value)}, and was {format_value(was)}{prompt}"


class ReloadableNetworks:
    """The networks that may connect. Open connections stay, also those from networks that may not connect any more."""

    options = frozenset({"allow"})

    def __init__(self, admission: Admission) -> None:
        self._admission = admission

    def prepare(self, config: Options) -> Apply:
        """Read the networks of a new configuration; calling the result applies them, and returns what changed."""
        networks = parse_networks(config["allow"])
        return lambda: self._apply(networks)

    def _apply(self, networks: list[Network] | None) -> list[str]:
        if not self._admission.set_networks(networks):
            return []
        where = "everywhere" if networks is None else ", ".join(map(str, networks))
        if outside := self._admission.count_outside():
            return [f"connections are let in from {where}; {format_count(outside, 'connection')} from elsewhere may stay"]
        return [f"connections are let in from {where}"]


class ReloadableEditing:
    """For how long messages may be edited and withdrawn by who said them."""

    options = frozenset({"edit-within"})

    def __init__(self, changes: Changes) -> None:
        self._changes = changes

    def prepare(self, config: Options) -> Apply:
        """Calling the result applies what is configured, and returns what changed."""
        return lambda: self._apply(config["edit-within"])

    def _apply(self, seconds: float) -> list[str]:
        if self._changes.edit_within == seconds:
            return []
        self._changes.edit_within = seconds
        when = "at any time" if seconds == math.inf else f"for {format_duration(seconds)}"
        return [f"messages may be edited and withdrawn {when}"]


class ReloadableCertificates:
    """The certificates for new TLS connections. Open connections keep theirs."""

    options = frozenset({"tls-key", "tls-cert", "tls-client-ca"})

    def __init__(self, contexts: Contexts, data: Path) -> None:
        """`data` is the server's data directory, where its own certificates are; it can't change without a restart."""
        self._contexts = contexts
        self._data = data

    def prepare(self, config: Options) -> Apply:
        """Read the files. They are always reported, as the server may have noticed a change already."""
        # (Closing a port needs a restart; until then everything stays.)
        if not config["tls"] and not config["ircs"] and not config["https"]:
            return list
        apply = self._contexts.prepare(*preflight.tls_files(config, self._data))

        def apply_and_report() -> list[str]:
            apply()
            return [f"new TLS connections get {self._contexts}"]

        return apply_and_report


class ReloadableHostNames:
    """The names under which browsers may reach the chat page; the certificate gets them from `preflight.tls_files`."""

    options = frozenset({"http-name"})

    def __init__(self, use: Callable[[list[str]], list[str]]) -> None:
        """`use` makes these the further names, and returns all if they differ from those before, else none."""
        self._use = use

    def prepare(self, config: Options) -> Apply:
        """Calling the result applies what is configured, and returns what changed."""
        return lambda: [f"browsers may use the names {', '.join(names)}" for names in [self._use(config["http-name"])] if names]


class ReloadableOperatorKeys:
    """The keys of operators for the manhole. Sessions with a key that was removed are closed."""

    options = frozenset({"manhole-keys"})

    def __init__(self, factory: ManholeFactory) -> None:
        self._factory = factory

    def prepare(self, config: Options) -> Apply:
        """Read the file of keys; calling the result applies them. Raises `FileError` if it can't be read."""
        from lanchat.manhole import keys  # noqa: PLC0415 (as in lanchat.tap)

        if not config["manhole"]:
            return list
        listed = keys.read_authorized_keys(config["manhole-keys"])
        return lambda: self._factory.replace_keys(listed)


class SighupService(Service):
    """Reloads on SIGHUP, as daemons do, where that signal exists; a server in a terminal stops when the terminal closes."""

    def __init__(self, reload: Reloader, reactor: Any) -> None:
        self._reload = reload
        self._at_terminal = False
        self._reactor = reactor
        self._before: Any = None

    def privilegedStartService(self) -> None:
        """Handle the signal from now on: loading the database takes long, and SIGHUP would end the process meanwhile."""
        super().privilegedStartService()
        self._install_handler()

    def startService(self) -> None:
        """Handle the signal, unless that was done already."""
        super().startService()
        self._install_handler()
        if (file := self._reload.started["config"]) is not None:
            reread = "`lanchat-admin reload` reads" if self._at_terminal else "SIGHUP reads"
            _log.info("configured by {file}; {reread} it again", file=str(file), reread=reread)

    def stopService(self) -> None:
        """Restore the previous handler, or ignore the signal if that would end the process before it has shut down."""
        super().stopService()
        if hasattr(signal, "SIGHUP"):
            signal.signal(signal.SIGHUP, self._before or signal.SIG_IGN)

    def _install_handler(self) -> None:
        if hasattr(signal, "SIGHUP") and signal.getsignal(signal.SIGHUP) != self._asked:
            self._before = signal.signal(signal.SIGHUP, self._asked)
            # Not under nohup, which ignores the signal: that server shall outlive the terminal.
            self._at_terminal = self._before == signal.SIG_DFL and _is_at_terminal(self._reload.started.parent)

    def _asked(self, number: int, frame: object) -> None:
        """The signal handler: leaves the work to the reactor, as it may run in the middle of anything."""
        if self._at_terminal:
            self._reactor.callFromThread(self._hung_up)
        else:
            self._reactor.callFromThread(self._reload.reload_for, "SIGHUP")

    def _hung_up(self) -> None:
        _log.info("the terminal is closed, so the server ends")
        self._reactor.stop()


def _is_at_terminal(twistd: Mapping[str, Any] | None) -> bool:
    """Whether the server was started at a terminal and stays there (`twistd -n`)."""
    return bool(twistd and twistd.get("nodaemon")) and any(map(os.isatty, range(3)))
