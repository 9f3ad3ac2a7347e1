"""Conversation: what a client knows of its talk with the server, whatever connection carries it and whatever face shows it.

It says hello, gives each message an id, keeps what is not acknowledged, and holds back what is said while there is no
connection. It knows no socket, no terminal and no reactor: connections come and go below it, a `Face` stands above it.
"""

from __future__ import annotations

import itertools
import secrets
from collections import deque
from collections.abc import Callable, Iterable

import msgspec
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime

from lanchat.client.interfaces import (
    DONE,
    NOT_DELIVERED,
    UNREACHABLE,
    Ending,
    Face,
    Link,
    NotSent,
    Said,
    Wire,
    shown,
)
from lanchat.packet import MAX_MSG, MAX_PACKET, Packet, Sender, ServerPacket, X, visible

#: What is asked for in the hello.
CAPS = ["id", "ack", "ping", "presence"]
#: Seconds that an acknowledgement, or a welcome, may take.
PATIENCE = 10.0
#: Seconds that a classic welcome is given to be followed by a capable one, before nothing more is expected.
SETTLE_SECONDS = 1.0
#: Seconds that a goodbye may take.
QUIT_SECONDS = 3.0
#: Messages that may be on their way at a time.
WINDOW = 100
#: Messages that a late acknowledgement is still told for.
MAX_LATE = 1000

_decode = msgspec.json.Decoder(ServerPacket).decode


class Conversation:
    """The talk with one server under one name, over one connection after another."""

    def __init__(
        self, name: str, clock: IReactorTime, face: Face, retry: Callable[[int], float], patience: float = PATIENCE
    ) -> None:
        """`retry` says how many seconds to pause after so many connections in a row that came to nothing."""
        self.link = Link.OFFLINE
        #: Fires with the `Ending`.
        self.ended: Deferred[Ending] = Deferred()
        #: Whether the server has been told that we leave.
        self.quitting = False
        self.name = name
        self._clock = clock
        self._face = face
        self._retry = retry
        self._patience = patience
        self._wire: Wire | None = None
        self._welcomes = self._failures = 0
        self._run, self._numbers = secrets.token_hex(4), itertools.count(1)
        self._queue: deque[Said] = deque()
        self._pending: dict[str, Said] = {}
        #: What took too long, in case an acknowledgement comes yet.
        self._late: dict[str, Said] = {}
        self._timers: dict[Callable[[], None], IDelayedCall] = {}

    @property
    def waiting(self) -> int:
        """How much of what was said is not done with."""
        return len(self._queue) + len(self._pending)

    @property
    def begun(self) -> bool:
        """Whether the server has welcomed us, once at least."""
        return self._welcomes > 0

    # What the face wants.

    def say(self, to: str, msg: str, quiet: bool = False) -> Said:
        """Send this now, or when there is a connection; raises `NotSent` if it can't be a packet."""
        text = msg.encode("utf-8", "replace").decode()  # half a surrogate pair is no text
        said = Said(to.encode("utf-8", "replace").decode(), text, f"{self._run}.{next(self._numbers)}", quiet)
        if len(text.encode()) > MAX_MSG:
            raise NotSent(f"A message is at most {MAX_MSG} bytes; this one has {len(text.encode())}. Send it in parts.")
        if len(said.encode(self.name, capable=True)) > MAX_PACKET:
            raise NotSent(f"With its control characters written out this is more than {MAX_PACKET} bytes. Send it in parts.")
        self._queue.append(said)
        self.flush()
        return said

    def end(self, status: int, why: str = "") -> None:
        """It is over. What was not acknowledged is said to be so, unless nothing was ever to be had here."""
        if self.link is Link.ENDED:
            return
        self.link = Link.ENDED
        for timer in tuple(self._timers):
            self._stop(timer)
        lost = self._drop(tuple(self._pending.values()), "it ended before the acknowledgement came")
        if self.begun:
            lost += self._drop(tuple(self._queue), "it ended before this was sent")
        self._queue.clear()
        self.ended.callback(Ending(status or (NOT_DELIVERED if lost else DONE), why))

    def unreachable(self, why: str) -> None:
        """The very first connection could not be made."""
        self.end(UNREACHABLE, why)

    # What the connection tells.

    def opened(self, wire: Wire) -> None:
        """A connection is there: the name and the hello go out in one write, for servers new and old."""
        if self.link is Link.ENDED:
            wire.abort()
            return
        self._wire, self.link = wire, Link.OPENING
        hello = Packet(Sender(self.name, ""), "/hello", "lanchat", X(v=1, caps=CAPS))
        wire.write(f"{self.name}\n".encode() + hello.line)
        self._start(self._patience, self._not_welcomed)

    def received(self, line: bytes) -> None:
        """A line came from the server."""
        if self.link is Link.ENDED or not line.strip():
            return
        try:
            packet = _decode(line)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            text = visible(line.decode(errors="replace"), 200)
            self._face.notice(f"The server sent something that is not a packet: {text}")
            return
        if packet.x is not None and packet.x.op == "ping" and self._wire is not None:
            self._wire.write(Packet(Sender(self.name, ""), "/pong", "", X(t=packet.x.t)).line)
            return
        self._meet(packet)
        answers = self._answered(packet)
        self._face.came(packet, answers, line)
        if packet.x is not None and packet.x.op == "bye":
            self._bye(packet)
        self.flush()

    def flush(self) -> None:
        """Write what waits, as far as the connection takes it."""
        while self._queue and self._may_write():
            self._write(self._queue.popleft())
        self._face.changed()

    def lost(self, why: str) -> None:
        """The connection is gone. What was written and not acknowledged may have arrived or not: it is not sent again."""
        before, self._wire = self.link, None
        for timer in (self._not_welcomed, self._settled, self._overdue):
            self._stop(timer)
        if before is Link.ENDED:
            return
        self.link = Link.OFFLINE
        self._late.clear()
        self._drop(tuple(self._pending.values()), "the connection was lost before the acknowledgement came")
        if self.quitting:
            self.end(DONE)
        elif not self.begun:
            self.unreachable("the connection was closed without a welcome: is that a lanchat server, and does it want --tls?")
        self._face.changed()
        if before in (Link.CLASSIC, Link.CAPABLE) and self.link is Link.OFFLINE:
            self._face.notice(f"The connection was lost: {why}")

    def pause(self, attempt: int) -> float:
        """How long to wait before the next connection (a retry policy); a refused name counts as a failure too."""
        self._failures += 1
        seconds = self._retry(self._failures)
        if self.begun and self.link is Link.OFFLINE:
            self._face.notice(f"No connection; trying again in {seconds:.0f} s.")
        return seconds

    # How the link changes.

    def _meet(self, packet: ServerPacket) -> None:
        """Notice a welcome, or that the name was refused."""
        op = packet.x.op if packet.x else None
        if op == "welcome":
            caps = (packet.x.caps if packet.x else None) or ()
            self._welcomed(Link.CAPABLE if "ack" in caps else Link.CLASSIC)
        elif self.link is Link.OPENING and op is None and packet.from_.name == "SERVER":
            if packet.to.lower() == "guest":
                self._refused(packet.msg)
            else:
                self._stop(self._not_welcomed)
                self._start(SETTLE_SECONDS, self._settled)

    def _welcomed(self, link: Link) -> None:
        self._stop(self._not_welcomed)
        self._stop(self._settled)
        self.link = link
        self._welcomes += 1
        self._failures = 0

    def _settled(self) -> None:
        """A classic welcome, and no other after it: this is an old server."""
        self._welcomed(Link.CLASSIC)
        self._face.notice("This server acknowledges nothing: what is lost on the way will not be noticed.")
        self.flush()

    def _refused(self, why: str) -> None:
        if not self.begun:
            self.end(NOT_DELIVERED, f"the server refused the name {visible(self.name)}: {visible(why, 400)}")
            return
        self.link = Link.OFFLINE
        self._face.notice(f"The server has not let go of the old connection yet ({visible(why, 400)})")
        self._abort()

    def _not_welcomed(self) -> None:
        if not self.begun:
            self.unreachable(f"no welcome came within {self._patience:.0f} s: is that a lanchat server?")
        self._abort()

    def _bye(self, packet: ServerPacket) -> None:
        if self.quitting:
            self.end(DONE)
        elif packet.x is None or packet.x.code != "RELOAD":
            self.end(NOT_DELIVERED, f"the server closed the connection: {visible(packet.msg, 400)}")

    def _quit_unanswered(self) -> None:
        self.end(DONE)

    # Messages on their way.

    def _may_write(self) -> bool:
        welcomed = self.link in (Link.CLASSIC, Link.CAPABLE)
        return welcomed and self._wire is not None and not self._wire.full and len(self._pending) < WINDOW

    def _write(self, said: Said) -> None:
        assert self._wire is not None  # noqa: S101 (_may_write has looked)
        capable = self.link is Link.CAPABLE
        if capable:
            said.due = self._clock.seconds() + self._patience
            self._pending[said.cid] = said
            if self._overdue not in self._timers:
                self._start(self._patience, self._overdue)
        self._wire.write(said.encode(self.name, capable))
        if said.is_quit:
            self.quitting = True
            self._start(QUIT_SECONDS, self._quit_unanswered)

    def _answered(self, packet: ServerPacket) -> Said | None:
        if packet.x is None or packet.x.op is None or packet.x.cid is None:
            return None
        said = self._pending.pop(packet.x.cid, None)
        if said is None and (said := self._late.pop(packet.x.cid, None)) and packet.x.op != "fail" and not said.quiet:
            self._face.notice(f"The acknowledgement came after all: {shown(said)}")
        return said

    def _overdue(self) -> None:
        """The oldest has waited too long; what follows has its own time."""
        now = self._clock.seconds()
        for said in tuple(self._pending.values()):
            if said.due > now:
                self._start(said.due - now, self._overdue)
                break
            self._late[said.cid] = said
            if len(self._late) > MAX_LATE:
                del self._late[next(iter(self._late))]
            self._drop((said,), f"no acknowledgement came within {self._patience:.0f} s")
        self.flush()

    def _drop(self, dropped: Iterable[Said], why: str) -> int:
        """Wait for these no longer; how many of them somebody cares about."""
        told = 0
        for said in dropped:
            self._pending.pop(said.cid, None)
            if not said.quiet and not said.is_quit:
                self._face.unanswered(said, why)
                told += 1
        return told

    def _abort(self) -> None:
        if self._wire is not None:
            self._wire.abort()

    def _start(self, seconds: float, call: Callable[[], None]) -> None:
        """Call this method in a while, and only once however often it was asked for."""
        self._stop(call)

        def ring() -> None:
            del self._timers[call]
            call()

        self._timers[call] = self._clock.callLater(seconds, ring)

    def _stop(self, call: Callable[[], None]) -> None:
        if (timer := self._timers.pop(call, None)) is not None and timer.active():
            timer.cancel()
