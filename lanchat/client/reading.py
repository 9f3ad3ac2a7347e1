"""Reading: what comes of the server's log.

No message is shown twice, what was left out is fetched, and what was shown is acknowledged, so that the server need not
keep it for us.
"""

from __future__ import annotations

from collections.abc import Callable

from lanchat.client.cursor import Cursor
from lanchat.client.delivery import Delivery
from lanchat.client.interfaces import Face, Said
from lanchat.client.timers import Timers
from lanchat.packet import ServerX

#: Seconds between two acknowledgements of what was shown.
ACK_SECONDS = 1.0
#: The batch of what was missed, which is as new as what comes live.
MISSED = "resume"
#: Beyond every place in the log.
MAX_SEQ = 2**63


class Reading:
    """One reader's way through the log, over one connection after another."""

    def __init__(
        self,
        timers: Timers,
        face: Face,
        delivery: Delivery,
        ask: Callable[[int], Said],
        acknowledge: Callable[[int], None],
    ) -> None:
        """`ask` asks for a page of what was said after a place in the log; `acknowledge` tells the server a place."""
        #: Whether we are an account, on a server that keeps a log for it.
        self.kept = False
        self.cursor = Cursor()
        self._timers = timers
        self._face = face
        self._delivery = delivery
        self._ask = ask
        self._acknowledge = acknowledge
        self._connected = False
        #: What asks for a page of what was left out, and the newest of that page.
        self._fetching: Said | None = None
        self._reached = 0

    def welcomed(self, x: ServerX, kept: bool, replays: bool) -> None:
        """A connection begins; with what was missed, if the server `replays` it and knows where we were."""
        self._connected, self.kept = True, kept
        if not kept:
            return
        self.cursor.welcomed(x, replays)
        if replays and x.resumed is False:
            self._face.notice("What was said while you were away is in the /history.")
        self._fetch()

    def lost(self) -> None:
        """The connection is gone."""
        self._connected = False
        self._timers.stop(self.acknowledge)
        self.cursor.lost()
        self._fetching = None

    def is_new(self, x: ServerX) -> bool:
        """Whether a message is to be shown; what was asked for is, even if it came before."""
        if x.batch is not None and x.batch != MISSED:
            self._delivery.moved()
            if self._fetching is None or self._delivery.batched is not self._fetching:
                return True
            x.batch = MISSED
            self._reached = max(self._reached, x.seq or 0)
        if x.seq is None or not self.kept:
            return True
        self._acknowledge_soon()
        return self.cursor.sees(x.seq)

    def takes(self, x: ServerX, answers: Said | None) -> bool:
        """Whether this answers what was fetched here, and is of no interest to anybody else."""
        if answers is None or answers is not self._fetching:
            return False
        after, self._fetching = answers.args["after"], None
        upto = max(self._reached, x.before or 0) if x.more else MAX_SEQ
        if x.op == "end" and upto > after:
            self.cursor.fetched(upto)
            self.acknowledge()
            self._fetch()
        else:
            self._face.notice("What was left out can't be fetched now. You will see it when you are connected again.")
        return True

    def follow(self, x: ServerX) -> None:
        """Do what a packet that was shown asks for."""
        if not self.kept:
            return
        if x.op == "ack" and x.seq is not None:
            self.cursor.said(x.seq)
            self._acknowledge_soon()
        elif x.op == "gap":
            self.cursor.interrupted(x.after or 0, x.upto or 0)
            self._fetch()
        elif x.op == "end" and x.cid is None:
            self.cursor.replayed(bool(x.more))
            self.acknowledge()
            self._fetch()

    def acknowledge(self) -> None:
        """Tell the server what was shown, as soon as it is."""
        self._timers.stop(self.acknowledge)
        if not self._connected or not self.kept:
            return
        if not self._face.caught_up:
            self._acknowledge_soon()
        elif seq := self.cursor.acknowledge():
            self._acknowledge(seq)

    def _acknowledge_soon(self) -> None:
        if self.acknowledge not in self._timers:
            self._timers.start(ACK_SECONDS, self.acknowledge)

    def _fetch(self) -> None:
        """Ask for what the server left out, unless it comes already."""
        if self._fetching is None and not self.cursor.replaying and (hole := self.cursor.hole):
            self._reached = 0
            self._fetching = self._ask(hole[0])
