"""Core: a server without doors for the drivers. Store, threads, router and accounts are the real ones; time is the driver's."""

from __future__ import annotations

import contextlib
import resource
import subprocess
from collections.abc import Callable, Coroutine, Iterator, Sequence
from pathlib import Path
from queue import Empty, SimpleQueue
from sqlite3 import Connection
from threading import Event
from time import monotonic, sleep
from typing import Any, TypeVar

from argon2 import Parameters, Type
from twisted.cred.portal import Portal
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.python.failure import Failure

from lanchat import commands
from lanchat.auth.identity import Identity
from lanchat.auth.login_attempts import Gate
from lanchat.auth.passwords import Hasher
from lanchat.auth.realm import AccountChecker, ChatRealm
from lanchat.core.chat import Chat
from lanchat.core.router import Router
from lanchat.maintenance.retention import Retention, Rule
from lanchat.protocol.entry import Entry
from lanchat.service.operations import Operations
from lanchat.service.requests import Done, Failed, Request
from lanchat.service.service import ChatService
from lanchat.store.store import Store
from lanchat.tables.log_command import LocalTask, LogCommand
from tests.drivers.wrong import Wrong
from tests.stores import Call

#: Seconds that anything may take before it counts as hanging.
PATIENCE = 60.0
#: Seconds by which time moves while something is waited for.
TICK = 0.1
#: 2026-11-20 14:03:22 UTC, when every round begins, in seconds.
BEGIN = 1_795_183_402.0
_CHEAP = Parameters(type=Type.ID, version=19, salt_len=8, hash_len=16, time_cost=1, memory_cost=8, parallelism=1)

T = TypeVar("T")


class Time:
    """Time that only the driver moves: a clock for each run of the server and one for its clients, and the time of day."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.offset = BEGIN
        self._clocks: list[Clock] = []
        self.clock = self.new_clock()

    def new_clock(self) -> Clock:
        """One that goes with the others."""
        self._clocks.append(Clock())
        return self._clocks[-1]

    def stop(self, clock: Clock) -> None:
        """Let this one stand still from now on."""
        self._clocks.remove(clock)

    def advance(self, seconds: float) -> None:
        """Let so many seconds pass."""
        self.seconds += seconds
        for clock in tuple(self._clocks):
            clock.advance(seconds)

    def now(self) -> float:
        """The time of day, in seconds since the epoch, right or wrong."""
        return self.offset + self.seconds

    @property
    def ms(self) -> int:
        """The same in milliseconds, as the log has it."""
        return round(self.now() * 1000)


class PlainHasher(Hasher):
    """Keeps passwords as they are: hashing is not what is tried here, and takes a thread."""

    def __init__(self, call_in_reactor: Callable[..., Any]) -> None:
        super().__init__(call_in_reactor, _CHEAP)

    async def hash(self, password: str | bytes, *_: Any, **__: Any) -> str:
        """The password."""
        return password if isinstance(password, str) else password.decode()

    async def verify(self, kept: str | None, password: str | bytes, *_: Any, **__: Any) -> bytes | None:
        """The password, if it is the one."""
        whole = password.encode() if isinstance(password, str) else password
        return whole if kept is not None and kept.encode() == whole else None

    def needs_rehash(self, kept: str) -> bool:
        """It never does."""
        return False


class CountingStore(Store):
    """The store, which knows in addition what its threads have done and the reactor's thread has not taken yet."""

    #: Reads that are to be answered.
    reads = 0
    #: What the writing thread has handed back, and what of that was taken.
    done = taken = 0
    #: Whether the writing thread does each thing before the next is handed in: each is a batch of its own then.
    stepwise = False

    def read(self, query: Callable[[Connection], T], slow: bool = False) -> Deferred[T]:
        """Ask, and count."""

        def answered(result: Any) -> Any:
            self.reads -= 1
            return result

        self.reads += 1
        return super().read(query, slow).addBoth(answered)

    def append(self, entry: Entry) -> None:
        """Hand it in, and let it be done if it goes `stepwise`."""
        super().append(entry)
        self._step()

    def _do(self, task: LogCommand[T] | LocalTask[T]) -> Deferred[T]:
        """The same, for all that is no entry."""
        answer = super()._do(task)
        self._step()
        return answer

    def _step(self) -> None:
        if self.stepwise:
            self.let_write()

    def let_write(self) -> None:
        """Wait until the writing thread has done all that was handed in; nobody is told of it yet."""
        deadline = monotonic() + PATIENCE
        while self.done - self.taken < self.waiting:
            if monotonic() > deadline:
                raise Wrong("it hangs", f"nothing was written for {PATIENCE:.0f} s")
            sleep(0.0002)


class Core:
    """One run of the server on a directory."""

    def __init__(self, directory: Path, time: Time, rules: Sequence[Rule] = ()) -> None:
        self.directory, self.time, self.clock = directory, time, time.new_clock()
        self._calls: SimpleQueue[tuple[Callable[..., object], tuple[Any, ...]]] = SimpleQueue()
        self.router = Router(Chat(self.clock, "model", time.now), commands.run)
        self.store = CountingStore(directory, self._call, counts=self.router.chat.counts)
        self.store.committed = self.router.chat.stored.committed
        hasher = PlainHasher(self._call)
        checker = AccountChecker(self.store, hasher, time.now)
        portal = Portal(ChatRealm(self.router.chat.online.account_by_id, self.router.chat.online.account), [checker])
        self.router.chat.identity = Identity(Gate(portal, self.clock), hasher, checker, True)
        self.operations = Operations(self.router.chat, self.store, hasher.hash)
        self.retention = Retention(self.store, self.clock, rules, time.now)
        self._service = ChatService(self.router.chat, self.store, hasher)
        self._service.startService()
        self._held: Event | None = None
        #: What the clock of this run showed at its last sweep.
        self.swept = 0.0

    def _call(self, call: Callable[..., object], *args: Any) -> None:
        self._calls.put((call, args))
        if args and isinstance(args[0], list):  # a batch
            self.store.done += len(args[0])

    def _make(self, call: Callable[..., object], args: tuple[Any, ...]) -> None:
        if args and isinstance(args[0], list):
            self.store.taken += len(args[0])
        call(*args)

    # The reactor's part.

    @property
    def busy(self) -> bool:
        """Whether a thread has something to hand over, or will have."""
        return not self._calls.empty() or (self._held is None and (self.store.waiting > 0 or self.store.reads > 0))

    def turn(self) -> None:
        """Make one call that a thread asks for, once there is one."""
        try:
            call, args = self._calls.get(timeout=PATIENCE)
        except Empty:
            raise Wrong("it hangs", f"nothing came back from the store for {PATIENCE:.0f} s") from None
        self._make(call, args)

    def settle(self, most: int = -1) -> None:
        """Make calls until the threads have nothing more, or so many."""
        while self.busy and most:
            self.turn()
            most -= 1

    def wait(self, answer: Deferred[T]) -> T:
        """The answer, while time passes as fast as it is waited for; raises what went wrong."""
        found: list[Any] = []
        answer.addBoth(found.append)
        deadline = monotonic() + PATIENCE
        while not found:
            if monotonic() > deadline:
                raise Wrong("it hangs", f"no answer came within {PATIENCE:.0f} s")
            if self.busy:
                self.turn()
                continue
            try:
                call, args = self._calls.get(timeout=0.001)
            except Empty:
                self.time.advance(TICK)
            else:
                self._make(call, args)
        if isinstance(found[0], Failure):
            found[0].raiseException()
        result: T = found[0]
        return result

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine to its end."""
        return self.wait(Deferred.fromCoroutine(work))

    def write(self, command: LogCommand[T]) -> T:
        """Do this in a transaction of the store."""
        return self.wait(self.store.write(command))

    def read(self, query: Callable[[Connection], T], slow: bool = False) -> T:
        """Ask this of what is there."""
        return self.wait(self.store.read(query, slow))

    def ask(self, sql: str, *values: object) -> list[tuple[Any, ...]]:
        """The rows of a query."""
        return self.read(lambda connection: connection.execute(sql, values).fetchall())

    def do(self, request: Request) -> Done | Failed:
        """What lanchat-admin asks for."""
        return self.run(self.operations.do(request, "the driver", lambda done, text: None))

    # What the driver does to it.

    def hold(self) -> None:
        """Keep the writing thread busy, if it is idle, so that all that is handed in from here on waits, and is one batch."""
        if not (self._held or self.store.waiting or self.store.stepwise):
            self._block()

    def _block(self) -> None:
        started, held = Event(), Event()

        def wait(_: Connection) -> None:
            started.set()
            held.wait(PATIENCE)

        stepwise, self.store.stepwise = self.store.stepwise, False  # (it would be waited for)
        self.store.maintain(Call(wait))
        self.store.stepwise = stepwise
        if not started.wait(PATIENCE):
            raise Wrong("it hangs", f"the writer does nothing for {PATIENCE:.0f} s")
        self._held = held

    def release(self) -> None:
        """Let the writing thread go on."""
        if self._held is not None:
            self._held.set()
            self._held = None

    def stop(self) -> None:
        """End as a server that is told to."""
        self.release()
        self.wait(self._service.stopService())
        self.time.stop(self.clock)

    def crash(self, into: Path) -> None:
        """Copy what is on the disk at this moment, as a kill would leave it, and end this run on the old directory."""
        if self._held is None:
            self.settle()
            self._block()  # or a file might be copied before, and another after, something was written
        subprocess.run(["cp", "-a", str(self.directory), str(into)], check=True)  # noqa: S603, S607 (ours)
        self.release()
        self.store.committed = lambda entries: None
        with contextlib.suppress(Exception):
            self.wait(self._service.stopService())
        self.time.stop(self.clock)


@contextlib.contextmanager
def full_disk() -> Iterator[None]:
    """In the block each write of this process to a file is an error. Pipes go on working."""
    hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
