"""Streams: connections on which a program is sent what is said, and sends nothing (docs/protocol.md, "Streams").

The HTTP request that opens a stream is served by lanchat/webchat/streams.py, which has checked a token of an account. Here the
account comes online, with a session like any other, and its packets are the rest of the answer: as lines of JSON, or as
server-sent events (WHATWG HTML, 9.2).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from twisted.internet.protocol import connectionDone
from twisted.python.failure import Failure

from lanchat.core import logins
from lanchat.core.router import Router
from lanchat.gateways.certified import Certified
from lanchat.gateways.deadlines import Deadlines
from lanchat.gateways.factory import ChatFactory
from lanchat.gateways.input import NO_PACKETS, Split
from lanchat.model.room import Room
from lanchat.model.session import Account, Session
from lanchat.net.admission import Admission
from lanchat.net.http import Refusal, written_refusal
from lanchat.protocol.entry import EDIT, EVENT, REACT, WITHDRAW, Epoch, Seq
from lanchat.protocol.errors import ChatError, ClientGone, Full, NotMember, TooSlow
from lanchat.protocol.extensions import ServerX
from lanchat.protocol.packet import PacketRun, ServerPacket, visible

#: Seconds between two empty lines, so that both sides notice when the other is gone.
KEEPALIVE_SECONDS = 30.0
#: What a stream is sent as a client with these caps.
CAPS = frozenset({"id", "room", "edit", "react", "event", "file"})
#: The name of the device of a stream: it has no place in the log that the server keeps.
DEVICE = "(stream)"
#: What a stream can be sent besides messages: what is done with them, and what happens in rooms.
CHANGES = frozenset({EDIT, WITHDRAW, REACT, EVENT})

UNAUTHORIZED, TOO_MANY = 401, 429
#: The status of an answer for the codes of errors; 403 for all others.
STATUS = {
    "AUTH_FAILED": UNAUTHORIZED, "AUTH_REQUIRED": UNAUTHORIZED, "USAGE": 400, "NO_SUCH_TARGET": 404, "NOT_MEMBER": 404,
    "GONE": 410, "FULL": TOO_MANY, "RATE_LIMITED": TOO_MANY, "SLOW": 503, "NOT_STORED": 503,
}  # fmt: skip

_HEAD = (
    "HTTP/1.1 200 OK\r\nContent-Type: {}\r\nCache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\n"
    "X-Accel-Buffering: no\r\nConnection: close\r\n\r\n"
)
_LINES, _EVENTS = _HEAD.format("application/x-ndjson").encode(), _HEAD.format("text/event-stream").encode()
#: What begins a stream, and what is sent from time to time: nothing for who reads lines, a comment in events.
_EMPTY_LINE, _COMMENT = b"\n", b":\n\n"


class Asked(NamedTuple):
    """What a program asks for."""

    #: The names of rooms; none are all conversations of the account.
    rooms: Sequence[str] = ()
    #: Whether it wants events (`text/event-stream`), and not lines.
    events: bool = False
    #: The place in the log after which it is sent everything; None: what is said from now on.
    after: Seq | None = None
    #: Whether it is sent `CHANGES`, too.
    changes: bool = False


class EventWriter:
    """Writes packets as server-sent events. There is one for all streams, so that a packet for many is written once."""

    def __init__(self, epoch: Epoch) -> None:
        self._epoch = epoch

    def __call__(self, packet: ServerPacket) -> bytes:
        """An event with the packet; what is in the log has an id, which a client sends back to go on after it."""
        x = packet.x or ServerX()
        place = f"id: {self._epoch}.{x.seq}\n" if x.seq else ""
        return f"{place}event: {x.op or 'message'}\ndata: ".encode() + packet.line + b"\n"


def _line(packet: ServerPacket) -> bytes:
    return packet.line


class StreamFactory(ChatFactory):
    """The factory of streams."""

    def __init__(self, protocol: type[StreamProtocol], router: Router, admission: Admission) -> None:
        super().__init__(protocol, router, admission)
        #: When each stream is sent the next empty line.
        self.keepalives = Deadlines(router.chat.clock, lambda: KEEPALIVE_SECONDS)
        self._events: EventWriter | None = None

    @property
    def events(self) -> EventWriter:
        """What writes the events of all streams."""
        if self._events is None:  # (the log is not open yet when the factory is made)
            self._events = EventWriter(self.router.chat.store.epoch)
        return self._events


class StreamProtocol(Certified):
    """A stream. `begin` must be called once it is connected."""

    gateway = "stream"
    is_new = False  # it has been counted since its HTTP request came
    factory: Any  # a `StreamFactory`
    #: The rooms whose packets are sent; None: all that the account gets.
    _rooms: list[Room] | None = None
    _changes = False
    _encode: Callable[[ServerPacket], bytes] = staticmethod(_line)
    _nothing = _EMPTY_LINE

    def begin(self, account: Account, asked: Asked) -> None:
        """Let an account be online, whose token was checked, and send what it asked for, as the answer to the request.

        If it may not, the answer says why.
        """
        try:
            session = self._log_in(account, asked)
        except ChatError as error:
            self.refuse(error)
            return
        if asked.events:
            self._encode, self._nothing = self.factory.events, _COMMENT
        self._changes = asked.changes
        self.outbox.send((_EVENTS if asked.events else _LINES) + self._nothing, 0)
        self.factory.keepalives.begin(self._keep_alive)
        chat = self.router.chat
        session.seen = chat.store.last_seq
        if asked.after is not None and asked.after < session.seen:
            convs = None if self._rooms is None else dict.fromkeys([room.conv for room in self._rooms], 0)
            self.perform(chat.replay.resume(session, max(asked.after, 0), convs), hold=False)

    def _log_in(self, account: Account, asked: Asked) -> Session:
        chat = self.router.chat
        rooms = [self._find_room(account, name) for name in asked.rooms]
        most = chat.limits["streams"]
        if sum(isinstance(session.client, StreamProtocol) for session in account.sessions) >= most:
            chat.limits.met["streams"] += 1
            raise Full(f"This account has {most:.0f} streams already. Close one first.", limit="streams")
        try:
            session = self.open(account.name.shown)
            logins.check_login(chat, session, account)
            logins.check_connected(chat, session)
        except ClientGone:
            raise NotMember("The account was removed just now.") from None
        session.caps, session.greeted, session.device = CAPS, True, DEVICE
        chat.admit(session, account)
        for room in rooms:
            if session not in room.sessions:
                raise NotMember(f"The account may not be in {room.name} from this address.")
        self._rooms = rooms or None
        return session

    def _find_room(self, account: Account, name: str) -> Room:
        room = self.router.chat.rooms.find(name)
        if room is None or account.id not in room.members:
            shown = visible(name, 40) or "#(no name)"
            told = f"{account.name.shown} is not in a room {shown}. Log in with that account and send /join {shown} once."
            raise NotMember(told)
        return room

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """Send nothing more."""
        self.factory.keepalives.end(self._keep_alive)
        super().connectionLost(reason)

    def disconnect(self, code: str = "", reason: str = "") -> None:
        """Close the stream when all is written; it is the end of the answer."""
        self.factory.keepalives.end(self._keep_alive)
        super().disconnect(code, reason)

    def split(self, data: bytes) -> Split:
        """Drop what comes, of which the rate is bounded as everybody's: there is nothing to say on a stream."""
        return NO_PACKETS, None, b""

    def frameReceived(self, frame: Any) -> None:
        """Do nothing: there are no frames."""

    def deliver(self, packet: ServerPacket) -> None:
        """Send a packet, if it is one of those that were asked for."""
        x = packet.x
        if x is None or not self._wants(x):
            if x is not None and x.op == "end" and x.more:
                self._end(TooSlow.code, "The log could not be read. Connect again, after the last line that came.")
            return
        if self.outbox.paused and self.omits(packet):
            return
        self.outbox.send(packet.encoded(self._encode))

    def deliver_events(self, run: PacketRun) -> None:
        """Send events of a room that many others are sent, too."""
        x = run.packets[0].x
        if x is not None and self._wants(x):
            self.outbox.send(run.encoded(self._encode), len(run.packets))

    def _wants(self, x: ServerX) -> bool:
        op, conv = x.op, x.conv
        if op is not None and not (self._changes and op in CHANGES):
            return op == "bye"
        return conv is not None and (self._rooms is None or any(room.name == conv for room in self._rooms))

    def _keep_alive(self) -> None:
        """Send an empty line, or end the stream if it is of rooms in which the account is no more."""
        if self._rooms is not None and not any(self.session in room.sessions for room in self._rooms):
            self._end(NotMember.code, f"You are not in {' or '.join(room.name for room in self._rooms)} any more.")
            return
        self.factory.keepalives.begin(self._keep_alive)
        self.outbox.send(self._nothing, 0)

    def _end(self, code: str, told: str) -> None:
        if self.session is not None:
            self.router.chat.close(self.session, code, told, why=told)

    def refuse(self, error: ChatError) -> None:
        """Answer with the reason that there is no stream, and close."""
        self.router.chat.counts.refused[error.code] += 1
        self.leave(visible(str(error), 200), error.code)
        self.outbox.send(written_refusal(refusal_of(error)), 0)
        self.disconnect(error.code, str(error))


def refusal_of(error: ChatError) -> Refusal:
    """The error as an answer of HTTP."""
    status = STATUS.get(error.code, 403)
    headers = {"www_authenticate": 'Bearer realm="lanchat"'} if status == UNAUTHORIZED else {}
    if status == TOO_MANY:
        headers["retry_after"] = str(math.ceil((error.retry_ms or 1000) / 1000))
    return Refusal(status, visible(str(error), 500), **headers)


class SecureStreamProtocol(StreamProtocol):
    """A stream over TLS."""

    gateway = "streams"
