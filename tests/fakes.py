"""Fakes for pure tests: a clock that stands still, and clients that remember what they were shown."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any, TypeVar

import msgspec
from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred, execute, fail, succeed
from twisted.internet.error import ConnectionLost
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure
from zope.interface import implementer

from lanchat import commands
from lanchat.core.chat import Chat
from lanchat.core.router import Router
from lanchat.gateways.connection import Connection
from lanchat.gateways.factory import ChatFactory
from lanchat.gateways.json_protocol import ChatProtocol
from lanchat.model.session import Account, Session
from lanchat.net.admission import Admission
from lanchat.protocol.counts import COMMIT_SECONDS, Histogram
from lanchat.protocol.entry import Entry
from lanchat.protocol.errors import AuthFailed, Forbidden, NotStored
from lanchat.protocol.extensions import X
from lanchat.protocol.interfaces import IClient
from lanchat.protocol.packet import Packet, PacketRun, Sender, ServerPacket
from lanchat.store import schema
from lanchat.store.duplicates import FindRepeated
from lanchat.store.writing import Job, Settle, Writer, split_at_jobs
from lanchat.tables.log_command import LocalTask, LogCommand

T = TypeVar("T")

#: The password of everyone in pure tests, and what most clients ask for.
PASSWORD = "correct horse"  # noqa: S105 (nobody's)
ALL = ("id", "ack", "presence", "resume", "history", "room")


@implementer(IClient)
class FakeClient:
    """A client's far end that remembers."""

    shows_ids = True

    def __init__(self) -> None:
        self.packets: list[ServerPacket] = []
        self.runs: list[int] = []  # how many were delivered at once, each time
        self.disconnected = self.halted = False
        self.is_behind = False
        self.faults: list[object] = []

    def deliver(self, packet: ServerPacket) -> None:
        """Remember the packet."""
        self.packets.append(packet)

    def deliver_all(self, packets: list[ServerPacket]) -> None:
        """Remember them."""
        self.packets += packets
        self.runs.append(len(packets))

    def deliver_events(self, run: PacketRun) -> None:
        """Remember them."""
        self.packets += run.packets

    def disconnect(self, code: str = "", reason: str = "") -> None:
        """Remember that the server hung up."""
        self.disconnected = self.halted = True

    def perform(self, work: Coroutine[Any, Any, None], hold: bool) -> None:
        """Do it; what it waits for comes at once in these tests, or when they say so."""
        Deferred.fromCoroutine(work).addErrback(self.faults.append)

    def reached_at(self) -> tuple[str, bool]:
        """An address of the server."""
        return "10.0.0.99", False

    def behind(self) -> bool:
        """As the test says."""
        return self.is_behind

    def caught_up(self) -> Deferred[None]:
        """Fires when the test says so."""
        if not self.is_behind:
            return succeed(None)
        self.drained: Deferred[None] = Deferred()
        return self.drained


class User:
    """Somebody in a pure test: a session with a fake client."""

    def __init__(self, router: Router, name: str, ip: str = "10.0.0.1", greeted: bool = True) -> None:
        """Open with that name; unless it is `greeted`, its hello may still be on its way."""
        self.router = router
        self.client = FakeClient()
        self.session: Session = router.chat.open(name, self.client, ip, "json")
        if greeted:
            router.chat.greet(self.session)
        self.client.packets.clear()

    def send(self, to: str, msg: str = "", claim: str = "", **x: object) -> None:
        """Send a packet, as a gateway would hand it in."""
        packet = Packet(Sender(claim, ""), to, msg, X(**x) if x else None)  # type: ignore[arg-type]  # each test knows its members
        self.router.receive(self.session, packet)

    def hello(self, *caps: str) -> User:
        """Become capable."""
        self.send("/hello", "lanchat", v=1, caps=list(caps))
        self.client.packets.clear()
        return self

    def register(self) -> User:
        """Make the name an account."""
        self.send("/register", PASSWORD)
        assert "is your account now" in self.told().msg
        return self

    def leave(self) -> None:
        """The connection is gone."""
        self.router.chat.leave(self.session, "gone")
        self.client.disconnected = True

    def msgs(self) -> list[str]:
        """The texts of what came since the last look."""
        return [packet.msg for packet in self.shown()]

    def xs(self) -> list[dict[str, object]]:
        """The members of `x` of what came since the last look."""
        return [dump(packet.x) for packet in self.shown()]

    def shown(self) -> list[ServerPacket]:
        """What came since the last look."""
        packets, self.client.packets = self.client.packets, []
        return packets

    def told(self) -> ServerPacket:
        """The one packet that came since the last look."""
        (packet,) = self.shown()
        return packet


def log_in(router: Router, name: str, *caps: str, **x: Any) -> User:
    """A capable client of an account, that has said hello with its password; what it was answered is still to be read."""
    user = User(router, name, greeted=False)
    auth = {"mech": "PLAIN", "password": PASSWORD}
    user.send("/hello", "lanchat", **{"v": 1, "caps": list(caps or ALL), "auth": auth, **x})
    return user


def log_in_classic(router: Router, name: str) -> User:
    """A classic client of an account, that has logged in; what it was answered is still to be read."""
    user = User(router, name)
    user.send("/login", PASSWORD)
    return user


class FakeStore:
    """A store in memory: what is handed in comes back at once, or, while it is `held`, when `release` is called."""

    epoch = "e1"
    full = False

    def __init__(self, committed: Callable[[Iterator[Entry]], bool], stores_messages: bool = True) -> None:
        self.connection = sqlite3.connect(":memory:", isolation_level=None)
        schema.upgrade(self.connection, Path())
        schema.initialize(self.connection)
        self.connection.execute("PRAGMA foreign_keys = 1")
        self.last_seq = 0
        self.held = False
        #: Whether the disk takes nothing, and whether what is asked is answered only when the test says so.
        self.broken = self.slow = False
        #: What was asked and not answered yet, the first first.
        self.asks: list[tuple[Deferred[Any], Callable[[], Any]]] = []
        self.stores_messages = stores_messages
        self._committed = committed
        self._batch: list[Entry | Job[Any]] = []

    @property
    def waiting(self) -> int:
        """How much waits to come back."""
        return len(self._batch)

    def append(self, entry: Entry) -> None:
        """Add this to the log."""
        self._submit(entry)

    def write(self, command: LogCommand[T]) -> Deferred[T]:
        """Do this."""
        return self._do(command)

    def write_in_background(self, command: LogCommand[Any], told: Callable[[bool], object] | None = None) -> None:
        """Do this, for nobody."""
        done = self._do(command).addCallbacks(lambda _: True, lambda failure: not failure.check(NotStored))
        done.addCallback(told or (lambda _: None))

    def maintain(self, task: LocalTask[T]) -> Deferred[T]:
        """Do this, which is no change of what is kept."""
        return self._do(task)

    def find_repeated(self, sent: Entry) -> Deferred[Entry | None]:
        """The message that this one repeats."""
        return self._do(FindRepeated(sent))

    def settled(self) -> Deferred[None]:
        """Wait for what was handed in before."""
        return self._do(Settle())

    def _do(self, task: LogCommand[T] | LocalTask[T]) -> Deferred[T]:
        job = Job(task)
        self._submit(job)
        return job.done

    def read(self, query: Callable[[sqlite3.Connection], Any], slow: bool = False) -> Deferred[Any]:
        """Run this, at once unless reading is `slow`."""
        if not self.slow:
            return execute(query, self.connection)
        answer: Deferred[Any] = Deferred()
        self.asks.append((answer, lambda: query(self.connection)))
        return answer

    def look(self) -> None:
        """Find the answer to what was asked first: what is said from here on is not in it."""
        answer, query = self.asks[0]
        found = query()
        self.asks[0] = (answer, lambda: found)

    def answer(self, error: Exception | None = None) -> None:
        """Answer what was asked first; or fail."""
        answer, query = self.asks.pop(0)
        if error is None:
            answer.callback(query())
        else:
            answer.errback(error)

    def release(self) -> None:
        """Give back what was handed in."""
        self.held = False
        batch, self._batch = self._batch, []
        if self.broken:
            self._settle(batch, "disk full")  # as they came: neither stored nor done
            return
        writer = Writer(self.connection, self.stores_messages, self._settle, Histogram(COMMIT_SECONDS))
        for item in (*batch, None):
            writer.put(item)
        writer.run()

    def _submit(self, item: Entry | Job[Any]) -> None:
        self._batch.append(item)
        if not self.held:
            self.release()

    def _settle(self, batch: list[Entry | Job[Any]], wrong: str) -> None:
        for run in split_at_jobs(batch):
            if isinstance(run, Job):
                run.tell()
            else:
                self.last_seq = max(self.last_seq, *(entry.seq for entry in run))
                entries = iter(run)
                while self._committed(entries):
                    pass  # the next turn


class FakeIdentity:
    """Passwords that are kept as they are."""

    def __init__(self, chat: Chat) -> None:
        self._chat = chat

    def check_way(self, address: str, gateway: str) -> None:
        """Any way is good, but for one address."""
        if address == "10.6.6.6":
            raise Forbidden("Others can read this.")

    def hash(self, password: str, newcomer: bool) -> Deferred[str]:
        """What to keep of it."""
        return succeed(password)

    def give_token(self, account: int) -> Deferred[str]:
        """A token that everybody could guess."""
        return succeed(f"token-of-{account}")

    def by_password(self, name: str, address: str, password: str) -> Deferred[Account]:
        """Look it up."""
        connection = store_of(self._chat).connection
        found = connection.execute("SELECT password FROM accounts WHERE key = ?", (name,)).fetchone()
        return self._proven(name, found == (password,))

    def by_token(self, name: str, address: str, token: str) -> Deferred[Account]:
        """Look it up."""
        account = self._chat.online.account(name)
        return self._proven(name, account is not None and token == f"token-of-{account.id}")

    def _proven(self, name: str, proven: bool) -> Deferred[Account]:
        account = self._chat.online.account(name)
        return succeed(account) if proven and account else fail(AuthFailed("That was wrong."))


def store_of(chat: Chat) -> FakeStore:
    """The store of a chat of these tests, as they may use it."""
    assert isinstance(chat.store, FakeStore)
    return chat.store


def make_router(stores_messages: bool = True) -> tuple[Router, Clock]:
    """A router with a clock that only tests move; it is 2026-11-20 14:03:22.5 UTC. Without `stores_messages` all is relayed."""
    clock = Clock()
    clock.advance(1795183402.5)
    chat = Chat(clock, "test", clock.seconds)
    chat.begin(FakeStore(chat.stored.committed, stores_messages), [], [])
    chat.identity = FakeIdentity(chat)
    return Router(chat, commands.run), clock


def dump(x: msgspec.Struct | None) -> dict[str, object]:
    """The members of `x` that are there."""
    return {} if x is None else {name: value for name in x.__struct_fields__ if (value := getattr(x, name)) is not None}


class Wire:
    """A connection of a real gateway on a transport in memory: bytes in, bytes out, and a clock that tests move."""

    transport_type = StringTransport

    def __init__(self, router: Router, clock: Clock, protocol: type[Connection] = ChatProtocol) -> None:
        self.clock = clock
        self.factory = self.make_factory(protocol, router, Admission(router.chat.limits, clock, None, router.chat.counts))
        self.transport = self.transport_type(peerAddress=IPv4Address("TCP", "10.0.0.7", 40000))
        protocol_ = self.factory.buildProtocol(None)
        assert isinstance(protocol_, Connection)
        self.connection = protocol_
        self.connection.makeConnection(self.transport)

    def make_factory(self, protocol: type[Connection], router: Router, admission: Admission) -> ChatFactory:
        """The factory of the connection."""
        return ChatFactory(protocol, router, admission)

    def send(self, *pieces: bytes) -> None:
        """Let these bytes arrive, one piece after the other."""
        for piece in pieces:
            self.connection.dataReceived(piece)

    def wait(self, seconds: float) -> None:
        """Let time pass, in steps as a reactor would."""
        for _ in range(max(1, round(seconds / 0.01))):
            self.clock.advance(0.01)

    def bytes(self) -> bytes:
        """What was written since the last look."""
        self.clock.advance(0)
        written: bytes = self.transport.value()
        self.transport.clear()
        return written

    def packets(self) -> list[dict[str, Any]]:
        """The packets that were written since the last look."""
        return [json.loads(line) for line in self.bytes().splitlines()]

    def msgs(self) -> list[str]:
        """Only their texts."""
        return [packet["msg"] for packet in self.packets()]

    def lose(self) -> None:
        """The connection is gone."""
        self.connection.connectionLost(Failure(ConnectionLost()))
