"""WorkerPool: the worker processes, as the tool sees them: orders go to all of them, and what they count is added up."""

from __future__ import annotations

import contextlib
import json
import sys
from typing import Any

from twisted.internet.defer import Deferred, FirstError, gatherResults
from twisted.internet.error import ProcessExitedAlready
from twisted.internet.protocol import ProcessProtocol
from twisted.internet.task import deferLater
from twisted.python.failure import Failure

from lanchat.protocol.packet import visible
from lanchat.stress.tally import Tally

#: Seconds that a worker may take to answer, however busy it is, and to end.
ANSWER_SECONDS, END_SECONDS = 60.0, 5.0


class WorkerLost(Exception):
    """A worker ended, or does not answer. The text is one line."""


class WorkerProcess(ProcessProtocol):
    """One worker process."""

    transport: Any

    def __init__(self, number: int) -> None:
        self._number = number
        self._answer: Deferred[dict[str, Any]] | None = None
        self._read = b""
        self._complaint = b""
        #: Seconds of processor time, and of time, since they were last set to 0.
        self.cpu = self.wall = 0.0
        #: Fires when the process has ended.
        self.ended: Deferred[None] = Deferred()

    def order(self, **order: Any) -> None:
        """Tell it what to do. That it has ended, the next report says."""
        if not self.ended.called:
            self.transport.write(json.dumps(order).encode() + b"\n")

    def report(self, clock: Any) -> Deferred[dict[str, Any]]:
        """What it has counted since the last time; fails with `WorkerLost`."""
        answer = self._answer = Deferred()
        answer.addTimeout(ANSWER_SECONDS, clock, lambda result, seconds: Failure(self._lost(f"no answer for {seconds:.0f} s")))
        self.order(do="report")
        if self.ended.called:
            self._fail()
        return answer

    def outReceived(self, data: bytes) -> None:
        """Part of an answer, or all of it."""
        self._read += data
        if self._read.endswith(b"\n") and self._answer is not None:
            answer, self._answer = self._answer, None
            said, self._read = json.loads(self._read), b""
            self.cpu += said["cpu"]
            self.wall += said["wall"]
            answer.callback(said)

    def errReceived(self, data: bytes) -> None:
        """It complains; the end of that is kept."""
        self._complaint = (self._complaint + data)[-1000:]

    def processEnded(self, reason: Failure) -> None:
        """It is gone."""
        self._why = reason.getErrorMessage()
        self.ended.callback(None)
        self._fail()

    def dismiss(self) -> Deferred[None]:
        """Have it end; fires when it has."""
        if not self.ended.called:
            self.transport.loseConnection()
        return self.ended

    def kill(self) -> None:
        """End it now, if it has not ended."""
        with contextlib.suppress(ProcessExitedAlready):
            self.transport.signalProcess("KILL")

    def _fail(self) -> None:
        if self._answer is not None:
            answer, self._answer = self._answer, None
            last = self._complaint.decode(errors="replace").strip().rpartition("\n")[2]
            answer.errback(self._lost(f"{self._why} {visible(last, 200)}".strip()))

    def _lost(self, why: str) -> WorkerLost:
        return WorkerLost(f"worker process {self._number + 1} of the load tool is lost: {why}")


class WorkerPool:
    """All worker processes, and what they have counted since `take`."""

    def __init__(self, reactor: Any, size: int) -> None:
        self.tally = Tally()
        self._reactor = reactor
        self._hands = [WorkerProcess(number) for number in range(size)]

    def __len__(self) -> int:
        return len(self._hands)

    @property
    def busiest(self) -> float:
        """The share of a core that the busiest process took since `rewind`."""
        return max(hand.cpu / hand.wall if hand.wall else 0.0 for hand in self._hands)

    async def start(self, plan: dict[str, Any]) -> None:
        """Start them and wait until they are ready. Raises `WorkerLost`."""
        command = [sys.executable, "-m", "lanchat.stress.worker"]
        for number, hand in enumerate(self._hands):
            self._reactor.spawnProcess(hand, sys.executable, command, env=None)
            hand.order(do="prepare", plan=plan | {"index": number, "processes": len(self)})
        await self.poll()

    def order(self, do: str, **more: Any) -> None:
        """Tell all of them what to do."""
        for hand in self._hands:
            hand.order(do=do, **more)

    async def rewind(self) -> None:
        """Measure from here how busy they are."""
        await self.poll()
        for hand in self._hands:
            hand.cpu = hand.wall = 0.0

    async def take(self) -> Tally:
        """What was counted since the last time."""
        taken, self.tally = await self.poll(), Tally()
        return taken

    async def poll(self) -> Tally:
        """Ask all of them what they have counted. Raises `WorkerLost`."""
        try:
            reports = await gatherResults([hand.report(self._reactor) for hand in self._hands], consumeErrors=True)
        except FirstError as first:
            first.subFailure.raiseException()
        for report in reports:
            self.tally.add(Tally.from_json(report["tally"]))
        return self.tally

    async def sleep(self, seconds: float) -> None:
        """Let so much time pass."""
        await deferLater(self._reactor, seconds)

    async def end(self) -> None:
        """End them all; whoever does not, is killed."""
        started = [hand for hand in self._hands if hand.transport is not None]
        ended = gatherResults([hand.dismiss() for hand in started])
        killing = self._reactor.callLater(END_SECONDS, _kill, started)
        await ended
        if killing.active():
            killing.cancel()


def _kill(hands: list[WorkerProcess]) -> None:
    for hand in hands:
        hand.kill()
