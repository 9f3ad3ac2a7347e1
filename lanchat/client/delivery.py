"""Delivery of what the user sends, from the queue to its acknowledgement: what is sent again, and what is given up.

The order is kept: a message that is sent again is sent alone, and nothing later overtakes it.
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Callable, Iterable

from lanchat.client.interfaces import BATCHED, OutgoingMessage, UserInterface, describe
from lanchat.client.timers import Timers
from lanchat.protocol.packet import ReceivedPacket
from lanchat.protocol.typed_lines import SECRET_COMMANDS

#: Messages that may wait for their acknowledgement at a time.
MAX_UNACKNOWLEDGED = 100
#: Messages whose late acknowledgement is still reported to the user.
MAX_LATE = 1000
#: How often one message is sent again, and the longest time in seconds that it waits for that after a temporary refusal.
MAX_RETRIES, MAX_RETRY_SECONDS = 15, 60.0
#: Codes of refusals that are temporary.
RETRYABLE = frozenset({"NOT_STORED", "RATE_LIMITED"})

LOST = "the connection was lost before the acknowledgement came"


class Delivery:
    """Messages and commands that are queued, or were sent and not acknowledged yet."""

    def __init__(
        self, timers: Timers, ui: UserInterface, timeout: float, flush: Callable[[], None], wait_for_server: bool = False
    ) -> None:
        """`timeout` is how many seconds an acknowledgement may take; `flush` is called when more can be written.

        With `wait_for_server` commands that are refused temporarily are sent again too: in a script nobody can type them again.
        """
        self._timers = timers
        self._ui = ui
        self._timeout = timeout
        self._flush = flush
        self._wait_for_server = wait_for_server
        self._queue: list[OutgoingMessage] = []
        self._pending: dict[str, OutgoingMessage] = {}
        #: Messages that were given up, in case their acknowledgement still comes, by `cid`.
        self._late: dict[str, OutgoingMessage] = {}

    @property
    def waiting(self) -> int:
        """How many messages and commands are queued, or not acknowledged yet."""
        return len(self._queue) + len(self._pending)

    @property
    def paused(self) -> bool:
        """Whether nothing is sent for now, because the server asked to wait."""
        return self._retry_due in self._timers

    @property
    def batch_request(self) -> OutgoingMessage | None:
        """The command whose answer is the batch that is coming; None if there is none."""
        return next((message for message in self._pending.values() if message.command in BATCHED), None)

    def add(self, message: OutgoingMessage, first: bool = False) -> None:
        """Queue a message or command: as the last, or as the `first`."""
        self._queue.insert(0 if first else len(self._queue), message)

    def next(self) -> OutgoingMessage | None:
        """Take the next one to write out of the queue; None if nothing may be written now."""
        if (
            not self._queue
            or self.paused
            or len(self._pending) >= MAX_UNACKNOWLEDGED
            or any(s.retries for s in self._pending.values())
        ):
            return None
        if self._queue[0].retries and self._pending:
            return None
        return self._queue.pop(0)

    def message_written(self, message: OutgoingMessage) -> None:
        """Note that a message was written, and wait for its acknowledgement."""
        message.deadline = self._timers.now() + self._timeout
        self._pending[message.cid] = message
        if self._overdue not in self._timers:
            self._timers.start(self._timeout, self._overdue)

    def batch_progressed(self) -> None:
        """Restart the time limit of a batch, as a part of it came."""
        if (message := self.batch_request) is not None:
            message.deadline = self._timers.now() + self._timeout

    def answered(self, packet: ReceivedPacket) -> OutgoingMessage | None:
        """The message or command that a packet answers, which is no longer waited for; None if it answers none."""
        x = packet.x
        if x is None or x.op is None or x.cid is None:
            return None
        message = self._pending.get(x.cid)
        if message is not None:
            if message.command not in BATCHED or x.op in ("end", "fail"):
                del self._pending[x.cid]
            return message
        if (message := self._late.pop(x.cid, None)) and x.op != "fail" and not message.internal:
            self._ui.notice(f"Confirmed after all: {describe(message)}")
        return message

    def retry(self, message: OutgoingMessage, packet: ReceivedPacket) -> bool:
        """Whether this was refused only temporarily, and so will be sent again after the time that the server gives."""
        x = packet.x
        if x is None or x.op != "fail" or x.code not in RETRYABLE or x.retry_ms is None or message.retries >= MAX_RETRIES:
            return False
        seconds = min(max(x.retry_ms, 0) / 1000, MAX_RETRY_SECONDS)
        if not (message.is_message or message.internal or (self._wait_for_server and seconds <= self._timeout)):
            return False
        if not message.internal:
            self._ui.notice(f"The server can't accept this now; sending it again in {seconds:.1f} s: {describe(message)}")
        self._requeue(message)
        self._timers.start(seconds, self._retry_due)
        return True

    def welcomed(self, has_log: bool) -> None:
        """A connection is ready. If the server stores no log for us, give up what may have arrived on the old one."""
        if not has_log:
            may_have_arrived = [message for message in self._queue if message.may_have_arrived]
            self._queue = [message for message in self._queue if not message.may_have_arrived]
            self._give_up(may_have_arrived, LOST)

    def disconnected(self, has_log: bool) -> None:
        """The connection has ended. Messages that may have arrived are sent again if the server stores a log for us."""
        self._timers.stop(self._overdue, self._retry_due)
        self._late.clear()
        pending, self._pending = list(self._pending.values()), {}
        self._give_up(
            [message for message in pending if not (has_log and message.is_storable and message.retries < MAX_RETRIES)], LOST
        )
        for message in pending:
            if has_log and message.is_storable and message.retries < MAX_RETRIES:
                message.may_have_arrived = True
                self._requeue(message)
        self._give_up(
            [message for message in self._queue if message.command in SECRET_COMMANDS],
            "the connection was lost before this was sent",
        )
        # The client's own requests (`internal`) were about the connection that has ended.
        self._queue = [message for message in self._queue if message.command not in SECRET_COMMANDS and not message.internal]

    def end(self, report_unsent: bool) -> int:
        """Give up everything; how many messages matter to the user. With `report_unsent` those never sent count too."""
        may_have_arrived = [message for message in self._queue if message.may_have_arrived]
        told = self._give_up([*self._pending.values(), *may_have_arrived], "the client ended before the acknowledgement came")
        if report_unsent:
            told += self._give_up(
                [message for message in self._queue if not message.may_have_arrived], "the client ended before this was sent"
            )
        self._queue.clear()
        self._pending.clear()
        return told

    def _requeue(self, message: OutgoingMessage) -> None:
        message.retries += 1
        insort(self._queue, message, key=lambda waiting: waiting.number)

    def _retry_due(self) -> None:
        self._flush()

    def _overdue(self) -> None:
        """Give up the messages whose time is over, and wait for the next."""
        now = self._timers.now()
        for message in sorted(self._pending.values(), key=lambda waiting: waiting.deadline):
            if message.deadline > now:
                self._timers.start(message.deadline - now, self._overdue)
                break
            del self._pending[message.cid]
            self._late[message.cid] = message
            if len(self._late) > MAX_LATE:
                del self._late[next(iter(self._late))]
            self._give_up((message,), f"no acknowledgement came within {self._timeout:.0f} s")
        self._flush()

    def _give_up(self, given_up: Iterable[OutgoingMessage], why: str) -> int:
        """Report messages that are no longer waited for; how many of them matter to the user."""
        told = [message for message in given_up if not message.internal and not message.is_quit]
        for message in told:
            self._ui.not_acknowledged(message, why)
        return len(told)
