"""Trial: a server, a proxy, workers and a nemesis, from the first account to the last read."""

from __future__ import annotations

import asyncio
import random
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import msgspec

from tests.faults.events import Bound, Joined, Recorder, now
from tests.faults.nemesis import Nemesis
from tests.faults.proxy import Proxy
from tests.faults.subject import Subject
from tests.faults.wire import Connection
from tests.faults.worker import Plan
from tests.faults.writing import Seat

#: Who is in which room; eve is not in #ops, and must never see it.
ROOMS = {"#ops": ["ann", "bob", "cat", "dan"], "#den": ["ann", "bob", "eve"]}
PAIRS = [("ann", "bob"), ("ann", "cat"), ("dan", "eve")]
DEVICES = [("ann", "laptop"), ("ann", "phone"), ("bob", "laptop"), ("cat", "laptop"), ("dan", "laptop"), ("eve", "laptop")]
#: The device that gives ranks: its account is the first in each room, and makes it.
OWNER = "ann", "laptop"
#: Those that let the server keep their place, as classic clients would.
BY_CURSOR = {("ann", "phone"), ("cat", "laptop")}
#: What two guests of each worker fight for.
NAMES = ["sphinx", "sphinx"]
WORKERS = 2
#: Seconds: that anything may take that is ordered of the workers; without any event, after which nothing more comes.
PATIENCE, QUIET = 300.0, 2.0
#: Seconds that it may take to read all that was said: pages cost what they show, and are waited for.
READING = 1200.0

Torment = Callable[[Nemesis], Awaitable[None]]


class Worker:
    """One of the processes, seen from here."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    @classmethod
    async def start(cls, plan: Plan) -> Worker:
        """Start a process with this plan."""
        path = Path(plan.events).with_suffix(".plan")
        path.write_bytes(msgspec.json.encode(plan))
        pipe = asyncio.subprocess.PIPE
        command = [sys.executable, "-m", "tests.faults.worker", str(path)]
        return cls(await asyncio.create_subprocess_exec(*command, stdin=pipe, stdout=pipe))

    async def order(self, what: str) -> None:
        """Order something and wait until it is done. Raises `AssertionError` when the worker ended instead."""
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(f"{what}\n".encode())
        answer = await asyncio.wait_for(self._process.stdout.readline(), READING if what == "read" else PATIENCE)
        assert answer.decode().strip() == what, "a worker ended: what it wrote above says why"

    async def end(self) -> None:
        """Let it end."""
        if self._process.returncode is None:
            self._process.kill()
        await self._process.wait()


class Trial:
    """One run. What was seen is then in `directory`/*.jsonl."""

    def __init__(self, directory: Path, seed: int, rate: float, tell: Callable[[str], None], retain: int = 0) -> None:
        """`rate`: messages a second of each device; `tell` hears how far it is; `retain`: MiB that the log may have, or 0."""
        self._directory, self._seed, self._rate, self._tell = directory, seed, rate, tell
        self._dice = random.Random(seed)  # noqa: S311 (the same trial each time)
        self._record = Recorder(directory / "trial.jsonl")
        if retain:
            self._record(Bound(now(), retain * 2**20))
        self.subject = Subject(directory, f"{retain}M" if retain else "")
        self._proxy = Proxy(self.subject.port, self._dice)
        self._workers: list[Worker] = []

    async def run(self, torment: Torment, longest: float) -> None:
        """Let everybody talk while `torment` harms them, then let all heal, and read what is there."""
        acts = [asyncio.ensure_future(act) for act in (self._play(torment, longest), self.subject.watch())]
        try:
            done, _ = await asyncio.wait(acts, return_when=asyncio.FIRST_COMPLETED)
            for act in done:
                act.result()
        finally:
            for act in acts:
                act.cancel()
            await asyncio.wait(acts)
            for worker in self._workers:
                await worker.end()
            await self._proxy.close()
            await self.subject.close()

    async def _play(self, torment: Torment, longest: float) -> None:
        await self.subject.start()
        await self.subject.serving()
        await self._furnish()
        await self._begin(await self._proxy.listen())
        await torment(Nemesis(self.subject, self._proxy, self._record, self._dice, longest))
        await self._end()

    async def _furnish(self) -> None:
        """Make the accounts and the rooms, before anything is harmed."""
        self._tell("accounts and rooms")
        made: set[str] = set()
        for account in sorted({account for account, _ in DEVICES}):
            connection = await Connection.open(self.subject.port, account)
            assert await connection.welcomed(), account
            await self._ask(connection, "/register", f"secret of {account}")
            for room in [room for room, members in ROOMS.items() if account in members]:
                await self._ask(connection, "/join" if room in made else "/create", room)
                made.add(room)
                self._record(Joined(now(), account, room))
            connection.close()

    async def _ask(self, connection: Connection, command: str, msg: str) -> None:
        answer = await connection.ask(command, msg)
        assert answer["op"] == "ok", (command, msg, answer)

    async def _begin(self, port: int) -> None:
        for number in range(WORKERS):
            seats = [self._seat(account, device) for account, device in DEVICES[number::WORKERS]]
            events = self._directory / f"worker{number}.jsonl"
            plan = Plan(port, str(events), self._seed * WORKERS + number, self._rate, seats, NAMES)
            self._workers.append(await Worker.start(plan))

    def _seat(self, account: str, device: str) -> Seat:
        rooms = [room for room, members in ROOMS.items() if account in members]
        others = [next(name for name in pair if name != account) for pair in PAIRS if account in pair]
        convs = rooms + [f"@{other}" for other in others]
        owns = {room: sorted({*members} - {account}) for room, members in ROOMS.items()} if (account, device) == OWNER else {}
        return Seat(account, device, f"secret of {account}", convs, (account, device) in BY_CURSOR, owns)

    async def _end(self) -> None:
        """Heal, kill and start once more, so that only the disk counts, and read."""
        self._tell("everybody finds out what became of what was said")
        await self._all("settle")
        await self.subject.end()
        await self.subject.start()
        self._tell("until all is quiet")
        await self._quiet()
        self._tell("everybody reads everything")
        await self._all("read")

    async def _all(self, order: str) -> None:
        await asyncio.gather(*(worker.order(order) for worker in self._workers))

    async def _quiet(self) -> None:
        """Wait until nobody has written anything for a while."""
        size, since = 0, now()
        while now() - since < QUIET * 1e9:
            await asyncio.sleep(0.1)
            grown = sum(path.stat().st_size for path in self._directory.glob("worker*.jsonl"))
            size, since = (grown, now()) if grown != size else (size, since)
