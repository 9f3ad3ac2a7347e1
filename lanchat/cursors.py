"""Cursors: how far in the log each device has come. It says so itself; of a classic one it is what was written to it.

They are written to the disk a little later: whoever was told of a message twice drops the second.
"""

from __future__ import annotations

from functools import partial

from lanchat import accounts
from lanchat.delivery import Delivery
from lanchat.interfaces import Call, Clock, IReceipts
from lanchat.receipts import Receipts
from lanchat.session import CLASSIC, Account, Session

#: Seconds that one may have moved before that is written.
PAUSE = 1.0


class Cursors:
    """Those that have moved since they were written."""

    def __init__(self, clock: Clock, delivery: Delivery) -> None:
        self._clock = clock
        self._delivery = delivery
        self._moved: dict[tuple[int, str], int] = {}
        self._timer: Call | None = None

    def acknowledge(self, session: Session, seq: int) -> None:
        """A device has all that is up to here, or up to what it was sent; whoever has no account has no cursor."""
        seq = min(seq, session.seen)
        if session.account is None or seq <= 0:
            return
        self._move(session.account, session.device, seq)

    def _move(self, account: Account, device: str, seq: int) -> None:
        where = (account.id, device)
        self._moved[where] = max(seq, self._moved.get(where, 0))
        if self._timer is None:
            self._timer = self._clock.callLater(PAUSE, self.write)

    def begin(self, session: Session, device: str, seq: int) -> None:
        """A session of an account is on this device, which has everything up to the place `seq`."""
        session.device, session.seen = device, seq
        connection = IReceipts(session.client, None) if device == CLASSIC else None
        session.receipts = Receipts(connection, seq) if connection is not None else None

    def read(self, session: Session) -> int:
        """The place up to which a classic session counts as having read everything."""
        return session.seen if session.receipts is None else session.receipts.written

    def left(self, session: Session) -> None:
        """A session ended, or goes on as another device."""
        if session.account is None or session.device != CLASSIC:
            return
        self.leave(session.account, CLASSIC, self.read(session))
        if session.receipts is not None:
            session.client.perform(self._finish(session.account, session.receipts), hold=False)

    async def _finish(self, account: Account, receipts: Receipts) -> None:
        """What still waits for a session that has ended may be written yet."""
        before, written = receipts.written, await receipts.finished()
        if written > before:
            self._move(account, CLASSIC, written)

    def leave(self, account: Account, device: str, seq: int) -> None:
        """A session is on this device no more. Of a classic one all up to this place was written, so it has that."""
        if device == CLASSIC:
            here = any(other.device == CLASSIC for other in account.sessions)
            leave = partial(accounts.leave_device, account=account.id, device=CLASSIC, seq=seq, online=here)
            self._delivery.store.jot(leave)

    def write(self) -> None:
        """Write them now."""
        if self._timer is not None and self._timer.active():
            self._timer.cancel()
        self._timer = None
        moved, self._moved = self._moved, {}
        if moved:
            self._delivery.store.jot(lambda connection: accounts.move_cursors(connection, moved))
