"""Removing from the file what is left of withdrawn messages: words in the index, and texts in the free parts of the pages.

That takes as long as a purge, and messages wait meanwhile. So it is done a while after a withdrawal, for all until then, and
never takes more than a small part of the time. The database knows whether there is something left, so a server that was stopped
or killed does it after its next start.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from twisted.application.service import Service
from twisted.internet.defer import Deferred
from twisted.logger import Logger

from lanchat.core.chat import Chat
from lanchat.protocol.interfaces import DelayedCall
from lanchat.protocol.packet import visible
from lanchat.store import changes

#: Seconds after a withdrawal; and how many times as long as the last removal took.
PAUSE, TIMES = 60.0, 60.0
#: Seconds until it is tried again, if it failed.
AGAIN = 3600.0

_log = Logger("lanchat.withdrawals")


class WithdrawalService(Service):
    """Has the traces of withdrawn messages removed."""

    def __init__(
        self, chat: Chat, erase_traces: Callable[[], Awaitable[None]], clean: Callable[[], object] = lambda: None
    ) -> None:
        """`erase_traces` removes what is left of everything that was removed from the log.

        `clean` has the files of withdrawn messages unlinked soon.
        """
        self._chat = chat
        self._clean = clean
        self._erase_traces = erase_traces
        self._pause = PAUSE
        self._timer: DelayedCall | None = None
        self._running = self._more = False

    def startService(self) -> None:
        """Look whether there is something left from before."""
        super().startService()
        self._chat.changes.on_withdrawal = self.schedule
        Deferred.fromCoroutine(self._look()).addErrback(
            lambda failure: _log.failure("withdrawals could not be counted", failure)
        )

    def stopService(self) -> None:
        """Leave what is left to the next start."""
        super().stopService()
        self._chat.changes.on_withdrawal = lambda: None
        if self._timer is not None and self._timer.active():
            self._timer.cancel()
        self._timer = None

    def schedule(self) -> None:
        """Note that a message was withdrawn."""
        self._clean()
        self._more = True
        if self.running and self._timer is None and not self._running:
            self._timer = self._chat.clock.callLater(self._pause, self._begin)

    async def _look(self) -> None:
        if await self._chat.store.read(changes.traces):
            self.schedule()

    def _begin(self) -> None:
        self._timer, self._running, self._more = None, True, False
        Deferred.fromCoroutine(self._remove())

    async def _remove(self) -> None:
        began = self._chat.clock.seconds()
        try:
            await self._erase_traces()
            self._pause = max(PAUSE, TIMES * (self._chat.clock.seconds() - began))
        except Exception as error:  # noqa: BLE001 (whatever it was, it is logged and tried again)
            self._pause, self._more = AGAIN, True
            why = visible(str(error))
            _log.error("withdrawn messages may still be in unused parts of the file; this is tried again: {why}", why=why)
        self._running = False
        if self._more:
            self.schedule()
