"""What the server driver knows: the server that runs now, the clients and their lines, and the books."""

from __future__ import annotations

import random
import resource
from collections import Counter
from pathlib import Path
from typing import Any

from twisted.logger import globalLogPublisher

from lanchat.service.requests import Add, Done
from tests.drivers.books import Books, rows_by_token
from tests.drivers.clients import Client, RealClient
from tests.drivers.core import Core, Time
from tests.drivers.others import Classic, Windowed
from tests.drivers.rounds import Note
from tests.drivers.wrong import Wrong, check
from tests.fakes import PASSWORD, log_in

ACCOUNTS = ["ann", "bob", "cat", "dan", "eve"]
#: The rooms, with who makes them and who is in them from the beginning.
ROOMS = {"#ops": ["ann", "bob", "cat", "dan", "eve"], "#den": ["bob", "ann", "cat"]}
#: The limits that are another: little may wait for a reader, and there are few devices.
LIMITS = {"outbox": 8000, "devices": 5, "bytes": "off", "opens": "off"}
#: Bytes that a slow line carries to a client at a time.
SLOW = 150
STEP = 0.05


class Server:
    """A round of the server driver."""

    def __init__(self, directory: Path, dice: random.Random, note: Note) -> None:
        self.directory, self.dice, self.note = directory, dice, note
        self.counts: Counter[str] = Counter()
        self.time = Time()
        self.books = Books(dice)
        #: Accounts by name, with their number; rooms by name, with their conversation, also those that are closed.
        self.numbers: dict[str, int] = {}
        self.rooms: dict[str, str] = {}
        #: When the disk was full last, and when the server was killed last, in the driver's seconds.
        self.full_at = self.killed_at = -100.0
        self.full = False
        self.faults: list[str] = []
        #: Guests by name, with the place after which they are owed what is said to them; and the rooms that each is in.
        self.guests: dict[str, int] = {}
        self.guest_rooms: dict[str, dict[str, int]] = {}
        #: Who asked to leave which room, and was not answered at once.
        self.leaving: set[tuple[str, str]] = set()
        #: How many guests and visiting devices there were.
        self.visitors = 0
        self._runs = 0
        #: Whether the store is told of each message alone, and what came of it is taken piece by piece.
        self.stepwise = dice.random() < 0.3
        #: How many packets a second one session may send: with few, pages of the history are refused for the moment.
        self.packets = 8 if dice.random() < 0.2 else "off"
        self.books.ordered = self.packets == "off"
        globalLogPublisher.addObserver(self._logged)  # type: ignore[arg-type]  # it is a function, as most are
        self.open(directory / "data0")
        self.clients: list[Client] = []
        self._furnish()

    def open(self, place: Path) -> None:
        """Start the server on this directory."""
        self.core = Core(place, self.time)
        self.core.store.stepwise = self.stepwise
        for name, value in (LIMITS | {"packets": self.packets}).items():
            self.core.router.chat.limits.set(name, value)  # type: ignore[arg-type]  # a number or "off"

    def next_place(self) -> Path:
        """A directory for the next run of the server."""
        self._runs += 1
        return self.directory / f"data{self._runs}"

    def _logged(self, event: dict[str, Any]) -> None:
        """A fault that the server logs is one, unless it is the disk's."""
        failure = event.get("log_failure")
        if failure is not None and "sqlite3.OperationalError" not in failure.getTraceback():
            self.faults.append(failure.getTraceback())

    def _furnish(self) -> None:
        for name in ACCOUNTS:
            check(isinstance(self.core.do(Add(name, PASSWORD)), Done), "no account is made", name)
            ((self.numbers[name],),) = self.core.ask("SELECT id FROM accounts WHERE key = ?", name)
        for room, members in ROOMS.items():
            for name in members:
                user = log_in(self.core.router, name, "ack")
                self.core.settle()
                user.send("/create" if name == members[0] else "/join", room)
                self.core.settle()
                user.leave()
                self.books.joined(name, room, 0)
            ((number,),) = self.core.ask("SELECT id FROM rooms WHERE key = ?", room)
            self.rooms[room] = f"r{number}"
        devices = [("ann", "laptop"), ("ann", "phone"), ("bob", "laptop"), ("cat", "laptop")]
        self.clients += [RealClient(name, self.books, self.time, device) for name, device in devices]
        self.clients += [Windowed(name, self.books, self.time) for name in ("bob", "eve")]
        self.clients.append(Classic("dan", self.books, self.time))
        for client in self.clients:
            client.connect(self.core, slow=False)
        self.quiet(20)
        check(all(client.up for client in self.clients), "nobody gets in", "at the beginning")

    @property
    def real(self) -> list[RealClient]:
        """Those that are the client's own."""
        return [client for client in self.clients if isinstance(client, RealClient)]

    def log(self) -> list[tuple[Any, ...]]:
        """The messages that are in the log now, and their edits."""
        said = "conv != '' AND (about IS NULL OR kind = 'edit')"
        return self.core.ask(f"SELECT seq, conv, author, name, target, msg FROM log WHERE {said} ORDER BY seq")  # noqa: S608 (ours)

    def forget_guest(self, guest: RealClient) -> None:
        """A guest goes for good, and is owed nothing."""
        self.clients.remove(guest)
        self.guests.pop(guest.name, None)
        self.guest_rooms.pop(guest.name, None)
        guest.kill()

    def missed(self, classic: Classic) -> list[str]:
        """What a classic client was never shown, the oldest first."""
        found: list[tuple[int, str]] = []
        number = self.numbers[classic.name]
        for token, row in self.books.owed(classic.name, number, rows_by_token(self.log()), self.rooms).items():
            if row.author != number and token not in classic.ever:
                found.append((row.seq, token))
        return [token for _, token in sorted(found)]

    # Time, and what it carries.

    def pump(self, seconds: float) -> None:
        """Let so much time pass, while the lines carry what is on them."""
        for _ in range(max(1, round(seconds / STEP))):
            self.time.advance(STEP)
            for client in tuple(self.clients):
                if (line := client.line) is not None and line.open:
                    line.carry_up()
                    line.carry_down(SLOW if line.slow else self.dice.choice([400, 1000, 100_000]))
                    if self.core.store.stepwise:
                        self.core.settle(self.dice.choice([0, 0, 1, 3]))
            if not self.core.store.stepwise or self.dice.random() < 0.3:
                self.core.settle()
            self.time.advance(0)  # what is written together at the end of a turn
            if self.faults:
                raise Wrong("the server logs a fault", self.faults[0])
            for client in self.clients:
                client.tick()

    def quiet(self, seconds: float) -> bool:
        """Let time pass until all is settled, at most so much; whether it is."""
        until = self.time.seconds + seconds
        while self.time.seconds < until:
            self.pump(0.5)
            lines = [client.line for client in self.clients if client.connected]
            still = not any(line is not None and (line.up or line.down) for line in lines)
            if still and all(client.settled for client in self.clients if client.connected):
                return True
        return False

    def set_full(self, full: bool) -> None:
        """Let the disk take nothing, or something again."""
        if self.full or full:
            self.full_at = self.time.seconds
        self.full = full
        hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
        resource.setrlimit(resource.RLIMIT_FSIZE, (0 if full else hard, hard))
