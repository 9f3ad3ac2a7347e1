"""Reading: what comes of the server's log.

No message is shown twice, what was left out is fetched, and what was shown is acknowledged, so that the server need not
keep it for us. A guest has no place of its own in the log, and acknowledges nothing; what was left out it fetches too.
"""

from __future__ import annotations

from collections.abc import Callable

from lanchat.client.cursor import Cursor
from lanchat.client.interfaces import Face, Said
from lanchat.client.timers import Timers
from lanchat.protocol.packet import ServerX, visible

#: Seconds between two acknowledgements of what was shown.
ACK_SECONDS = 1.0
#: The batch of what was missed, which is as new as what comes live.
MISSED = "resume"
#: Beyond every place in the log.
MAX_SEQ = 2**63

LEFT_OUT = "You read too slowly, and what the server left out"


class LogSync:
    """One reader's way through the log, over one connection after another."""

    def __init__(
        self,
        timers: Timers,
        face: Face,
        moved: Callable[[], None],
        ask: Callable[[int], Said],
        acknowledge: Callable[[int], None],
    ) -> None:
        """`moved` is called when a part of a page came.

        `ask` asks for a page of what was said after a place in the log; `acknowledge` tells the server a place.
        """
        #: Whether we are an account, on a server that keeps a log for it.
        self.kept = False
        self.cursor = Cursor()
        self._timers = timers
        self._face = face
        self._moved = moved
        self._ask = ask
        self._acknowledge = acknowledge
        self._connected = False
        #: What asks for a page of what was left out, and the newest of that page.
        self._fetching: Said | None = None
        self._reached = 0
        #: Whether there was something to acknowledge that was not shown yet.
        self._behind = False

    @property
    def owes(self) -> bool:
        """Whether something came that the server does not know of yet."""
        return self._connected and self.kept and not self.cursor.acknowledged

    @property
    def complete(self) -> bool:
        """Whether nothing that was missed, or left out, is still to come."""
        return not self.cursor.replaying and self.cursor.hole is None

    def welcomed(self, x: ServerX, kept: bool, replays: bool, ordered: bool) -> None:
        """A connection begins; with what was missed, if the server `replays` it and knows where we were."""
        self._connected, self.kept = True, kept
        if not kept:
            self.cursor = Cursor(ordered)  # what is said to a guest is said on one connection
            return
        self.cursor.ordered = ordered
        self.cursor.welcomed(x, replays)
        if replays and x.resumed is False:
            self._face.notice("What was said while you were away is in the /history.")
        self._fetch()

    def registered(self, x: ServerX) -> None:
        """The name was made an account, on a server that keeps a log for it."""
        self.kept = True
        self.cursor.registered(x)
        self._acknowledge_soon()

    def lost(self) -> None:
        """The connection is gone."""
        self._connected = False
        self._timers.stop(self.acknowledge)
        self.cursor.lost()
        self._fetching = None
        self.end()

    def end(self) -> None:
        """Nothing more comes on this connection. An account is owed what is missing yet, a guest has lost it."""
        if not self.kept and self.cursor.hole:
            self.cursor.give_up()
            self._face.incomplete(f"{LEFT_OUT} did not come before the end of the connection.")

    def is_new(self, x: ServerX) -> bool:
        """Whether a message is to be shown; what somebody asked for is, even if it came before."""
        if x.batch is not None and x.batch != MISSED:
            self._moved()
            if self._fetching is None or x.batch != self._fetching.cid:
                return True
            x.batch = MISSED
            self._reached = max(self._reached, x.seq or 0)
            self._acknowledge_soon()
            return self.cursor.fills(x.seq or 0)
        if x.seq is None:
            return True
        self._acknowledge_soon()
        return self.cursor.sees(x.seq)

    def takes(self, x: ServerX, answers: Said | None, text: str) -> bool:
        """Whether this answers what was fetched here, and is of no interest to anybody else; `text` is for a person."""
        if answers is None or answers is not self._fetching:
            return False
        after, self._fetching = answers.args["after"], None
        upto = max(self._reached, x.before or 0) if x.more else MAX_SEQ
        if x.op == "end" and upto > after:
            self.cursor.fetched(upto)
            self._acknowledge_soon()
            self._fetch()
        else:
            self._unfetched(text)
        return True

    def follow(self, x: ServerX) -> None:
        """Do what a packet that was shown asks for."""
        if x.op == "ack" and x.seq is not None:
            self.cursor.said(x.seq)
            self._acknowledge_soon()
        elif x.op == "gap":
            self.cursor.interrupted(x.after or 0, x.upto or 0)
            self._fetch()
        elif x.op == "end" and x.batch == MISSED:
            self.cursor.replayed(bool(x.more), x.before or 0)
            self._acknowledge_soon()
            self._fetch()

    def acknowledge(self) -> None:
        """Tell the server what was shown, as soon as it is."""
        self._timers.stop(self.acknowledge)
        if not self.owes:
            return
        self._behind = not self._face.caught_up
        if self._behind:
            self._acknowledge_soon()
        elif seq := self.cursor.acknowledge():
            self._acknowledge(seq)

    def shown(self) -> None:
        """The face has caught up: acknowledge what had to wait for that."""
        if self._behind:
            self.acknowledge()

    def _acknowledge_soon(self) -> None:
        if self.kept and self._connected and self.acknowledge not in self._timers:
            self._timers.start(ACK_SECONDS, self.acknowledge)

    def _fetch(self) -> None:
        """Ask for what the server left out, unless it comes already."""
        if self._fetching is None and not self.cursor.replaying and (hole := self.cursor.hole):
            self._reached = 0
            self._fetching = self._ask(hole[0])

    def _unfetched(self, why: str) -> None:
        """The server does not give what it left out."""
        reason = f" ({visible(why, 200)})" if why else ""
        later = " You will see it when you are connected again." if self.kept else ""
        self._face.incomplete(f"{LEFT_OUT} can't be fetched now{reason}.{later}")
        if not self.kept:
            self.cursor.give_up()
