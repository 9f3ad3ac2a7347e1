"""Device: one device of an account. It says things, drops what it saw, resumes after every cut, and records all of it."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import Callable, Coroutine
from typing import Any, NamedTuple

import msgspec

from tests.faults.history import (
    Accepted,
    AnyEvent,
    ClientAck,
    Connected,
    Delivered,
    Invoked,
    Read,
    Refused,
    Unknown,
    conversation,
    digest,
    now,
)
from tests.faults.pages import Pages
from tests.faults.wire import Connection, LostConnection, Packet

#: Messages that wait for their acknowledgement, at most.
WINDOW = 16
#: Seconds between two looks at what is to be done, two requests that keep a connection alive, and two reads of a history.
TICK, BEAT, READ = 0.02, 1.0, 1.5
#: Seconds of silence after which a connection is given up: soon, or after it was long enough for a gap.
PATIENCE = (3.0, 15.0)
#: Words of a text: most are short, one in 8 has 14 kB, and a stalled reader soon has too many of them. The words are drawn
#: from so many, as in what people write: the index of words then takes its part of the file.
LENGTHS, VOCABULARY = (*range(0, 28, 2), 2800, 2800), 3000
#: How often a `cid` is used again for another message: a program that counts from 1 in each run does so.
AGAIN = 0.03
#: How far a read goes back during the run.
BACK = 150


class Seat(msgspec.Struct):
    """Who a device is, and where it talks."""

    account: str
    device: str
    password: str
    #: As it sees them: "#ops", "@bob".
    convs: list[str]
    #: It resumes from the place that the server keeps for it, and not from its own.
    by_cursor: bool = False


class Outgoing(NamedTuple):
    """A message that the server has not yet answered."""

    #: Which it is of the device's; it is sent again in this order.
    number: int
    cid: str
    to: str
    text: str


class Device:
    """A client that never gives up; `run` ends only when it is cancelled."""

    def __init__(self, seat: Seat, port: int, rate: float, record: Callable[[AnyEvent], None], dice: random.Random) -> None:
        """Take what it says in a second, and where it writes what happens."""
        self.seat, self._port, self._rate, self._record, self._dice = seat, port, rate, record, dice
        self._me = (seat.account, seat.device)
        self.talking = True
        self._said = self._rests = 0
        self._last = self._acked = 0  # seqs: the last that was shown, and the last of which the server was told
        self._epoch = ""
        self._token = ""
        self._waiting: dict[str, Outgoing] = {}  # by cid, in the order in which they were said
        self._again: dict[str, Outgoing] = {}  # refused, to be tried once more, by cid, and not before `_rests`
        self._settled: list[str] = []  # cids of messages of which all is known
        self._held: list[Packet] | None = None  # while what came before is fetched
        self._pages = Pages()
        self._tasks: list[asyncio.Task[None]] = []

    @property
    def settled(self) -> bool:
        """Whether it knows of everything that it said what became of it."""
        return not self._waiting and not self._again and self._held is None

    async def run(self) -> None:
        """Connect, again and again."""
        while True:
            with contextlib.suppress(OSError, LostConnection, asyncio.TimeoutError):
                await self._connected()
            await asyncio.sleep(self._dice.uniform(0.02, 0.2))

    async def read_all(self) -> None:
        """Read the whole history of every conversation, however often it takes."""
        for conv in self.seat.convs:
            while not await self._read(conv, 0, final=True):  # noqa: ASYNC110 (it may be cut off: then once more)
                await asyncio.sleep(0.1)

    async def _connected(self) -> None:
        connection = await Connection.open(self._port, self.seat.account, **self._hello())
        connection.patience = self._dice.choice(PATIENCE)
        try:
            welcome = await connection.welcomed()
            if welcome is None:
                self._token = ""  # then with the password
                return
            self._welcomed(connection, welcome)
            while True:
                self._received(await connection.receive())
        finally:
            connection.close()
            self._cut()

    def _hello(self) -> Packet:
        """The members of a hello. A device that has seen nothing yet leaves it to the server where it begins."""
        auth = {"mech": "TOKEN", "token": self._token} if self._token else {"mech": "PLAIN", "password": self.seat.password}
        own = self._last and not self.seat.by_cursor
        return {
            "auth": auth,
            "dev": self.seat.device,
            **({"resume": {"epoch": self._epoch, "seq": self._last}} if own else {}),
        }

    def _welcomed(self, connection: Connection, welcome: Packet) -> None:
        self._connection = self._pages.connection = connection
        self._token = welcome.get("token") or self._token
        self._epoch = welcome["epoch"]
        self._held = [] if welcome.get("resumed") else None
        self._record(Connected(now(), *self._me, self._epoch, bool(welcome.get("resumed"))))
        self._try_again()
        self._begin(self._work())
        self._begin(self._look())

    def _cut(self) -> None:
        """Of what was sent on this connection and not answered nobody knows what became of it."""
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            for cid in self._waiting:
                self._record(Unknown(now(), self.seat.account, cid))
        self._tasks.clear()
        self._held = None

    def _begin(self, work: Coroutine[Any, Any, None]) -> None:
        """Do it beside, for as long as this connection is there."""
        self._tasks.append(asyncio.create_task(work))

    # What it sends.

    async def _work(self) -> None:
        beat = 0.0
        while True:
            await asyncio.sleep(TICK)
            if self._again and not self._waiting and now() > self._rests:
                self._try_again()
            if self.talking and not self._again and len(self._waiting) < WINDOW and self._dice.random() < self._rate * TICK:
                self._say()
            beat += TICK
            if beat > BEAT:
                beat = 0.0
                self._connection.send("/time")
                self._acknowledge()

    def _try_again(self) -> None:
        """Send all that is not stored, in the order in which it was said: what was refused, and what was not answered."""
        left = sorted([*self._waiting.values(), *self._again.values()], key=lambda one: one.number)
        self._waiting, self._again = {message.cid: message for message in left}, {}
        for message in left:
            self._send(message)

    def _say(self) -> None:
        self._said += 1
        own, to = f"{self.seat.device}-{self._said}", self._dice.choice(self.seat.convs)
        cid = self._settled.pop() if self._settled and self._dice.random() < AGAIN else own
        words = (f"w{self._dice.randrange(VOCABULARY):x}" for _ in range(self._dice.choice(LENGTHS)))
        text = " ".join([self.seat.account, own, *words])
        message = self._waiting[cid] = Outgoing(self._said, cid, to, text)
        self._send(message)

    def _send(self, message: Outgoing) -> None:
        conv = conversation(message.to, self.seat.account)
        self._record(Invoked(now(), *self._me, message.cid, conv, digest(message.text), len(message.text)))
        self._connection.send(message.to.removeprefix("@"), message.text, cid=message.cid)

    def _acknowledge(self) -> None:
        if self._last > self._acked:
            self._acked = self._last
            self._record(ClientAck(now(), *self._me, self._last))
            self._connection.send("/ack", seq=self._last)

    # What it receives.

    def _received(self, packet: Packet) -> None:
        x = packet.get("x", {})
        match x.get("op"):
            case None if "seq" in x:
                self._came(packet)
            case "ack":
                self._accepted(x)
            case "fail":
                self._failed(x)
            case "end":
                self._end(x)
            case "gap":
                self._held = self._held or []
                self._begin(self._fetch())

    def _accepted(self, x: Packet) -> None:
        """What is stored counts as seen, unless something that was said before is still to come."""
        if self._waiting.pop(x.get("cid", ""), None) is None:
            return
        self._record(Accepted(now(), self.seat.account, x["cid"], x.get("seq", 0), bool(x.get("dup"))))
        self._settled = [*self._settled[-20:], x["cid"]]
        if self._held is None and not x.get("dup"):
            self._last = max(self._last, x.get("seq", 0))

    def _came(self, packet: Packet) -> None:
        if packet["x"].get("batch") not in (None, "resume"):
            self._pages.came(packet)
        elif self._held is not None:
            self._held.append(packet)
        else:
            self._show(packet)

    def _show(self, packet: Packet) -> None:
        """What a user would be shown, if nothing of it is dropped."""
        x, sha = packet["x"], digest(packet["msg"])
        conv = conversation(x["conv"], self.seat.account)
        dropped = x["seq"] <= self._last
        self._last = max(self._last, x["seq"])
        sender = packet["from"]["name"]
        self._record(Delivered(now(), *self._me, x["seq"], sender, conv, sha, x.get("batch") or "", dropped))

    def _failed(self, x: Packet) -> None:
        cid = x.get("cid", "")
        if not self._pages.ended(x) and (message := self._waiting.pop(cid, None)):
            self._record(Refused(now(), self.seat.account, message.cid, x["code"]))
            if self._dice.random() < 0.5:
                self._again[cid] = message
                self._rests = now() + x.get("retry_ms", 0) * 10**6

    def _end(self, x: Packet) -> None:
        if self._pages.ended(x):
            return
        if x.get("more"):
            self._begin(self._fetch())
        else:
            self._release()

    # What it reads.

    async def _fetch(self) -> None:
        """Get what is missing from the histories, put it before what was held, and go on."""
        for conv in self.seat.convs:
            pages = await self._pages.read(conv, self._last)
            if pages is None or self._held is None:
                self._connection.close()  # the next one begins anew
                return
            own = f"{self.seat.account} {self.seat.device}-"
            self._held += [packet for packet in pages if not packet["msg"].startswith(own)]
        self._release()

    def _release(self) -> None:
        held, self._held = self._held or [], None
        for packet in sorted(held, key=lambda packet: int(packet["x"]["seq"])):
            self._show(packet)

    async def _look(self) -> None:
        while True:
            await asyncio.sleep(self._dice.uniform(0.5, 1.5) * READ)
            if self.talking:
                await self._read(self._dice.choice(self.seat.convs), max(0, self._last - BACK))

    async def _read(self, conv: str, after: int, final: bool = False) -> bool:
        """Read a history on one connection and record it; false when that did not work."""
        at = now()
        pages = await self._pages.read(conv, after)
        if pages is not None:
            entries = [(packet["x"]["seq"], packet["from"]["name"], digest(packet["msg"])) for packet in pages]
            name = conversation(conv, self.seat.account)
            self._record(Read(at, self.seat.account, name, after, now(), entries, final))
        return pages is not None
