"""The pool of worker processes: orders go to all of them, and their counts are added up."""

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
from lanchat.stress.plan import Plan, Report, RunPlan
from lanchat.stress.tally import Tally

#: Seconds that a worker may take to answer, however busy it is, and to end.
ANSWER_SECONDS, END_SECONDS = 60.0, 5.0


class WorkerLost(Exception):
    """A worker ended, or does not answer. The text is one line."""


class WorkerProcess(ProcessProtocol):
    """One worker process, as the load tool sees it."""

    transport: Any

    def __init__(self, number: int) -> None:
        self._number = number
        self._answer: Deferred[Report] | None = None
        self._received = b""
        self._stderr = b""
        #: Processor time and elapsed time in seconds, since they were last set to 0.
        self.cpu = self.wall = 0.0
        #: Fires when the process has ended.
        self.ended: Deferred[None] = Deferred()

    def order(self, **order: Any) -> None:
        """Send an order. If the process has ended, the next report says so."""
        if not self.ended.called:
            self.transport.write(json.dumps(order).encode() + b"\n")

    def report(self, clock: Any) -> Deferred[Report]:
        """What the process has counted since the last report; fails with `WorkerLost`."""
        answer = self._answer = Deferred()
        answer.addTimeout(ANSWER_SECONDS, clock, lambda result, seconds: Failure(self._error(f"no answer for {seconds:.0f} s")))
        self.order(do="report")
        if self.ended.called:
            self._fail()
        return answer

    def outReceived(self, data: bytes) -> None:
        """Take a part of a report."""
        self._received += data
        if self._received.endswith(b"\n") and self._answer is not None:
            answer, self._answer = self._answer, None
            report, self._received = json.loads(self._received), b""
            self.cpu += report["cpu"]
            self.wall += report["wall"]
            answer.callback(report)

    def errReceived(self, data: bytes) -> None:
        """Keep the last 1,000 bytes of its stderr."""
        self._stderr = (self._stderr + data)[-1000:]

    def processEnded(self, reason: Failure) -> None:
        """Note that the process has ended."""
        self._exit_reason = reason.getErrorMessage()
        self.ended.callback(None)
        self._fail()

    def close(self) -> Deferred[None]:
        """Close its stdin, which ends it; fires when it has ended."""
        if not self.ended.called:
            self.transport.loseConnection()
        return self.ended

    def kill(self) -> None:
        """Kill it, if it has not ended."""
        with contextlib.suppress(ProcessExitedAlready):
            self.transport.signalProcess("KILL")

    def _fail(self) -> None:
        if self._answer is not None:
            answer, self._answer = self._answer, None
            last = self._stderr.decode(errors="replace").strip().rpartition("\n")[2]
            answer.errback(self._error(f"{self._exit_reason} {visible(last, 200)}".strip()))

    def _error(self, why: str) -> WorkerLost:
        return WorkerLost(f"worker process {self._number + 1} of the load tool is lost: {why}")


class WorkerPool:
    """All worker processes, and what they have counted since the last `take`."""

    def __init__(self, reactor: Any, size: int) -> None:
        self.tally = Tally()
        self._reactor = reactor
        self._processes = [WorkerProcess(number) for number in range(size)]

    def __len__(self) -> int:
        return len(self._processes)

    @property
    def busiest(self) -> float:
        """The share of a core that the busiest process used since `rewind`; 1.0 is a whole core."""
        return max(process.cpu / process.wall if process.wall else 0.0 for process in self._processes)

    async def start(self, plan: RunPlan) -> None:
        """Start the processes and wait until they are ready. Raises `WorkerLost`."""
        command = [sys.executable, "-m", "lanchat.stress.worker"]
        for number, process in enumerate(self._processes):
            self._reactor.spawnProcess(process, sys.executable, command, env=None)
            prepared: Plan = {**plan, "index": number, "processes": len(self)}
            process.order(do="prepare", plan=prepared)
        await self.poll()

    def order(self, do: str, **more: Any) -> None:
        """Send an order to all processes."""
        for process in self._processes:
            process.order(do=do, **more)

    async def rewind(self) -> None:
        """Start to measure how busy the processes are."""
        await self.poll()
        for process in self._processes:
            process.cpu = process.wall = 0.0

    async def take(self) -> Tally:
        """Everything that was counted since the last `take`."""
        taken, self.tally = await self.poll(), Tally()
        return taken

    async def poll(self) -> Tally:
        """Collect what the processes have counted. Raises `WorkerLost`."""
        try:
            reports = await gatherResults([process.report(self._reactor) for process in self._processes], consumeErrors=True)
        except FirstError as first:
            first.subFailure.raiseException()
        for report in reports:
            self.tally.add(Tally.from_json(report["tally"]))
        return self.tally

    async def sleep(self, seconds: float) -> None:
        """Wait for a number of seconds, while the workers go on."""
        await deferLater(self._reactor, seconds)

    async def end(self) -> None:
        """End all processes, and kill those that do not end within `END_SECONDS`."""
        started = [process for process in self._processes if process.transport is not None]
        ended = gatherResults([process.close() for process in started])
        killing = self._reactor.callLater(END_SECONDS, _kill, started)
        await ended
        if killing.active():
            killing.cancel()


def _kill(processes: list[WorkerProcess]) -> None:
    for process in processes:
        process.kill()
