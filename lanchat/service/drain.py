"""Drain: a shutdown that is announced beforehand. From the announcement on, no new connections are accepted.

At its end the server stops as on SIGTERM.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Protocol

from twisted.internet.defer import Deferred, DeferredLock
from twisted.logger import Logger

from lanchat.core.chat import Chat
from lanchat.protocol.durations import format_duration
from lanchat.protocol.errors import Usage
from lanchat.protocol.interfaces import DelayedCall
from lanchat.protocol.packet import EVERYONE, SERVER, SharedPacket
from lanchat.service.requests import format_count
from lanchat.system.exits import CannotStart

#: The longest time from announcement to shutdown, in seconds: a day.
MAX_SECONDS = 86400

_log = Logger("lanchat.drain")


class PausablePort(Protocol):
    """A port on which clients connect (`lanchat.net.listener.Listener`)."""

    def pause(self) -> Awaitable[None]:
        """Accept no new connections; open ones stay."""

    def resume(self) -> None:
        """Accept connections again; raises `CannotStart`."""


class Drain:
    """Announces a shutdown and carries it out. A new announcement changes the time, and it can be cancelled."""

    def __init__(self, chat: Chat, stop: Callable[[], object]) -> None:
        """`stop` ends the process as SIGTERM does."""
        #: The ports that are paused. Those for operators are not among them, so that they can watch or cancel a drain.
        self.ports: list[PausablePort] = []
        #: Called with the seconds until the shutdown each time that changes; with None when it is cancelled.
        self.hooks: list[Callable[[float | None], object]] = []
        #: Whether new connections are refused.
        self.active = False
        self._chat = chat
        self._stop = stop
        self._end: DelayedCall | None = None
        self._lock = DeferredLock()  # ports must not be resumed while they are being paused

    async def begin(self, seconds: float) -> str:
        """Shut down in `seconds`, whatever was announced before; returns what was done, for people. Raises `Usage`."""
        if not 0 <= seconds <= MAX_SECONDS:
            raise Usage(f"Nothing was changed: give 0 to {MAX_SECONDS} seconds.")
        self.cancel_timer()
        self.active = True
        self._end = self._chat.clock.callLater(seconds, self._stop)
        left = format_duration(seconds)
        _log.warn("draining: nobody new is let in, and the server ends in {left}", left=left)
        count = announce(self._chat, f"The server shuts down in {left}. Please finish your conversations.")
        self._tell_hooks(seconds)
        await self._lock.run(lambda: Deferred.fromCoroutine(self._pause_ports()))
        return f"The server shuts down in {left} and refuses new connections. Told: {format_count(count, 'connection')}."

    async def cancel(self) -> str:
        """Cancel the announced shutdown; returns what was done, for people. Raises `Usage`."""
        if not self.active:
            raise Usage("No shutdown was scheduled; nothing was changed.")
        self.cancel_timer()
        self._tell_hooks(None)
        error = await self._lock.run(lambda: Deferred.fromCoroutine(self._resume_ports()))
        announce(self._chat, "The shutdown was cancelled.")
        _log.warn("the drain is called off{wrong}", wrong=f"; not all ports are open: {error}" if error else "")
        if error:
            return f"The shutdown is cancelled, but not every port could be reopened; restart the server when you can. {error}"
        return "The shutdown is cancelled; new connections are accepted again."

    def cancel_timer(self) -> None:
        """Don't stop the process when the announced time comes."""
        end, self._end = self._end, None
        if end is not None and end.active():
            end.cancel()

    async def _pause_ports(self) -> None:
        for port in self.ports:
            await port.pause()

    async def _resume_ports(self) -> str:
        """Resume the ports; returns the last error, or "". Raises `Usage` if another shutdown was announced meanwhile."""
        if self._end is not None:
            raise Usage("Another shutdown was scheduled meanwhile and stays scheduled; cancel again to stop it.")
        last_error = ""
        for port in self.ports:
            try:
                port.resume()
            except CannotStart as error:  # noqa: PERF203 (the others are resumed all the same)
                last_error = str(error)
        self.active = bool(last_error)
        return last_error

    def _tell_hooks(self, seconds: float | None) -> None:
        for hook in self.hooks:
            hook(seconds)


def announce(chat: Chat, text: str) -> int:
    """Send a message from the server to everyone; returns the number of sessions."""
    packet = SharedPacket(SERVER, EVERYONE, text)
    sessions = list(chat.online)
    for session in sessions:
        session.client.deliver(packet)
    return len(sessions)
