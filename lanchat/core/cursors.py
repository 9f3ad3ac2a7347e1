"""Cursors: how far in the log each device has come. It says so itself; of a classic one it is what was written to it.

They are written to the disk a little later: whoever was told of a message twice drops the second. What can't be written is
kept, and tried again, so that nobody is shown anew what they have read.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from lanchat.core.delivery import Delivery
from lanchat.model.receipts import Receipts
from lanchat.model.session import CLASSIC, Account, Session
from lanchat.protocol.interfaces import Clock, DelayedCall, IOutputProgress
from lanchat.store.accounts import MoveCursors, Moved

#: Seconds that one may have moved before that is written, and before what could not be written is tried again.
PAUSE, AGAIN = 1.0, 5.0


class Cursors:
    """Those that have moved since they were written."""

    def __init__(self, clock: Clock, delivery: Delivery, now: Callable[[], float]) -> None:
        """`now` is the time of day."""
        self._clock = clock
        self._delivery = delivery
        self._now = now
        #: The place of each device that moved or left; 0 for one that only left.
        self._moved: dict[tuple[Account, str], int] = {}
        # Those that are being written, and may come back.
        self._under_way: list[dict[tuple[Account, str], int]] = []
        self._timer: DelayedCall | None = None

    def came(self, account: Account, device: str) -> None:
        """A device has logged in, and that could not be written: it is written when something can be."""
        self._move(account, device, 0)

    def acknowledge(self, session: Session, seq: int) -> None:
        """A device has all that is up to here, or up to what it was sent; whoever has no account has no cursor."""
        seq = min(seq, session.place)
        if session.account is not None and seq > 0:
            self._move(session.account, session.device, seq)

    def begin(self, session: Session, device: str, seq: int) -> None:
        """A session of an account is on this device, which has everything up to the place `seq`."""
        session.device, session.seen, session.skipped = device, seq, None
        connection = IOutputProgress(session.client, None) if device == CLASSIC else None
        session.receipts = Receipts(connection, seq) if connection is not None else None

    def left(self, session: Session) -> None:
        """A session ended, or goes on as another device."""
        if session.account is None:
            return
        self.leave(session.account, session.device, session.place)
        if session.receipts is not None:
            session.client.perform(self._finish(session.account, session.receipts, session.skipped), hold=False)

    async def _finish(self, account: Account, receipts: Receipts, skipped: int | None) -> None:
        """Wait until the connection of a classic session that has ended has written what was still to be written.

        `skipped` is the session's, as it was when it ended: it may go on as another device, with other receipts.
        """
        before, written = receipts.written, await receipts.finished()
        if written > before:
            self._move(account, CLASSIC, written if skipped is None else min(written, skipped))

    def leave(self, account: Account, device: str, seq: int) -> None:
        """A session is on this device no more. Of a classic one all up to this place was written, so it has that.

        That is written at once: what is said from now on must not count as read should the server be killed.
        """
        self._move(account, device, seq if device == CLASSIC else 0)
        if device == CLASSIC:
            self.write()

    def pending(self, account: Account, device: str) -> int:
        """Where a device is, if that is not written yet; else 0."""
        return max(moved.get((account, device), 0) for moved in (self._moved, *self._under_way))

    def write(self) -> None:
        """Hand all cursors that have moved to the store now, without waiting for the timer."""
        if self._timer is not None and self._timer.active():
            self._timer.cancel()
        self._timer = None
        if not self._moved:
            return
        moved, self._moved = self._moved, {}
        rows = (Moved(account.id, device, seq, _is_on_line(account, device)) for (account, device), seq in moved.items())
        command = MoveCursors(tuple(rows), int(self._now()))
        self._under_way.append(moved)
        self._delivery.store.write_in_background(command, partial(self._written, moved))

    def _move(self, account: Account, device: str, seq: int, pause: float = PAUSE) -> None:
        where = (account, device)
        self._moved[where] = max(seq, self._moved.get(where, 0))
        if self._timer is None:
            self._timer = self._clock.callLater(pause, self.write)

    def _written(self, moved: dict[tuple[Account, str], int], done: bool) -> None:
        self._under_way.remove(moved)
        if not done:
            for (account, device), seq in moved.items():
                self._move(account, device, seq, AGAIN)


def _is_on_line(account: Account, device: str) -> bool:
    return any(session.device == device for session in account.sessions)
