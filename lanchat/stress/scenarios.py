"""Scenario: the three kinds of load, and what each of their steps showed."""

from __future__ import annotations

import contextlib
import os
import re
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lanchat.stress.pool import WorkerPool
from lanchat.stress.schedule import SECOND
from lanchat.stress.tally import Tally, note
from lanchat.system.progress_bar import ProgressBar

#: Seconds from an order to the moment it is for, so that it has reached everyone.
LEAD = 0.1
#: Seconds between two looks at what the workers have counted.
LOOK = 0.25
#: What users do under `stress`, by weight.
HABITS = {"message": 79, "command": 15, "shout": 1, "leave": 5}
ONLY_MESSAGES = {"message": 1}

_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass
class Row:
    """One step of a load, and what it showed."""

    #: Users who were there when it began.
    users: int = 0
    #: Seconds for which they talked.
    seconds: float = 0.0
    tally: Tally = field(default_factory=Tally)
    #: The share of a core that the busiest of our own processes took.
    busiest: float = 0.0
    #: The share of this machine's cores that were busy, with whatever it was.
    machine: float = 0.0
    #: The share of a core that the server took, and its memory in bytes, where its process is known.
    server: tuple[float, int] | None = None

    @property
    def lost(self) -> int:
        """Messages of which nothing was heard again."""
        counts = self.tally.counts
        return max(0, counts["sent"] - counts["delivered"] - counts["undelivered"])

    @property
    def unanswered(self) -> int:
        """Commands of which nothing was heard again."""
        counts = self.tally.counts
        return max(0, counts["asked"] - counts["answered"] - counts["failed"])

    def ms(self, what: str, percent: float) -> float:
        """A percentile in milliseconds."""
        return self.tally.times[what].percentile(percent) / 1e6


class Watch:
    """What the system tells of this machine, and of the server's process if it is known, from now on."""

    def __init__(self, pid: int | None) -> None:
        self._server = None if pid is None else Path("/proc") / str(pid)
        self._began = time.monotonic()
        self._before = _server_cpu(self._server), _machine_ticks()

    def tell(self, row: Row) -> None:
        """Write down what was taken meanwhile; a server that has ended takes nothing."""
        cpu, (idle, total) = self._before
        idle_now, total_now = _machine_ticks()
        row.machine = 1 - (idle_now - idle) / (total_now - total) if total_now > total else 0.0
        if self._server is not None:
            with contextlib.suppress(OSError):
                taken = _server_cpu(self._server) - cpu
                row.server = taken / (time.monotonic() - self._began), _server_memory(self._server)


def _server_cpu(process: Path | None) -> float:
    if process is None:
        return 0.0
    fields = (process / "stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def _server_memory(process: Path) -> int:
    resident = re.search(r"VmRSS:\s+(\d+) kB", (process / "status").read_text())
    return int(resident[1]) * 1024 if resident else 0


def _machine_ticks() -> tuple[int, int]:
    """How long the cores have been idle, and how long there have been cores (proc_stat(5)); zeros where that is not told."""
    try:
        ticks = [int(field) for field in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]]
    except OSError:
        return 0, 0
    return ticks[3] + ticks[4], sum(ticks)


class Scenario:
    """A load in steps: open connections, have their users talk, and wait until all is heard."""

    def __init__(self, pool: WorkerPool, wanted: Any, bar: ProgressBar) -> None:
        self.wanted = wanted
        self._pool, self._bar = pool, bar
        #: Users that were asked to connect, and those that were there at the end of the last row.
        self._asked = self._here = 0
        self._row = Row()

    async def open(self, to: int, seconds: float) -> None:
        """Connect users until there are so many, and wait until each is welcomed or refused."""
        since, self._asked = self._asked, to
        settled = self._settled()
        self._pool.order("open", since=since, to=to, start=_soon(), seconds=seconds)
        deadline = time.monotonic() + LEAD + seconds + self.wanted["patience"]
        while (done := self._settled() - settled) < to - since and time.monotonic() < deadline:
            self._bar.show((since + done) / self.wanted.users, f"{since + done} of {to} users are there")
            await self._look(LOOK)
        if done < to - since:
            note(self._pool.tally.refused, f"no welcome within {self.wanted['patience']:g} s", to - since - done)

    async def talk(self, seconds: float, habits: dict[str, int]) -> None:
        """Have those who are there talk for so long, and wait until all is heard."""
        if not self._here_now():
            return
        await self._pool.rewind()
        watch = Watch(self.wanted["pid"])
        self._row = Row(self._here_now(), seconds)
        talk = {"start": _soon(), "seconds": seconds, "rate": self.wanted["rate"], "users": self._asked, "habits": habits}
        self._pool.order("talk", **talk)
        end = time.monotonic() + LEAD + seconds
        while (left := end - time.monotonic()) > 0:
            self._bar.show(1 - left / (seconds + LEAD), f"{self._row.users} users talk, {left:.0f} s to go")
            await self._look(min(LOOK, left))
        self._row.busiest = self._pool.busiest
        watch.tell(self._row)
        self._pool.order("stay")
        await self._silence()

    async def row(self) -> Row:
        """The step is over."""
        row, self._row = self._row, Row()
        row.tally = await self._pool.take()
        self._here += _came(row.tally)
        self._bar.clear()
        return row

    async def burst(self) -> None:
        """Connect all at once."""
        await self._pool.rewind()
        watch = Watch(self.wanted["pid"])
        await self.open(self.wanted.users, 0)
        self._row = Row(self._here_now(), 0, busiest=self._pool.busiest)
        watch.tell(self._row)

    async def _silence(self) -> None:
        """Wait until nothing is on its way any more, or for as long as we have patience."""
        deadline = time.monotonic() + self.wanted["patience"]
        while True:
            self._row.tally = await self._pool.poll()
            waiting = self._row.lost + self._row.unanswered
            if not waiting or time.monotonic() > deadline:
                return
            self._bar.show(1, f"waiting for {waiting} answers")
            await self._look(LOOK)

    async def _look(self, seconds: float) -> None:
        await self._pool.sleep(seconds)
        await self._pool.poll()

    def _settled(self) -> int:
        """How many connections have been welcomed or refused."""
        return self._pool.tally.counts["welcomed"] + self._pool.tally.refused.total()

    def _here_now(self) -> int:
        return self._here + _came(self._pool.tally)


async def stress(trial: Scenario) -> AsyncIterator[Row]:
    """Random users, for a time."""
    await trial.open(trial.wanted.users, trial.wanted.users / trial.wanted["opens"])
    await trial.talk(trial.wanted["for"], HABITS)
    yield await trial.row()


async def breakpoint_(trial: Scenario) -> AsyncIterator[Row]:
    """More and more users."""
    step, most = trial.wanted["step"], trial.wanted.users
    for users in [*range(step, most, step), most]:
        await trial.open(users, min(step, users) / trial.wanted["opens"])
        await trial.talk(trial.wanted["hold"], ONLY_MESSAGES)
        yield await trial.row()


async def storm(trial: Scenario) -> AsyncIterator[Row]:
    """All at once."""
    await trial.burst()
    yield await trial.row()


#: The kinds of load, each of which gives a row for each step.
KINDS: dict[str, Callable[[Scenario], AsyncIterator[Row]]] = {"stress": stress, "breakpoint": breakpoint_, "storm": storm}


def _soon() -> int:
    """The moment that an order is for, on the clock that all processes share."""
    return time.monotonic_ns() + int(LEAD * SECOND)


def _came(tally: Tally) -> int:
    """How many more are there than before."""
    return tally.counts["welcomed"] - tally.counts["left"] - tally.closed.total()
