"""Drain: the end of the server, said beforehand. From then on nobody new is let in; at the end all is as on SIGTERM."""

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
from lanchat.service.requests import counted
from lanchat.system.private_files import CannotStart

#: Seconds beforehand at the most: a day.
MAX_SECONDS = 86400

_log = Logger("lanchat.drain")


class Door(Protocol):
    """Where clients come in (`lanchat.net.listener`)."""

    def shut(self) -> Awaitable[None]:
        """Let nobody in any more; who is in stays."""

    def reopen(self) -> None:
        """Let them in again; raises `CannotStart`."""


class Drain:
    """Announces the end and brings it. It may be announced anew, for another time, and be called off."""

    def __init__(self, chat: Chat, stop: Callable[[], object]) -> None:
        """`stop` ends the process as SIGTERM does."""
        #: Those that close. An operator's door is none of them, so that what was begun can be looked at and called off.
        self.doors: list[Door] = []
        #: Told in how many seconds the end comes, each time that changes; None when it was called off.
        self.hooks: list[Callable[[float | None], object]] = []
        #: Whether nobody new is let in.
        self.active = False
        self._chat = chat
        self._stop = stop
        self._end: DelayedCall | None = None
        self._lock = DeferredLock()  # doors that are closing can't be opened

    async def begin(self, seconds: float) -> str:
        """End the server in so many seconds, whatever was announced before; what was done, in words. Raises `Usage`."""
        if not 0 <= seconds <= MAX_SECONDS:
            raise Usage(f"From 0 to {MAX_SECONDS} seconds; nothing was changed.")
        self.forget()
        self.active = True
        self._end = self._chat.clock.callLater(seconds, self._stop)
        left = format_duration(seconds)
        _log.warn("draining: nobody new is let in, and the server ends in {left}", left=left)
        told = announce(self._chat, f"The server ends in {left}. Please finish what you are saying.")
        self._tell_hooks(seconds)
        await self._lock.run(lambda: Deferred.fromCoroutine(self._shut()))
        return f"Nobody new is let in, and the server ends in {left}. Told: {counted(told, 'connection')}."

    async def call_off(self) -> str:
        """Go on as if nothing had been announced; what was done, in words. Raises `Usage`."""
        if not self.active:
            raise Usage("The server was not about to end; nothing was changed.")
        self.forget()
        self._tell_hooks(None)
        wrong = await self._lock.run(lambda: Deferred.fromCoroutine(self._reopen()))
        announce(self._chat, "The server does not end now, after all.")
        _log.warn("the drain is called off{wrong}", wrong=f"; not all ports are open: {wrong}" if wrong else "")
        if wrong:
            return f"The server goes on, but not every port could be opened again; restart it when you can. {wrong}"
        return "The server goes on, and lets people in again."

    def forget(self) -> None:
        """The end that was announced is not brought by this any more."""
        end, self._end = self._end, None
        if end is not None and end.active():
            end.cancel()

    async def _shut(self) -> None:
        for door in self.doors:
            await door.shut()

    async def _reopen(self) -> str:
        """Open the doors; what went wrong with that, if something did. Raises `Usage`."""
        if self._end is not None:
            raise Usage("Meanwhile another end was announced, which stays; to call that off, do so again.")
        wrong = ""
        for door in self.doors:
            try:
                door.reopen()
            except CannotStart as error:  # noqa: PERF203 (the others are opened all the same)
                wrong = str(error)
        self.active = bool(wrong)
        return wrong

    def _tell_hooks(self, seconds: float | None) -> None:
        for hook in self.hooks:
            hook(seconds)


def announce(chat: Chat, text: str) -> int:
    """Say something to everybody, as the server; how many sessions that reached."""
    packet = SharedPacket(SERVER, EVERYONE, text)
    sessions = list(chat.online)
    for session in sessions:
        session.client.deliver(packet)
    return len(sessions)
