"""Keeps a client in step with the server's log: each message shown once, gaps fetched, displayed messages acknowledged.

What is acknowledged the server need not keep for us. A guest has no position in the log and acknowledges nothing, but fetches
what was left out too.
"""

from __future__ import annotations

from collections.abc import Callable

from lanchat.client.cursor import Cursor
from lanchat.client.interfaces import OutgoingMessage, UserInterface
from lanchat.client.timers import Timers
from lanchat.protocol.entry import EDIT, REACT, WITHDRAW
from lanchat.protocol.events import READ
from lanchat.protocol.extensions import AnswerX
from lanchat.protocol.packet import visible

#: Seconds between two acknowledgements of displayed messages.
ACK_SECONDS = 1.0
#: The name of the batch of missed messages, which count as live ones.
RESUME_BATCH = "resume"
#: The `op` of packets that come out of the log, in its order: messages, and what happened to them or in a room. (An event
#: `read` has the `seq` of a read marker.)
DELIVERIES = frozenset({None, "event", EDIT, WITHDRAW, REACT})
#: Higher than every `seq`.
MAX_SEQ = 2**63

GAP_NOTICE = "You were reading too slowly, and the messages that the server left out"


class LogSync:
    """One reader's way through the log, over one connection after another."""

    def __init__(
        self,
        timers: Timers,
        ui: UserInterface,
        batch_progressed: Callable[[], None],
        ask: Callable[[int], OutgoingMessage],
        acknowledge: Callable[[int], None],
    ) -> None:
        """`batch_progressed` is called when a part of a page came.

        `ask` requests a page of messages after a `seq`; `acknowledge` sends a `seq` to the server.
        """
        #: Whether the server stores a log for us: we are logged in to an account, and it keeps messages.
        self.has_log = False
        self.cursor = Cursor()
        self._timers = timers
        self._ui = ui
        self._batch_progressed = batch_progressed
        self._ask = ask
        self._acknowledge = acknowledge
        self._connected = False
        #: The request for a page of a gap, and the highest `seq` of that page so far.
        self._fetching: OutgoingMessage | None = None
        self._page_newest = 0
        #: Whether an acknowledgement waits until everything is displayed.
        self._ack_waits = False

    @property
    def has_unacknowledged(self) -> bool:
        """Whether messages came that the server does not know were received."""
        return self._connected and self.has_log and not self.cursor.acknowledged

    @property
    def complete(self) -> bool:
        """Whether no missed message, and no gap, is outstanding."""
        return not self.cursor.replaying and self.cursor.gap is None

    def welcomed(self, x: AnswerX, has_log: bool, replays: bool, ordered: bool) -> None:
        """Begin with a connection. Missed messages follow if the server `replays` them and knows our position."""
        self._connected, self.has_log = True, has_log
        if not has_log:
            self.cursor = Cursor(ordered)  # a guest is sent only what is said during one connection
            return
        self.cursor.ordered = ordered
        self.cursor.welcomed(x, replays)
        if replays and x.resumed is False:
            self._ui.notice("Messages from while you were away are in /history.")
        self._fetch()

    def registered(self, x: AnswerX) -> None:
        """The name was made an account, for which the server stores a log."""
        self.has_log = True
        self.cursor.registered(x)
        self._acknowledge_soon()

    def disconnected(self) -> None:
        """Note that the connection has ended."""
        self._connected = False
        self._timers.stop(self.acknowledge)
        self.cursor.disconnected()
        self._fetching = None
        self.end()

    def end(self) -> None:
        """Nothing more comes on this connection. A guest has lost what is missing; an account gets it on the next one."""
        if not self.has_log and self.cursor.gap:
            self.cursor.drop_gaps()
            self._ui.messages_missing(f"{GAP_NOTICE} did not come before the end of the connection.")

    def is_new(self, x: AnswerX) -> bool:
        """Whether to show a packet: of what comes out of the log, what did not come before, or what the user asked for."""
        if x.op not in DELIVERIES or x.ev == READ:
            return True
        if x.batch is not None and x.batch != RESUME_BATCH:
            self._batch_progressed()
            if self._fetching is None or x.batch != self._fetching.cid:
                return True
            x.batch = RESUME_BATCH
            self._page_newest = max(self._page_newest, x.seq or 0)
            self._acknowledge_soon()
            return self.cursor.note_fetched(x.seq or 0)
        if x.seq is None:
            return True
        self._acknowledge_soon()
        return self.cursor.note_live(x.seq)

    def consume(self, x: AnswerX, request: OutgoingMessage | None, text: str) -> bool:
        """Whether this answers a request for a gap, which nobody else needs to see; `text` is its message for people."""
        if request is None or request is not self._fetching:
            return False
        after, self._fetching = request.args["after"], None
        upto = max(self._page_newest, x.before or 0) if x.more else MAX_SEQ
        if x.op == "end" and upto > after:
            self.cursor.page_fetched(upto)
            self._acknowledge_soon()
            self._fetch()
        else:
            self._not_fetched(text)
        return True

    def apply(self, x: AnswerX) -> None:
        """Update the position by a packet that was shown: an acknowledgement, a gap, or the end of a batch."""
        if x.op == "ack" and x.seq is not None:
            self.cursor.note_own(x.seq)
            self._acknowledge_soon()
        elif x.op == "gap":
            self.cursor.gap_announced(x.after or 0, x.upto or 0)
            self._fetch()
        elif x.op == "end" and x.batch == RESUME_BATCH:
            self.cursor.replay_ended(bool(x.more), x.before or 0)
            self._acknowledge_soon()
            self._fetch()

    def acknowledge(self) -> None:
        """Send an acknowledgement of what was displayed; if some of it is not displayed yet, wait for that."""
        self._timers.stop(self.acknowledge)
        if not self.has_unacknowledged:
            return
        self._ack_waits = not self._ui.caught_up
        if self._ack_waits:
            self._acknowledge_soon()
        elif seq := self.cursor.acknowledge():
            self._acknowledge(seq)

    def displayed(self) -> None:
        """Everything is displayed now: send the acknowledgement that had to wait for that."""
        if self._ack_waits:
            self.acknowledge()

    def _acknowledge_soon(self) -> None:
        if self.has_log and self._connected and self.acknowledge not in self._timers:
            self._timers.start(ACK_SECONDS, self.acknowledge)

    def _fetch(self) -> None:
        """Ask for a page of the first gap, unless one is coming already."""
        if self._fetching is None and not self.cursor.replaying and (gap := self.cursor.gap):
            self._page_newest = 0
            self._fetching = self._ask(gap[0])

    def _not_fetched(self, why: str) -> None:
        """Report that the server does not give what it left out."""
        reason = f" ({visible(why, 200)})" if why else ""
        later = " You will see them when you are connected again." if self.has_log else ""
        self._ui.messages_missing(f"{GAP_NOTICE} can't be fetched now{reason}.{later}")
        if not self.has_log:
            self.cursor.drop_gaps()
