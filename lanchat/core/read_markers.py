"""Read markers: up to where accounts have read their conversations, which all devices of an account share.

A marker that a client moves (`/read`) is stored before that is answered. What somebody says moves their own marker there, too;
that is stored a little later, many at once. What can't be stored then is tried again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import TypeAlias

from lanchat.core.delayed_moves import DelayedMoves
from lanchat.core.delivery import Delivery
from lanchat.model.session import CLASSIC, Account
from lanchat.protocol.entry import AccountId, ConversationId, Seq
from lanchat.protocol.interfaces import Clock
from lanchat.tables.read_markers import Marker, MoveMarkers

#: Seconds until a marker is stored that moved because its owner said something.
PAUSE = 5.0

#: Called with whether something was stored.
OnDone: TypeAlias = Callable[[bool], object]
#: Moves that clients asked for.
Asked: TypeAlias = list[tuple[list[Marker], OnDone]]


class ReadMarkers:
    """Moves read markers, and knows those that may not be stored yet."""

    def __init__(self, clock: Clock, delivery: Delivery) -> None:
        self._delivery = delivery
        #: By account and conversation: the markers that moved because their owners said something.
        self.said: DelayedMoves[tuple[AccountId, ConversationId]] = DelayedMoves(clock, delivery, _command)
        # Moves that clients asked for, each with the function that is told what became of it; they are stored together.
        self._asked: Asked = []
        self._storing: list[Asked] = []

    def move(self, markers: list[Marker], on_done: OnDone) -> None:
        """Move markers, and call `on_done` when that is stored (with True), or can't be (with False; then none has moved).

        Those that come while others are being stored are stored after them, all with one command.
        """
        self._asked.append((markers, on_done))
        if not self._storing:
            self.hand_in()

    def hand_in(self) -> None:
        """Hand all moves that clients asked for to the store now."""
        if self._asked:
            asked, self._asked = self._asked, []
            self._storing.append(asked)
            command = MoveMarkers(tuple(marker for markers, _ in asked for marker in markers))
            self._delivery.store.write_in_background(command, partial(self._stored, asked))

    def pending(self, account: AccountId) -> dict[ConversationId, Seq]:
        """The markers of an account that moved and may not be stored yet."""
        moved = [Marker(*where, seq) for moves in self.said.unstored() for where, seq in moves.items()]
        asked = (marker for some in (*self._storing, self._asked) for markers, _ in some for marker in markers)
        found: dict[ConversationId, Seq] = {}
        for whose, conv, seq in (*moved, *asked):
            if whose == account:
                found[conv] = max(seq, found.get(conv, 0))
        return found

    def write(self) -> None:
        """Hand all markers that have moved to the store now, without waiting."""
        self.hand_in()
        self.said.write()

    def _stored(self, asked: Asked, done: bool) -> None:
        self._storing.remove(asked)
        for _, on_done in asked:
            on_done(done)
        if not self._storing:
            self.hand_in()


def _command(moved: Mapping[tuple[AccountId, ConversationId], Seq]) -> MoveMarkers:
    return MoveMarkers(tuple(Marker(account, conv, seq) for (account, conv), seq in moved.items()))


def sent_to_classic(account: Account) -> Seq:
    """The place in the log up to which the classic clients of an account that are connected have received everything."""
    return max((session.received for session in account.sessions if session.device == CLASSIC), default=0)
