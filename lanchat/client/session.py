"""Conversation: what a client knows of its talk with the server, whatever connection carries it and whatever face shows it.

It gives each message an id and holds back what is said while there is no connection. What becomes of it then is the
business of `Delivery`, what was seen of the log that of `LogSync`, and how a connection begins that of `Handshake`. It knows
no socket, no terminal and no reactor: connections come and go below it, a `Face` stands above it.
"""

from __future__ import annotations

import itertools
import secrets
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import msgspec
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime

from lanchat.client.auto_replies import Answers
from lanchat.client.delivery import Delivery
from lanchat.client.handshake import Handshake
from lanchat.client.interfaces import DONE, NOT_DELIVERED, Ending, Face, Link, NotSent, Said, Wire
from lanchat.client.keyring import Keyring
from lanchat.client.log_sync import LogSync
from lanchat.client.reconnecting import Reconnecting
from lanchat.client.rooms import Rooms
from lanchat.client.timers import Timers
from lanchat.client.tokens import without_token
from lanchat.protocol.packet import ServerPacket, ServerX, X, visible
from lanchat.protocol.typed_lines import SECRET_COMMANDS

#: Seconds that an acknowledgement, or a welcome, may take.
PATIENCE = 10.0
#: Seconds that a goodbye may take.
QUIT_SECONDS = 3.0
#: What a server without acknowledgements answers to one.
GOODBYE = "Goodbye"

#: What a server grants to an account for which it keeps a log.
KEPT = frozenset({"ack", "history"})

_decode = msgspec.json.Decoder(ServerPacket).decode


class ClientSession:
    """The talk with one server under one name, over one connection after another."""

    def __init__(  # noqa: PLR0913, PLR0917 (it is made in one place)
        self,
        name: str,
        clock: IReactorTime,
        face: Face,
        retry: Callable[[int], float],
        patience: float = PATIENCE,
        keyring: Keyring | None = None,
        device: str = "",
        insists: bool = False,
    ) -> None:
        """`retry` says how many seconds to pause after so many connections in a row that came to nothing.

        With `insists` even the first connection is tried again, for as long as the `patience` lasts (`comeback.py`).
        """
        self.link = Link.OFFLINE
        #: Fires with the `Ending`.
        self.ended: Deferred[Ending] = Deferred()
        #: Whether the server has been told that we leave.
        self.quitting = False
        self.name = name
        self.keyring = keyring or Keyring()
        self._face = face
        self._patience = patience
        self._wire: Wire | None = None
        self._run, self._numbers = secrets.token_hex(4), itertools.count(1)
        self._timers = Timers(clock)
        self.comeback = Reconnecting(name, self._timers, face, retry, patience, insists, self)
        self._rooms = Rooms(face, self._join)
        self._opening = Handshake(name, device, self.keyring, self._timers, face, patience, self, self.comeback)
        self._answers = Answers(name)
        self._delivery = Delivery(self._timers, face, patience, self.flush, insists)
        #: What came of the log, and what the server knows of that.
        ask = partial(self.say, "/history", "", True)
        self.reading = LogSync(self._timers, face, self._delivery.moved, lambda after: ask({"after": after}), self._tell_seen)
        self._caps: frozenset[str] = frozenset()
        self._goodbye = False

    @property
    def waiting(self) -> int:
        """How much of what was said, or is to be heard, is not done with."""
        return self._delivery.waiting + self.reading.cursor.replaying

    @property
    def resting(self) -> bool:
        """Whether nothing is sent for now, because the server asked for that."""
        return self._delivery.resting

    @property
    def begun(self) -> bool:
        """Whether the server has welcomed us, once at least."""
        return self.comeback.welcomes > 0

    @property
    def up(self) -> bool:
        """Whether we are welcome just now."""
        return self.link in (Link.CLASSIC, Link.CAPABLE)

    @property
    def locked(self) -> bool:
        """Whether the server waits for a password."""
        return self._opening.locked

    # What the face wants.

    def say(self, to: str, msg: str, quiet: bool = False, args: Mapping[str, Any] | None = None) -> Said:
        """Send this now, or when there is a connection; `args` are members of `x`. Raises `NotSent` if it can't be sent."""
        number = next(self._numbers)
        text = msg.encode("utf-8", "replace").decode()  # half a surrogate pair is no text
        said = Said(to.encode("utf-8", "replace").decode(), text, number, f"{self._run}.{number}", quiet, args or {})
        said.check_size(self.name)
        if said.command in SECRET_COMMANDS:
            self._check_private()
        self._delivery.add(said)
        self.flush()
        return said

    def log_in(self, password: str) -> None:
        """Show this password: for the name we want, or else (the server will say) to become somebody."""
        if not self._opening.log_in(password):
            self.say("/login", password)

    def skip_missed(self) -> None:
        """Leave what was missed for another time, as nobody would see it. What comes of it all the same is not acknowledged."""
        self._opening.caps.remove("resume")

    def end(self, status: int, why: str = "") -> None:
        """It is over. What was not acknowledged is said to be so, unless nothing was ever to be had here."""
        if self.link is Link.ENDED:
            return
        self.link = Link.ENDED
        self._timers.stop_all()
        self.reading.end()
        lost = self._delivery.end(self.begun or status == DONE)
        self.ended.callback(Ending(status or (NOT_DELIVERED if lost else DONE), why))

    # What the connection tells.

    def opened(self, wire: Wire) -> None:
        """A connection is there."""
        if self.link is Link.ENDED:
            wire.abort()
            return
        self._wire, self.link = wire, Link.OPENING
        self._opening.begin(wire, self.reading.cursor.resume)

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
            self._answers.owe("/pong", X(t=packet.x.t))
        elif not self._opening.meets(packet, self.link is Link.OPENING):
            self._take(packet, line)
        self.flush()

    def _join(self, room: str) -> Said:
        """Enter a room again, before anything that waits for a connection is said there."""
        said = Said("/join", room, 0, f"{self._run}.{next(self._numbers)}", quiet=True)
        self._delivery.add(said, first=True)
        return said

    def flush(self) -> None:
        """Write what waits, as far as the connection takes it."""
        self._answers.write(self._wire)
        while self.up and self._wire is not None and not self._wire.full and (said := self._delivery.next()):
            self._write(said)
        self._face.changed()

    def lost(self, why: str) -> None:
        """The connection is gone."""
        before, self._wire = self.link, None
        asking = self.locked
        self._answers.lost()
        self._opening.lost()
        self.reading.lost()
        if before is Link.ENDED:
            return
        self.link = Link.OFFLINE
        self._delivery.lost(self.reading.kept and not self.quitting)
        if self.quitting:
            self._left(before is Link.CAPABLE)
        elif before is Link.OPENING and not self.begun and not asking:
            self.comeback.unreachable(
                "closed without a welcome: is that a lanchat server, does it want --tls, and may you connect?"
            )
        self._face.changed()
        if before in (Link.CLASSIC, Link.CAPABLE) and self.link is Link.OFFLINE:
            self._face.notice(f"The connection was lost: {why}")

    def pause(self, attempt: int) -> float:
        """How long to wait before the next connection (a retry policy); a refused name counts as a failure too."""
        seconds = self.comeback.pause()
        if self.begun and self.link is Link.OFFLINE:
            self._face.notice(f"No connection; trying again in {seconds:.0f} s.")
        return seconds

    # What comes of an opening.

    def welcomed(self, x: ServerX | None) -> None:
        """The server takes us."""
        self._caps = caps = self._opening.granted(x)
        self.link = Link.CAPABLE if "ack" in caps else Link.CLASSIC
        self.comeback.welcomed()
        kept = x is not None and bool(x.account) and caps >= KEPT
        self._delivery.welcomed(kept)
        self.reading.welcomed(x or ServerX(), kept, replays=caps >= {"id", "resume"}, ordered="order" in caps)
        if x is None:
            self._face.notice("This server acknowledges nothing: what is lost on the way will not be noticed.")
        again, account = self.comeback.welcomes > 1, x is not None and bool(x.account)
        self._rooms.welcomed(again, account, answers=self.link is Link.CAPABLE)
        self.flush()

    def drop(self, notice: str) -> None:
        """Nothing more is to be had from this connection; the next one may be better."""
        if self.link is not Link.ENDED:
            self.link = Link.OFFLINE
            if notice:
                self._face.notice(notice)
        if self._wire is not None:
            self._wire.abort()

    # What comes in.

    def _take(self, packet: ServerPacket, line: bytes) -> None:
        """What is new is shown."""
        x = packet.x or ServerX()
        if x.op is None and not self.reading.is_new(x):
            return
        self._goodbye = self._goodbye or (packet.x is None and packet.from_.name == "SERVER" and packet.msg == GOODBYE)
        answers = self._delivery.answered(packet)
        if answers is not None and self._delivery.takes_back(answers, packet):
            return
        if self.reading.takes(x, answers, packet.msg) or self._rooms.takes(packet, answers):
            return
        self._face.came(packet, answers, without_token(line) if x.token else line)
        if x.op == "ok" and answers is not None and answers.command in SECRET_COMMANDS:
            self._opening.proved(answers.new_password, is_new=answers.command != "/login")
            if x.account and self._caps >= KEPT:
                self.reading.registered(x)
        self.reading.follow(x)
        if x.op == "bye":
            self._bye(packet)

    def _bye(self, packet: ServerPacket) -> None:
        if self.quitting:
            self.end(DONE)
        else:
            self.comeback.dismissed(packet, self.link is Link.OPENING)

    # What goes out.

    def _write(self, said: Said) -> None:
        assert self._wire is not None  # noqa: S101 (`flush` has looked)
        if said.command in SECRET_COMMANDS and not self._wire.proof:
            self._face.unanswered(said, "it was not sent, because others could read the password")
            return
        if said.is_quit:
            self.reading.acknowledge()
            self.quitting = True
            self._timers.start(QUIT_SECONDS, self._quit_unanswered)
        (self._delivery if self.link is Link.CAPABLE else self._rooms).written(said)
        self._wire.write(said.encode(self.name, capable=self.link is Link.CAPABLE))

    def _tell_seen(self, seq: int) -> None:
        self._answers.owe("/ack", X(seq=seq))
        self._answers.write(self._wire)

    def _check_private(self) -> None:
        """A password is told to nobody else, and waits for nothing but the first welcome; raises `NotSent`."""
        if self._wire is not None and not self._wire.proof:
            raise NotSent("others could read the password on its way. Use --tls, or --plaintext-passwords.")
        if self.begun and not self.up:
            raise NotSent("there is no connection, and a password is not kept for later.")

    def _quit_unanswered(self) -> None:
        self._left(self.link is Link.CAPABLE)

    def _left(self, acknowledged: bool) -> None:
        """It ended after our goodbye. Where nothing is acknowledged, only the server's goodbye shows that it has read all."""
        if acknowledged or self._goodbye:
            self.end(DONE)
        else:
            self.end(NOT_DELIVERED, "the server did not answer our goodbye: what was said last may not have arrived")
