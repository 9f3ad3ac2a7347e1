"""The server's log as a whole: filters, limits, formats and writes events; operators can change its levels at run time."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from twisted.logger import (
    ILogObserver,
    LegacyLogObserverWrapper,
    LogEvent,
    LogLevel,
    LogLevelFilterPredicate,
    LogPublisher,
    PredicateResult,
)
from twisted.python.components import Componentized
from zope.interface import implementer

from lanchat.logs.files import Output, RotatingFile, StreamOutput
from lanchat.logs.formatters import Formatter, for_journald, format_json, format_text, format_untimed
from lanchat.logs.repeats import WINDOW_SECONDS, RepeatFilter
from lanchat.system.exits import exit_with_errors
from lanchat.system.private_files import FileError

LEVELS = {level.name: level for level in LogLevel.iterconstants()}


@implementer(ILogObserver)
class LogWriter:
    """An observer that formats events and writes them. If writing fails, the server goes on, and lost events are counted."""

    def __init__(self, form: Formatter, out: Output) -> None:
        self._form = form
        self._out = out
        self._lost = 0
        self._why = ""

    def __call__(self, event: LogEvent) -> None:
        """Write an event; before it, if events were lost, how many."""
        data = self._form(event)
        if self._lost:
            data = self._form(self._gap(event)) + data
        try:
            self._out.write(data)
        except OSError as error:
            self._lost, self._why = self._lost + 1, error.strerror or str(error)
        else:
            self._lost = 0

    def _gap(self, event: LogEvent) -> LogEvent:
        text = "{lost} lines of the log could not be written: {why}"
        origin = {"log_level": LogLevel.error, "log_namespace": __name__, "log_time": event.get("log_time")}
        return {"log_format": text, "lost": self._lost, "why": self._why, **origin}


@implementer(ILogObserver)
class ServerLog:
    """The observer that twistd logs to, unless the administrator chose another (`--logger`)."""

    def __init__(self, reactor: Any, twistd: Mapping[str, Any] | None, json: bool = False, level: str | None = None) -> None:
        """`twistd` are twistd's own options, if it runs us. Raises `SystemExit` if `json` or `level` could have no effect."""
        self._reactor = reactor
        self._twistd = twistd if twistd is not None and "nodaemon" in twistd and not twistd["logger"] else None
        self._json = json
        self._levels = LogLevelFilterPredicate()
        self._repeats = RepeatFilter()
        self._in_window = self._at_end = False
        self._lock = threading.RLock()  # other threads log too, and formatting an event may log
        self._write: ILogObserver = LogPublisher()  # writes nothing until `install`; twistd keeps what is logged before
        if self._twistd is None and (json or level):
            exit_with_errors(["--log-json and --log-level count under `twistd lanchat`, and without --logger"])
        if self._twistd is not None and self._twistd["syslog"] and json:
            exit_with_errors(["--log-json can't go into --syslog: leave out one of them"])
        if level:
            self.set_level(level)

    def install(self, application: Componentized) -> None:
        """Become the log of this application before twistd starts it; raises `SystemExit` if the file can't be opened."""
        if self._twistd is None:
            return
        self._write = self._destination(self._twistd)
        application.setComponent(ILogObserver, self)
        self._reactor.addSystemEventTrigger("after", "shutdown", self._end)

    def set_level(self, name: str, namespace: str = "") -> None:
        """Set the lowest level to log: of everything, or of a namespace such as "lanchat.tls". Raises `ValueError`."""
        if self._twistd is None:
            raise ValueError("another program writes the log (--logger, perhaps): it knows the levels")
        level = parse_level(name)
        if not namespace:
            self._levels.clearLogLevels()
        self._levels.setLogLevelForNamespace(namespace, level)

    def __call__(self, event: LogEvent) -> None:
        """Write an event, or count it as a repeat. Events with `audit=True` are always written."""
        with self._lock:
            if event.get("audit") is True or (self._is_wanted(event) and (self._at_end or self._repeats.should_write(event))):
                self._write(event)
            if not self._in_window:
                self._in_window = True
                self._reactor.callFromThread(self._reactor.callLater, WINDOW_SECONDS, self._end_window)

    def _is_wanted(self, event: LogEvent) -> bool:
        return event.get("log_level") is None or self._levels(event) is not PredicateResult.no

    def _end_window(self) -> None:
        with self._lock:
            self._in_window = False
            for event in self._repeats.end_window():
                self._write(event)

    def _end(self) -> None:
        """After the reactor has stopped: write the counts, and count no repeats from now on."""
        self._end_window()
        self._in_window = self._at_end = True

    def _destination(self, twistd: Mapping[str, Any]) -> ILogObserver:
        """The destination that twistd's options ask for, understood as twistd does (twisted.scripts._twistd_unix)."""
        if twistd["syslog"]:
            from twisted.python.syslog import SyslogObserver  # noqa: PLC0415 (not all systems have it)

            return LegacyLogObserverWrapper(SyslogObserver(twistd["prefix"]).emit)  # type: ignore[arg-type]  # a function, as twistd has it
        if twistd["logfile"] == "-" and not twistd["nodaemon"]:
            exit_with_errors(["a daemon has no standard output: give --logfile a file, or say -n as well"])
        if twistd["logfile"] == "-" or (twistd["nodaemon"] and not twistd["logfile"]):
            return self._stdout()
        return self._file(Path(twistd["logfile"] or "twistd.log"), twistd.get("uid"))

    def _stdout(self) -> LogWriter:
        sys.stdout.flush()
        descriptor = sys.stdout.fileno()
        if _is_journal(descriptor):
            return LogWriter(for_journald(format_json if self._json else format_untimed), StreamOutput(descriptor))
        return LogWriter(self._form(), StreamOutput(descriptor))

    def _file(self, path: Path, uid: int | None) -> LogWriter:
        """A rotating file; `uid` is the user that the process will run as (`twistd --uid`), who will own rotated files."""
        try:
            file = RotatingFile(path, owners=() if uid is None else (uid,))
        except FileError as refused:
            exit_with_errors([str(refused)])
        except OSError as error:
            exit_with_errors([f"the log can't be written to {path}: {error.strerror}. Name another file with --logfile."])
        if not signal.getsignal(signal.SIGUSR1):
            signal.signal(signal.SIGUSR1, lambda *_: self._reactor.callFromThread(self._rotate, file))
        return LogWriter(self._form(), file)

    def _form(self) -> Formatter:
        return format_json if self._json else format_text

    def _rotate(self, file: RotatingFile) -> None:
        with self._lock:
            file.rotate()


def parse_level(name: str) -> Any:
    """The `LogLevel` of this name; raises `ValueError`, whose text lists the names."""
    if name not in LEVELS:
        raise ValueError(f"unknown level {name!r}; the levels are {', '.join(LEVELS)}")
    return LEVELS[name]


def _is_journal(descriptor: int) -> bool:
    """Whether the descriptor leads to journald (systemd.exec(5), JOURNAL_STREAM)."""
    about = os.fstat(descriptor)
    return os.environ.get("JOURNAL_STREAM") == f"{about.st_dev}:{about.st_ino}"
