"""The three scenarios of load, and the results of their steps."""

from __future__ import annotations

import contextlib
import os
import re
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from lanchat.stress.pool import WorkerPool
from lanchat.stress.schedule import SECOND
from lanchat.stress.tally import Tally, count_text
from lanchat.system.progress_bar import ProgressBar

#: Seconds from an order to the time it is for, so that it has reached all processes.
LEAD_SECONDS = 0.1
#: Seconds between two polls of the workers.
POLL_SECONDS = 0.25
#: What users do in the scenario `stress`, by weight.
ACTION_WEIGHTS = {"message": 79, "command": 15, "shout": 1, "leave": 5}
ONLY_MESSAGES = {"message": 1}

_TICKS = os.sysconf("SC_CLK_TCK")


class ServerUsage(NamedTuple):
    """What the server's process used: a share of a core (1.0 is a whole core), and bytes of memory."""

    cpu: float
    memory: int


@dataclass
class StepResult:
    """The result of one step of a scenario."""

    #: Users who were online when it began.
    users: int = 0
    #: Seconds for which they were active.
    seconds: float = 0.0
    tally: Tally = field(default_factory=Tally)
    #: The share of a core that the busiest worker used (1.0 is a whole core).
    busiest: float = 0.0
    #: The share of all cores of this machine that was used, by any program.
    machine: float = 0.0
    #: What the server used; None if its process is not known.
    server: ServerUsage | None = None

    @property
    def lost(self) -> int:
        """Messages that were neither delivered nor refused."""
        counts = self.tally.counts
        return max(0, counts["sent"] - counts["delivered"] - counts["undelivered"])

    @property
    def unanswered(self) -> int:
        """Commands that were not answered."""
        counts = self.tally.counts
        return max(0, counts["asked"] - counts["answered"] - counts["failed"])

    def ms(self, what: str, percent: float) -> float:
        """A percentile of a latency, in milliseconds."""
        return self.tally.times[what].percentile(percent) / 1e6


class ResourceUsage:
    """Measures the use of this machine's processors, and of the server's process if it is known."""

    def __init__(self, pid: int | None) -> None:
        self._server = None if pid is None else Path("/proc") / str(pid)
        self._began = time.monotonic()
        self._before = _server_cpu(self._server), _machine_ticks()

    def tell(self, row: StepResult) -> None:
        """Write what was used since the start into a result; a server that has ended used nothing."""
        cpu, (idle, total) = self._before
        idle_now, total_now = _machine_ticks()
        row.machine = 1 - (idle_now - idle) / (total_now - total) if total_now > total else 0.0
        if self._server is not None:
            with contextlib.suppress(OSError):
                used = _server_cpu(self._server) - cpu
                row.server = ServerUsage(used / (time.monotonic() - self._began), _server_memory(self._server))


def _server_cpu(process: Path | None) -> float:
    if process is None:
        return 0.0
    fields = (process / "stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def _server_memory(process: Path) -> int:
    resident = re.search(r"VmRSS:\s+(\d+) kB", (process / "status").read_text())
    return int(resident[1]) * 1024 if resident else 0


def _machine_ticks() -> tuple[int, int]:
    """Idle ticks and all ticks of the cores since boot (proc_stat(5)); zeros where the system does not say."""
    try:
        ticks = [int(field) for field in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]]
    except OSError:
        return 0, 0
    return ticks[3] + ticks[4], sum(ticks)


class Scenario:
    """The steps that scenarios are made of: connect users, let them be active, wait for all answers."""

    def __init__(self, pool: WorkerPool, options: Any, bar: ProgressBar) -> None:
        self.options = options
        self._pool, self._bar = pool, bar
        #: Users that were told to connect, and users that were online at the end of the last step.
        self._opened = self._welcomed = 0
        self._row = StepResult()

    async def open(self, to: int, seconds: float) -> None:
        """Connect users until there are `to`, and wait until each is welcomed or refused."""
        since, self._opened = self._opened, to
        settled = self._settled()
        self._pool.order("open", since=since, to=to, start=_start_time(), seconds=seconds)
        deadline = time.monotonic() + LEAD_SECONDS + seconds + self.options["patience"]
        while (done := self._settled() - settled) < to - since and time.monotonic() < deadline:
            self._bar.show((since + done) / self.options.users, f"{since + done} of {to} users are online")
            await self._poll(POLL_SECONDS)
        if done < to - since:
            count_text(self._pool.tally.refused, f"no welcome within {self.options['patience']:g} s", to - since - done)

    async def talk(self, seconds: float, actions: dict[str, int]) -> None:
        """Let the users be active for so many seconds, then wait for all answers."""
        if not self._online():
            return
        await self._pool.rewind()
        usage = ResourceUsage(self.options["pid"])
        self._row = StepResult(self._online(), seconds)
        talk = {
            "start": _start_time(),
            "seconds": seconds,
            "rate": self.options["rate"],
            "users": self._opened,
            "actions": actions,
        }
        self._pool.order("talk", **talk)
        end = time.monotonic() + LEAD_SECONDS + seconds
        while (left := end - time.monotonic()) > 0:
            self._bar.show(1 - left / (seconds + LEAD_SECONDS), f"{self._row.users} users talk, {left:.0f} s to go")
            await self._poll(min(POLL_SECONDS, left))
        self._row.busiest = self._pool.busiest
        usage.tell(self._row)
        self._pool.order("stay")
        await self._wait_for_answers()

    async def row(self) -> StepResult:
        """Finish the step, and return its result."""
        row, self._row = self._row, StepResult()
        row.tally = await self._pool.take()
        self._welcomed += _net_arrivals(row.tally)
        self._bar.clear()
        return row

    async def burst(self) -> None:
        """Connect all users at once."""
        await self._pool.rewind()
        usage = ResourceUsage(self.options["pid"])
        await self.open(self.options.users, 0)
        self._row = StepResult(self._online(), 0, busiest=self._pool.busiest)
        usage.tell(self._row)

    async def _wait_for_answers(self) -> None:
        """Wait until nothing is outstanding, or for `--patience` seconds."""
        deadline = time.monotonic() + self.options["patience"]
        while True:
            self._row.tally = await self._pool.poll()
            waiting = self._row.lost + self._row.unanswered
            if not waiting or time.monotonic() > deadline:
                return
            self._bar.show(1, f"waiting for {waiting} answers")
            await self._poll(POLL_SECONDS)

    async def _poll(self, seconds: float) -> None:
        await self._pool.sleep(seconds)
        await self._pool.poll()

    def _settled(self) -> int:
        """How many connections have been welcomed or refused."""
        return self._pool.tally.counts["welcomed"] + self._pool.tally.refused.total()

    def _online(self) -> int:
        return self._welcomed + _net_arrivals(self._pool.tally)


async def stress(scenario: Scenario) -> AsyncIterator[StepResult]:
    """Run random users for a while."""
    await scenario.open(scenario.options.users, scenario.options.users / scenario.options["opens"])
    await scenario.talk(scenario.options["for"], ACTION_WEIGHTS)
    yield await scenario.row()


async def breakpoint_(scenario: Scenario) -> AsyncIterator[StepResult]:
    """Add users step by step, up to a maximum."""
    step, most = scenario.options["step"], scenario.options.users
    for users in [*range(step, most, step), most]:
        await scenario.open(users, min(step, users) / scenario.options["opens"])
        await scenario.talk(scenario.options["hold"], ONLY_MESSAGES)
        yield await scenario.row()


async def storm(scenario: Scenario) -> AsyncIterator[StepResult]:
    """Connect all users at once."""
    await scenario.burst()
    yield await scenario.row()


#: The scenarios by the names of their subcommands; each yields the result of every step.
SCENARIOS: dict[str, Callable[[Scenario], AsyncIterator[StepResult]]] = {
    "stress": stress,
    "breakpoint": breakpoint_,
    "storm": storm,
}


def _start_time() -> int:
    """The time that an order is for, by the clock that all processes share."""
    return time.monotonic_ns() + int(LEAD_SECONDS * SECOND)


def _net_arrivals(tally: Tally) -> int:
    """How many more users are online than before."""
    return tally.counts["welcomed"] - tally.counts["left"] - tally.closed.total()
