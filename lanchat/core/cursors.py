"""Cursors: the number in the log up to which each device of an account has received all messages.

A device acknowledges what it has; to a classic client, which can't do that, all counts as received that was written to it.
Cursors are stored a little later, many at once: clients drop a message that they get twice. What can't be stored is tried
again, so that nobody is shown again what they have read.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from lanchat.core.delayed_moves import DelayedMoves
from lanchat.core.delivery import Delivery
from lanchat.model.receipts import Receipts
from lanchat.model.session import CLASSIC, Account, Session
from lanchat.protocol.interfaces import Clock, IOutputProgress
from lanchat.tables.accounts import MoveCursors, Moved


class Cursors:
    """Keeps the cursors that moved since they were stored last."""

    def __init__(self, clock: Clock, delivery: Delivery, now: Callable[[], float]) -> None:
        """`now` returns the time of day, in seconds since 1970."""
        self._now = now
        # By account and name of a device: its new cursor; 0 if it was only disconnected.
        self._moves: DelayedMoves[tuple[Account, str]] = DelayedMoves(clock, delivery, self._command)
        #: Hands all cursors that have moved to the store now, without waiting a second.
        self.write = self._moves.write

    def came(self, account: Account, device: str) -> None:
        """Note that a device logged in when nothing could be stored; that is stored as soon as possible."""
        self._moves.move((account, device), 0)

    def acknowledge(self, session: Session, seq: int) -> None:
        """Move the cursor of a session's device to `seq`, but not past what it was sent. Guests have no cursor."""
        seq = min(seq, session.received)
        if session.account is not None and seq > 0:
            self._moves.move((session.account, session.device), seq)

    def begin(self, session: Session, device: str, seq: int) -> None:
        """Let a session of an account be on this device, which has received all messages up to the number `seq`."""
        session.device, session.seen, session.skipped = device, seq, None
        connection = IOutputProgress(session.client, None) if device == CLASSIC else None
        session.receipts = Receipts(connection, seq) if connection is not None else None

    def left(self, session: Session) -> None:
        """Note where a device is whose session ended, or goes on as another device."""
        if session.account is None:
            return
        self.leave(session.account, session.device, session.received)
        if session.receipts is not None:
            session.client.perform(self._finish(session.account, session.receipts, session.skipped), hold=False)

    async def _finish(self, account: Account, receipts: Receipts, skipped: int | None) -> None:
        """Wait until the connection of a classic session that ended has written the rest, and move the cursor there.

        `skipped` is the value that the session had when it ended, as it may go on as another device.
        """
        before, written = receipts.written, await receipts.finished()
        if written > before:
            self._moves.move((account, CLASSIC), written if skipped is None else min(written, skipped))

    def leave(self, account: Account, device: str, seq: int) -> None:
        """Note that no session is on this device any more. If it is a classic one, it has received all up to `seq`.

        That is stored at once: if the server is killed, messages after it must not count as received.
        """
        self._moves.move((account, device), seq if device == CLASSIC else 0)
        if device == CLASSIC:
            self.write()

    def pending(self, account: Account, device: str) -> int:
        """The cursor of a device if it is not stored yet; otherwise 0."""
        return max(moved.get((account, device), 0) for moved in self._moves.unstored())

    def _command(self, moved: Mapping[tuple[Account, str], int]) -> MoveCursors:
        rows = (Moved(account.id, device, seq, _is_online(account, device)) for (account, device), seq in moved.items())
        return MoveCursors(tuple(rows), int(self._now()))


def _is_online(account: Account, device: str) -> bool:
    return any(session.device == device for session in account.sessions)
