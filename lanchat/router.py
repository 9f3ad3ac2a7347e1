"""Router: where each packet goes. It owns the registry and the clock, and every gateway holds the same one.

Nothing here waits, and nothing here knows a socket: what it wants of a connection is `IClient`.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from datetime import datetime, timezone
from itertools import accumulate, count
from typing import Any

from twisted.logger import Logger

from lanchat.errors import BadFrom, ChatError, NoSuchTarget, RateLimited, TooBig, Usage
from lanchat.interfaces import Clock, IClient
from lanchat.journal import Journal
from lanchat.limits import Bucket, Limits
from lanchat.names import key, parse as parse_name
from lanchat.packet import (
    EVERYONE,
    MAX_PACKET,
    MAX_UNFRAMED,
    SERVER,
    Packet,
    ServerPacket,
    ServerX,
    SharedPacket,
    X,
    escaped_size,
    visible,
)
from lanchat.presence import Presence
from lanchat.pulse import Pulse
from lanchat.registry import Registry
from lanchat.session import Session

#: Bytes of names in a welcome, which must not grow with the crowd, and of all that is not names.
WELCOME_NAMES, WELCOME_REST = 256, 200
#: What is delivered to so many, or listed of so many names, costs a sender as much as another packet.
DELIVERIES_A_PACKET, NAMES_A_PACKET = 20, 100
#: Characters of a text that fit into a packet however they are written.
SURE_TO_FIT = MAX_PACKET // 8
#: What is between two names in a list; no name has it.
BETWEEN_NAMES = ", "
#: Bytes of names in one presence packet.
PRESENCE_NAMES = 8192

_EVERYONE = key(EVERYONE)
_log = Logger()

#: Runs the command that a packet is addressed to; raises `ChatError`.
RunCommand = Callable[["Router", Session, Packet], None]


class Router:
    """Decides where packets go and hands them to the clients of the recipients."""

    def __init__(self, clock: Clock, run_command: RunCommand, instance: str, now: Callable[[], float] = time.time) -> None:
        """`instance` is unique to this run of the server: the ids of messages begin with it.

        `clock` is for what waits and only goes forward; `now` is the time of day, which people set.
        """
        self.clock = clock
        self.now = now
        self.limits = Limits()
        self.registry = Registry()
        self.journal = Journal(clock)
        self.presence = Presence(clock, self._tell_presence)
        self.pulse = Pulse(clock, self._ping, self._give_up)
        #: Messages relayed, and packets refused, since the start.
        self.relayed = self.refused = 0
        self._run_command = run_command
        self._instance = instance
        self._numbers = count(1)

    # Coming and going.

    def open(self, text: str, client: IClient, address: str, gateway: str) -> Session:
        """Give a connection a name, and so a session; raises `BadName` or `NameTaken`."""
        packets = Bucket(self.limits, "packets")
        session = Session(parse_name(text), client, address, gateway, self.now(), packets, self.clock.seconds())
        self.registry.take(session)
        self.journal.note(f"{session.name.shown} joined from {address} ({gateway})")
        self.presence.came(session.name.shown)
        return session

    def greet(self, session: Session) -> None:
        """Welcome a classic session, unless it has been welcomed."""
        if not session.greeted:
            session.greeted = True
            self.reply(session, None, self.welcome_text(session))

    def welcome_text(self, session: Session) -> str:
        """The welcome, for people."""
        # An unframed client should read it with one `recv`, and its name is in it twice.
        room = min(WELCOME_NAMES, MAX_UNFRAMED - WELCOME_REST - 2 * escaped_size(session.name.shown))
        return f"Welcome {session.name.shown}! Send /help to see the commands. {self.online(session, '', room)[0]}"

    def close(  # noqa: PLR0913 (what is said to the client, to the log, and to the others are three things)
        self, session: Session, code: str, goodbye: str, *, why: str, packet: Packet | None = None, last_words: str = ""
    ) -> None:
        """End a session on purpose: a goodbye, its name is free, the connection closes when all is written."""
        if session in self.registry:
            self.reply(session, packet, goodbye, op="bye", code=code)
            self.leave(session, why, last_words)
            session.client.disconnect()

    def leave(self, session: Session, why: str, last_words: str = "") -> None:
        """A session ended, in whatever way: its name is free at once."""
        self.pulse.forget(session)
        self.presence.forget(session)
        if self.registry.free(session):
            self.journal.note(f"{session.name.shown} left: {visible(why, 200)}")
            self.presence.went(session.name.shown, last_words)

    # What comes in.

    def receive(self, session: Session, packet: Packet | ChatError) -> None:
        """Take one packet of a client's, or what was wrong with it: routed, and answered if it was wrong.

        A fault of ours is logged with its traceback and costs this connection only.
        """
        try:
            if isinstance(packet, ChatError):
                raise packet
            if not session.greeted and not packet.is_hello:
                self.greet(session)
            if session.caps is not None and packet.from_.name and key(packet.from_.name) != session.name.key:
                raise BadFrom(f"You are {session.name.shown}; a packet that claims another name is not passed on.")
            if packet.to[:1] == "/":
                self._run_command(self, session, packet)
            else:
                self.say(session, packet)
        except ChatError as error:
            self.refuse(session, error, packet if isinstance(packet, Packet) else None)
        except Exception:  # noqa: BLE001 (nothing that one client sends may end the others)
            _log.failure("a packet of {name} was not served", name=session.name.shown)
            goodbye = "The server made a mistake and closes this connection. Sorry."
            asked = packet if isinstance(packet, Packet) else None
            self.close(session, "INTERNAL", goodbye, why="a fault of the server", packet=asked)

    def say(self, session: Session, packet: Packet) -> None:
        """Relay what somebody says, to a person or to everyone else, and acknowledge it. Raises `NoSuchTarget`."""
        recipient = self.registry.find(packet.to)
        if recipient is None:
            self._say_to_everyone(session, packet)
            return
        x = None
        if session.caps is not None or recipient.caps is not None:  # or nobody would see it
            x = self._stamp(packet, f"@{session.name.shown}")
        message = ServerPacket(session.sender, recipient.name.shown, packet.msg, x)
        if len(packet.msg) > SURE_TO_FIT:
            _check_growth(message)
        recipient.client.deliver(message)
        self.relayed += 1
        if x is not None:
            self._acknowledge(session, packet, x)

    def _say_to_everyone(self, session: Session, packet: Packet) -> None:
        if key(packet.to) != _EVERYONE:
            raise NoSuchTarget(f"The user {visible(packet.to, 40) or '(no name)'} is not available. Send /list to see who is.")
        if not packet.msg.strip():
            raise Usage("Usage: /shout TEXT (say something to everyone)")
        self.charge(session, len(self.registry) / DELIVERIES_A_PACKET)
        x = self._stamp(packet, EVERYONE)
        message = SharedPacket(session.sender, EVERYONE, packet.msg, x)
        _check_growth(message)
        n = 0
        for recipient in self.registry:
            if recipient is not session:
                recipient.client.deliver(message)
                n += 1
        self.relayed += n
        told = f"Message sent to {n} users"
        if not self._acknowledge(session, packet, x, told, n=n) and session.confirms:
            self.reply(session, packet, told, n=n)

    def _stamp(self, packet: Packet, conv: str) -> ServerX:
        """What a message is known by: its id, its time and its conversation."""
        re = packet.x.re if packet.x is not None else None
        return ServerX(id=f"{self._instance}.{next(self._numbers)}", ts=self.timestamp(), conv=conv, re=re)

    def _acknowledge(self, session: Session, packet: Packet, stamp: ServerX, told: str = "", n: int | None = None) -> bool:
        """Tell the sender what its message is known by, if it wants to know; whether it did."""
        asked = packet.x is not None and packet.x.cid is not None and session.may("ack")
        if asked:
            self.reply(session, packet, told, op="ack", id=stamp.id, ts=stamp.ts, state="relayed", n=n)
        return asked

    # What goes out.

    def reply(self, session: Session, packet: Packet | None, msg: str, op: str = "ok", **data: Any) -> None:
        """Answer a packet of this session's, or (None) tell it something; `data` is for capable clients."""
        x = None
        if session.caps is not None:
            x = ServerX(op=op, cid=packet.x.cid if packet and packet.x else None, **data)
        session.client.deliver(ServerPacket(SERVER, session.name.shown, msg, x))

    def refuse(self, session: Session, error: ChatError, packet: Packet | None = None) -> None:
        """Answer what was wrong; a client that goes on and on is closed."""
        self.greet(session)
        self.refused += 1
        if packet is None and error.cid is not None:
            packet = Packet(SERVER, "", "", X(cid=error.cid))
        self.reply(session, packet, str(error), op="fail", code=error.code, retry_ms=error.retry_ms)
        if why := session.offended(error, self.clock.seconds(), self.limits["bad"]):
            self.limits.met["bad"] += 1
            self.close(session, error.code, f"The connection is closed: {why}.", why=why)

    def charge(self, session: Session, cost: float) -> None:
        """Take so many packets' worth from what the session has left; raises `RateLimited` when that is not enough."""
        if wait := session.packets.afford(cost, self.clock.seconds()):
            error = RateLimited(f"That is too much at once. Try again in {math.ceil(wait)} s.")
            error.retry_ms = math.ceil(wait * 1000)
            raise error

    def online(self, asker: Session, prefix: str, room: int) -> tuple[str, list[str], int]:
        """Who is here besides the asker: the text (names for at most `room` bytes), those names, and how many in all."""
        names, total = self.registry.listed(prefix, room // (1 + len(BETWEEN_NAMES)) + 2)
        total -= asker.name.key.startswith(key(prefix))
        if asker.name.shown in names:
            names.remove(asker.name.shown)
        names = _as_fit(names, room)
        if not total:
            return ("Nobody else has such a name." if prefix else "You are the only active user!"), names, total
        return f"Online users ({total}): {_and_more(names, total)}", names, total

    def timestamp(self) -> str:
        """Now, as RFC 3339 in UTC with milliseconds."""
        now = datetime.fromtimestamp(self.now(), timezone.utc)
        return now.isoformat(timespec="milliseconds").replace("+00:00", "Z")

    def _ping(self, session: Session) -> None:
        self.reply(session, None, "", op="ping", t=int(self.now() * 1000))

    def _give_up(self, session: Session) -> None:
        self.close(session, "IDLE", "You are closed: no answer came to a ping.", why="no answer to a ping")

    def _tell_presence(self, event: str, news: dict[str, str]) -> None:
        names = _as_fit(list(news), PRESENCE_NAMES)
        last_words = news[names[0]] if len(news) == 1 else ""
        x = ServerX(op="event", ev=event, who=names, n=len(news), conv=EVERYONE, ts=self.timestamp())
        said = f"{_and_more(names, len(news))} {event}{last_words and ': '}{last_words}"
        packet = SharedPacket(SERVER, EVERYONE, said, x)
        for session in tuple(self.presence.watchers):
            if names != [session.name.shown]:
                session.client.deliver(packet)


def _check_growth(message: ServerPacket) -> None:
    """Control characters take six bytes each: a text within its limit may still make a packet that is over its own."""
    if len(message.msg) > SURE_TO_FIT and len(message.line) > MAX_PACKET + 1:
        raise TooBig(f"With its control characters written out this is over {MAX_PACKET} bytes. Send it in parts.")


def _as_fit(names: list[str], room: int) -> list[str]:
    """As many of the names as fit into so many bytes of a packet, with what comes between them."""
    line = BETWEEN_NAMES.join([*names, ""])
    if line.isascii():  # the common case: no character of a name is escaped
        return names[: line[:room].count(BETWEEN_NAMES)]
    ends = accumulate(escaped_size(name) + len(BETWEEN_NAMES) for name in names)
    return [name for name, end in zip(names, ends, strict=True) if end <= room]


def _and_more(names: list[str], total: int) -> str:
    more = total - len(names)
    return BETWEEN_NAMES.join(names) + (f", ... and {more} more" if more else "")
