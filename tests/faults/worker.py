"""Worker: a process with some devices, and with guests who fight for one name. `python -m tests.faults.worker PLAN`.

It reads orders from its standard input, a line each, and answers with a line when it has done them: "settle" (say nothing
new, and find out what became of everything), "read" (read every history once more, whole), "end".
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import sys
from collections.abc import Callable
from pathlib import Path

import msgspec

from tests.faults.device import Device
from tests.faults.events import AnyEvent, Owned, Recorder, now
from tests.faults.wire import Connection, LostConnection
from tests.faults.writing import Seat


class Plan(msgspec.Struct):
    """What a worker is to do."""

    #: Where the server, or what is before it, listens on loopback.
    port: int
    #: The file for the events.
    events: str
    seed: int
    #: Messages that each device says in a second.
    rate: float
    seats: list[Seat]
    #: Names that guests fight for: each is tried by one guest of this process.
    names: list[str]


class Contender:
    """A guest who takes a name whenever it is free, and has it for a moment."""

    def __init__(self, name: str, port: int, record: Callable[[AnyEvent], None], dice: random.Random) -> None:
        self._name, self._port, self._record, self._dice = name, port, record, dice
        self.trying = True

    async def run(self) -> None:
        """Try, again and again; ends only when it is cancelled."""
        while True:
            with contextlib.suppress(OSError, LostConnection, asyncio.TimeoutError):
                if self.trying:
                    await self._once()
            await asyncio.sleep(self._dice.uniform(0.05, 0.2))

    async def _once(self) -> None:
        connection = await Connection.open(self._port, self._name)
        try:
            if await connection.welcomed() is not None:
                await self._own(connection)
        finally:
            connection.close()

    async def _own(self, connection: Connection) -> None:
        """Ask things now and then: when an answer comes, the name was this guest's when it asked."""
        since = until = now()
        with contextlib.suppress(LostConnection):
            for _ in range(self._dice.randrange(1, 8)):
                asked = now()
                await connection.ask("/time")
                until = asked
                await asyncio.sleep(0.05)
        self._record(Owned(since, self._name, until))


class Crew:
    """The devices and guests of this process, and what can be ordered of them."""

    def __init__(self, plan: Plan) -> None:
        record, dice = Recorder(Path(plan.events)), random.Random(plan.seed)  # noqa: S311 (the same plan, the same dice)
        self.devices = [Device(seat, plan.port, plan.rate, record, dice) for seat in plan.seats]
        self.contenders = [Contender(name, plan.port, record, dice) for name in plan.names]
        self._orders = {"settle": self._settle, "read": self._read}

    async def obey(self) -> None:
        """Do what is ordered, until the end is."""
        reader = asyncio.StreamReader()
        await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
        while (order := (await reader.readline()).decode().strip()) in self._orders:
            await self._orders[order]()
            sys.stdout.write(f"{order}\n")
            sys.stdout.flush()

    async def _settle(self) -> None:
        for contender in self.contenders:
            contender.trying = False
        for device in self.devices:
            device.talking = False
        while not all(one.settled for one in self.devices):  # noqa: ASYNC110 (the end of many things)
            await asyncio.sleep(0.05)

    async def _read(self) -> None:
        await asyncio.gather(*(device.read_all() for device in self.devices))


async def work(plan: Plan) -> None:
    """Do what is planned until the end is ordered, or until one of them fails, which is a fault of this package."""
    crew = Crew(plan)
    works = [crew.obey(), *(one.run() for one in crew.devices), *(one.run() for one in crew.contenders)]
    done, _ = await asyncio.wait([asyncio.create_task(one) for one in works], return_when=asyncio.FIRST_COMPLETED)
    for one in done:
        one.result()


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(work(msgspec.json.decode(Path(sys.argv[1]).read_bytes(), type=Plan)))
