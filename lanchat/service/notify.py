"""Notify: tells systemd how the server is (sd_notify(3)), and again and again that its reactor turns (sd_watchdog_enabled(3)).

A server whose reactor hangs can't say so, and is ended and started again. Outside of systemd there is nobody to tell, and
nothing happens.
"""

from __future__ import annotations

import faulthandler
import os
import socket
import time
from collections.abc import Callable, MutableMapping
from typing import Any

from twisted.application.service import Service
from twisted.internet.task import LoopingCall
from twisted.logger import Logger

#: Seconds between two looks at how many users there are, where no watchdog wants to hear of us more often.
STATUS_SECONDS = 30.0
#: Seconds that systemd may take for a message; it has no business being so busy.
PATIENCE = 1.0
#: The descriptor of stderr, which systemd keeps in its journal.
STDERR = 2

_log = Logger("lanchat.notify")


class Notifier(Service):
    """What systemd is told. It is the last child of the service: when it starts, all doors are open."""

    def __init__(self, reactor: Any, users: Callable[[], int], environ: MutableMapping[str, str] = os.environ) -> None:
        """`users` says how many there are; `environ` is what systemd said, which no child of ours shall hear."""
        self._reactor = reactor
        self._users = users
        self._ends: float | None = None
        self._address = environ.pop("NOTIFY_SOCKET", "")
        self._way: socket.socket | None = None
        self._watchdog = _watchdog_seconds(environ)
        self._beats = LoopingCall(self._beat)
        self._beats.clock = reactor

    def startService(self) -> None:
        """It is ready when the reactor turns, which it does once all services are started."""
        super().startService()
        if self._address:
            # It stays open: where no file can be opened any more, the server still serves, and the watchdog must hear of that.
            self._way = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
            self._way.settimeout(PATIENCE)
            self._reactor.callWhenRunning(self._begin)

    def stopService(self) -> None:
        """The end begins. Once that is said, systemd gives us TimeoutStopSec=, and no longer looks for the beats."""
        super().stopService()
        if self._beats.running:
            self._beats.stop()
        self._tell("STOPPING=1", "STATUS=Seeing off who is here")
        if self._way is not None:
            self._way.close()
            self._way = None

    def reloading(self) -> None:
        """What can be read again at run time is about to be."""
        self._tell("RELOADING=1", f"MONOTONIC_USEC={time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000}")

    def reloaded(self) -> None:
        """It has been, whatever came of it: the server goes on."""
        self._tell("READY=1", self._status())

    def draining(self, seconds: float | None) -> None:
        """The end was announced; None: it was called off. STOPPING=1 comes at the end: TimeoutStopSec= begins with that."""
        self._ends = None if seconds is None else self._reactor.seconds() + seconds
        self._tell(self._status())

    def _begin(self) -> None:
        if not self.running:  # it was stopped before it was ready
            return
        if self._watchdog:
            faulthandler.enable(STDERR)  # the watchdog ends us with SIGABRT: where it hung will be in the journal
        self._tell("READY=1")
        self._beats.start(self._watchdog / 2 if self._watchdog else STATUS_SECONDS)

    def _beat(self) -> None:
        self._tell(*(["WATCHDOG=1"] if self._watchdog else []), self._status())

    def _status(self) -> str:
        does = "Serving" if self._ends is None else f"Ends in {self._ends - self._reactor.seconds():.0f} s, lets nobody new in"
        return f"STATUS={does}; users: {self._users()}"

    def _tell(self, *lines: str) -> None:
        if self._way is None:
            return
        address = f"\0{self._address[1:]}" if self._address.startswith("@") else self._address  # an abstract name
        try:
            self._way.sendto("\n".join(lines).encode(), address)
        except OSError as error:
            _log.warn("systemd could not be told {lines}: {error}", lines=" ".join(lines), error=error.strerror or str(error))


def _watchdog_seconds(environ: MutableMapping[str, str]) -> float:
    """How long systemd waits for a beat before it gives us up; 0: it does not wait, or not for us."""
    micros, pid = environ.pop("WATCHDOG_USEC", ""), environ.pop("WATCHDOG_PID", "")
    ours = pid in ("", str(os.getpid()))
    return int(micros) / 1e6 if ours and micros.isdecimal() else 0.0
