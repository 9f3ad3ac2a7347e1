"""Device: one device of an account. It says things, drops what it saw, resumes after every cut, and records all of it."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import Callable, Coroutine, Iterable
from typing import Any

from tests.faults.events import (
    CHANGES,
    Accepted,
    AnyEvent,
    ClientAck,
    Connected,
    Delivered,
    Invoked,
    Read,
    Refused,
    Unknown,
    content,
    conversation,
    digest,
    now,
)
from tests.faults.pages import Pages
from tests.faults.settings import Settings
from tests.faults.wire import Connection, LostConnection, Packet
from tests.faults.writing import Outgoing, Seat, Writing

#: Messages that wait for their acknowledgement, at most.
WINDOW = 16
#: Seconds between two looks at what is to be done, two requests that keep a connection alive, and two reads of a history.
TICK, BEAT, READ = 0.02, 1.0, 1.5
#: Seconds of silence after which a connection is given up: soon, or after it was long enough for a gap.
PATIENCE = (3.0, 15.0)
#: How far a read goes back during the run.
BACK = 150
#: How many of the texts that it withdrew a device searches for at the end.
SEARCHED = 10


class Device:
    """A client that never gives up; `run` ends only when it is cancelled."""

    def __init__(self, seat: Seat, port: int, rate: float, record: Callable[[AnyEvent], None], dice: random.Random) -> None:
        """Take what it says in a second, and where it writes what happens."""
        self.seat, self._port, self._rate, self._record, self._dice = seat, port, rate, record, dice
        self._me = (seat.account, seat.device)
        self.talking = True
        self._rests = 0
        self._writing, self._settings = Writing(seat, dice), Settings(seat, record, dice)
        self._last = self._acked = 0  # seqs: the last that was shown, and the last of which the server was told
        self._epoch = ""
        self._token = ""
        self._waiting: dict[str, Outgoing] = {}  # by cid, in the order in which they were said
        self._again: dict[str, Outgoing] = {}  # refused, to be tried once more, by cid, and not before `_rests`
        self._held: list[Packet] | None = None  # while what came before is fetched
        self._pages = Pages()
        self._tasks: list[asyncio.Task[None]] = []

    @property
    def settled(self) -> bool:
        """Whether it knows of everything that it said what became of it."""
        return not self._waiting and not self._again and self._held is None and self._settings.settled

    async def run(self) -> None:
        """Connect, again and again."""
        while True:
            with contextlib.suppress(OSError, LostConnection, asyncio.TimeoutError):
                await self._connected()
            await asyncio.sleep(self._dice.uniform(0.02, 0.2))

    async def read_all(self) -> None:
        """Read the whole history of every conversation, and all else that was promised, however often it takes."""
        for conv in self.seat.convs:
            while not await self._read(conv, 0, final=True):  # noqa: ASYNC110 (it may be cut off: then once more)
                await asyncio.sleep(0.1)
        for said in self._writing.withdrawn[-SEARCHED:]:
            while not await self._search(said.to, said.word):  # noqa: ASYNC110 (as above)
                await asyncio.sleep(0.1)
        while not await self._settings.look():  # noqa: ASYNC110 (as above)
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
        self._connection = self._pages.connection = self._settings.connection = connection
        self._token = welcome.get("token") or self._token
        self._epoch = welcome["epoch"]
        self._held = [] if welcome.get("resumed") else None
        self._record(Connected(now(), *self._me, self._epoch, bool(welcome.get("resumed"))))
        self._try_again()
        self._begin(self._work())
        self._begin(self._look())
        self._begin(self._settings.change(lambda: self._last, lambda: self.talking))

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
        message = self._writing.next()
        self._waiting[message.cid] = message
        self._send(message)

    def _send(self, message: Outgoing) -> None:
        conv, about = self._name(message.to), (message.kind, message.about)
        self._record(Invoked(now(), *self._me, message.cid, conv, message.sha, len(message.text), *about))
        if message.kind:
            self._connection.send(f"/{message.kind}", f"{message.about} {message.text}".strip(), cid=message.cid)
        else:
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
            case None | "edit" | "withdraw" | "react" if "seq" in x:
                self._came(packet)
            case "ack":
                self._accepted(x)
            case "ok" | "fail" if self._settings.answered(x):
                pass
            case "fail":
                self._failed(x)
            case "end":
                self._end(x)
            case "gap":
                self._held = self._held or []
                self._begin(self._fetch())

    def _accepted(self, x: Packet) -> None:
        """What is stored counts as seen, unless something that was said before is still to come."""
        message = self._waiting.pop(x.get("cid", ""), None)
        if message is None:
            return
        self._record(Accepted(now(), self.seat.account, x["cid"], x.get("seq", 0), bool(x.get("dup"))))
        self._writing.stored(message, x.get("seq", 0))
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
        x, (sha, about), conv = packet["x"], content_of(packet), self._name(packet["x"]["conv"])
        dropped = x["seq"] <= self._last
        self._last = max(self._last, x["seq"])
        sender = packet["from"]["name"]
        self._record(Delivered(now(), *self._me, x["seq"], sender, conv, sha, x.get("batch") or "", dropped, about))
        if not about and sender != self.seat.account:
            self._writing.heard(x["seq"], x["conv"])

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
        """Get what is missing, changes too, put it before what was held, and go on."""
        pages = await self._pages.read("", self._last)
        if pages is None or self._held is None:
            self._connection.close()  # the next one begins anew
            return
        self._held += [packet for packet in pages if not self._writing.is_own(content_of(packet)[0])]
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
            self._record(Read(at, self.seat.account, self._name(conv), after, now(), self._entries(pages), final))
        return pages is not None

    async def _search(self, conv: str, word: str) -> bool:
        """Search for a word and record what was found in a conversation; false when that did not work."""
        at = now()
        pages = await self._pages.search(word)
        if pages is not None:
            found = self._entries(packet for packet in pages if packet["x"]["conv"] == conv)
            self._record(Read(at, self.seat.account, self._name(conv), 0, now(), found, search=True))
        return pages is not None

    def _name(self, conv: str) -> str:
        return conversation(conv, self.seat.account)

    def _entries(self, page: Iterable[Packet]) -> list[tuple[int, str, str]]:
        return [(packet["x"]["seq"], packet["from"]["name"], digest(packet["msg"])) for packet in page]


def content_of(packet: Packet) -> tuple[str, int]:
    """What stands for a delivery in a history; and the seq of the message that it changes, or 0. Its `id` ends with that."""
    x, kind = packet["x"], packet["x"].get("op") or ""
    about = int(x["id"].rpartition(".")[2]) if kind in CHANGES else 0
    return content(kind, about, packet["msg"]), about
