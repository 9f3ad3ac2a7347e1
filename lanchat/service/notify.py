"""Tells systemd the state of the server (sd_notify(3)), and keeps its watchdog informed (sd_watchdog_enabled(3)).

systemd restarts a server whose reactor hangs. Outside of systemd nothing is done.
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

#: Seconds between two updates of the status (the number of users), if no watchdog needs more frequent ones.
STATUS_SECONDS = 30.0
#: Seconds that sending a message to systemd may block.
SEND_TIMEOUT = 1.0
#: The descriptor of stderr, which goes to systemd's journal.
STDERR = 2

_log = Logger("lanchat.notify")


class Notifier(Service):
    """Reports to systemd. It must be the last child of the service: when it starts, all ports are open."""

    def __init__(self, reactor: Any, users: Callable[[], int], environ: MutableMapping[str, str] = os.environ) -> None:
        """`users` returns the number of users; systemd's variables are removed from `environ`, so that no child gets them."""
        self._reactor = reactor
        self._users = users
        self._ends: float | None = None
        self._address = environ.pop("NOTIFY_SOCKET", "")
        self._socket: socket.socket | None = None
        self._watchdog = _watchdog_seconds(environ)
        self._heartbeat = LoopingCall(self._beat)
        self._heartbeat.clock = reactor

    def startService(self) -> None:
        """Report READY as soon as the reactor runs, which is after all services have started."""
        super().startService()
        if self._address:
            # The socket stays open: a server that can open no more files still serves clients, and must still reach the
            # watchdog.
            self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
            self._socket.settimeout(SEND_TIMEOUT)
            self._reactor.callWhenRunning(self._begin)

    def stopService(self) -> None:
        """Report STOPPING. From then on systemd applies TimeoutStopSec=, and no watchdog."""
        super().stopService()
        if self._heartbeat.running:
            self._heartbeat.stop()
        self._tell("STOPPING=1", "STATUS=Shutting down; saying goodbye to users")
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def reloading(self) -> None:
        """Report that a reload begins."""
        self._tell("RELOADING=1", f"MONOTONIC_USEC={time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000}")

    def reloaded(self) -> None:
        """Report that a reload has ended, whatever its result: the server goes on."""
        self._tell("READY=1", self._status())

    def draining(self, seconds: float | None) -> None:
        """Show an announced shutdown in the status; None if it was cancelled. STOPPING is for the end, see `stopService`."""
        self._ends = None if seconds is None else self._reactor.seconds() + seconds
        self._tell(self._status())

    def _begin(self) -> None:
        if not self.running:  # stopped before it was ready
            return
        if self._watchdog:
            faulthandler.enable(STDERR)  # the watchdog ends the process with SIGABRT: the journal shall show where it hung
        self._tell("READY=1")
        self._heartbeat.start(self._watchdog / 2 if self._watchdog else STATUS_SECONDS)

    def _beat(self) -> None:
        self._tell(*(["WATCHDOG=1"] if self._watchdog else []), self._status())

    def _status(self) -> str:
        does = (
            "Serving"
            if self._ends is None
            else (f"Shuts down in {self._ends - self._reactor.seconds():.0f} s, refuses new connections")
        )
        return f"STATUS={does}; users: {self._users()}"

    def _tell(self, *lines: str) -> None:
        if self._socket is None:
            return
        address = f"\0{self._address[1:]}" if self._address.startswith("@") else self._address  # an abstract socket
        try:
            self._socket.sendto("\n".join(lines).encode(), address)
        except OSError as error:
            _log.warn("systemd could not be told {lines}: {error}", lines=" ".join(lines), error=error.strerror or str(error))


def _watchdog_seconds(environ: MutableMapping[str, str]) -> float:
    """Seconds after which systemd gives up on a server that does not report; 0 if it does not watch this process."""
    micros, pid = environ.pop("WATCHDOG_USEC", ""), environ.pop("WATCHDOG_PID", "")
    is_for_us = pid in ("", str(os.getpid()))
    return int(micros) / 1e6 if is_for_us and micros.isdecimal() else 0.0
