"""Connection: the part of a client's connection that is the same in every dialect: opening, deadlines, and closing."""

from __future__ import annotations

import re
import sys
from abc import abstractmethod

from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import IHalfCloseableProtocol
from twisted.internet.protocol import connectionDone
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from lanchat.core.replies import Quoting
from lanchat.core.router import Router
from lanchat.gateways import other_protocols
from lanchat.gateways.input import Input
from lanchat.gateways.outbox import Outbox
from lanchat.model.session import Session
from lanchat.net import sockets
from lanchat.protocol.counts import HUNG_UP, LOST
from lanchat.protocol.errors import BadPacket, ChatError, Idle
from lanchat.protocol.interfaces import IConnection, IOutputProgress
from lanchat.protocol.packet import EVERYONE, SERVER, PacketRun, ServerPacket, visible

#: What clients are told last: when the server shuts down, and when they don't read.
GOODBYE = "The server is shutting down. Goodbye!"
TOO_SLOW = "Connection closed: you were reading too slowly."

_log = Logger("lanchat.gateways.connection")


@implementer(IConnection, IHalfCloseableProtocol)
class Connection(Input):
    """A client's connection. A subclass adds the dialect: `frames`, `frameReceived` and `deliver`."""

    #: The name of the dialect, in the log and in metrics.
    gateway = ""
    #: The time to send a name is this many times the limit `opening`.
    opening_factor = 1
    #: Whether a client that has said hello is shown the ids and times of messages.
    shows_ids = True
    #: What its output is.
    outbox_type: type[Outbox] = Outbox
    #: Whether the admission has not counted the connection yet when it begins.
    is_new = True
    # (Class attributes, as hardly any connection ever has another value.)
    _input_is_over = _hung_up = False
    _omitted = 0
    _reached_at: tuple[str, bool] | None = None

    def connectionMade(self) -> None:
        """Start the deadline for the name. A connection that is one too many is refused."""
        self.factory.connections.add(self)
        self.address = sockets.address_of(self.transport.getPeer())
        chat, turn, pace = self.router.chat, self.factory.turn, self.factory.pace
        self.outbox = self.outbox_type(self.transport, chat.clock, chat.limits, chat.counts, turn, pace, self._overflowed)
        self.factory.name_deadlines.begin(self._name_timed_out)
        if self.is_new and (refusal := self.factory.admission.admit(self.address)) is not None:
            self.refuse_excess(refusal)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """End the session, as the connection is closed."""
        self.closed = self.halted = True
        self.factory.admission.release(self.address)
        self.outbox.gone()
        self._cancel_rest()
        self.factory.name_deadlines.end(self._name_timed_out)
        self.leave(reason.getErrorMessage(), HUNG_UP if reason.type is ConnectionDone else LOST)
        self.factory.left(self)

    def holdEnded(self) -> None:
        """Serve what came while a command waited; if the client sends nothing more, all of it."""
        if self._input_is_over:
            self._serve_rest()
        else:
            super().holdEnded()

    def readConnectionLost(self) -> None:
        """Serve the rest: the client has closed its writing side, but may still read (`nc -N`)."""
        self._hung_up = True
        self.end_input()

    def end_input(self) -> None:
        """Serve what has come, and nothing more, whether or not the client has closed its writing side."""
        self._input_is_over = True
        self._serve_rest()

    def _serve_rest(self) -> None:
        """Serve all that came, and what the end of the input completes; then end the session and close."""
        self._serve(sys.maxsize)  # (over TLS the end may be seen while earlier input waits; it can't wait longer)
        if not self.halted:
            self.inputEnded()
            self._serve(sys.maxsize)
        if not self.halted:
            self.served()
        if self.session is not None and self.session.pending and not self.halted:
            self.perform(self.router.chat.stored.settled(), hold=True)
        if self.halted and not self.closed:
            return  # (`holdEnded` comes back here)
        self.leave("hung up")
        self.closed = self.halted = True
        self.factory.name_deadlines.end(self._name_timed_out)
        self.end_output()
        if self._hung_up:
            self.outbox.close_both_ways()
        else:
            self.outbox.close()

    def writeConnectionLost(self) -> None:
        """Note that our writing side is closed, so all was written. The client closes, or the outbox does at its deadline."""
        self.outbox.written_out()

    def inputEnded(self) -> None:
        """Treat what came as complete, as nothing follows. For dialects in which a frame may end by silence."""

    def end_output(self) -> None:
        """Send what a dialect has at the end of its output. Called before that is closed, perhaps more than once."""

    def leave(self, why: str, code: str = HUNG_UP) -> None:
        """End the session, if there is one; its name is free at once. `why` is logged, `code` is counted."""
        if self.session is not None:
            self.router.chat.leave(self.session, why, code=code)

    def open(self, name: str) -> Session:
        """Open a session with this name. Raises what `Chat.open` does."""
        self.session = self.router.chat.open(name, self, self.address, self.gateway)
        self.factory.name_deadlines.end(self._name_timed_out)
        return self.session

    def refuse(self, error: ChatError) -> None:
        """Tell a connection that has no session why it is refused, and close it."""
        self.router.chat.counts.refused[error.code] += 1
        why = visible(str(error), 200)
        _log.info("refused {ip} ({gateway}): {code} {why}", ip=self.address, gateway=self.gateway, code=error.code, why=why)
        self.deliver((Quoting if error.quotes else ServerPacket)(SERVER, "Guest", str(error)))
        self.disconnect(error.code, str(error))

    def refuse_protocol(self, begins: re.Match[bytes]) -> None:
        """Refuse a connection that began with another protocol, and tell which port that is for."""
        header, told = other_protocols.answer(begins, self.gateway)
        if header:
            self.outbox.send(header)
        self.refuse(BadPacket(told))

    def refuse_excess(self, error: ChatError) -> None:
        """Refuse a connection that is one too many. If there are many such, it is closed before it can have read why."""
        self.deliver(ServerPacket(SERVER, "Guest", str(error)))
        self.disconnect(error.code, str(error))
        if not self.factory.lets_linger(self):
            self.transport.loseConnection()

    @abstractmethod
    def deliver(self, packet: ServerPacket) -> None:
        """Send a packet in this dialect."""

    def deliver_all(self, packets: list[ServerPacket]) -> None:
        """Send packets that have the same sender and recipient, and differ in their text and their ids only."""
        for packet in packets:
            self.deliver(packet)

    def deliver_events(self, run: PacketRun) -> None:
        """Send events of a room, which many others are sent, too."""
        for packet in run.packets:
            self.deliver(packet)

    def omits(self, packet: ServerPacket) -> bool:
        """Whether a packet is left out because it is for everyone, and the client is behind.

        Otherwise somebody could get slow readers closed by shouting. Packets from the server itself are never left out. When
        all that waits is written, the client is told how many were.
        """
        if packet.to != EVERYONE or packet.from_ == SERVER or not self.behind():
            return False
        if not self._omitted:
            self.caught_up().addCallback(self._tell_of_omitted)
        self._omitted += 1
        self.router.chat.limits.met["outbox"] += 1
        return True

    def _tell_of_omitted(self, _: None) -> None:
        n, self._omitted = self._omitted, 0
        if self.session is not None and not self.closed:
            what = f"{n} messages to everyone were" if n > 1 else "A message to everyone was"
            self.router.chat.reply(self.session, None, f"{what} left out here, because you are reading too slowly.")

    def behind(self) -> bool:
        """Whether so much waits for the client that it should be sent only what it asks for."""
        return self.outbox.held_up and self.outbox.waiting > self.router.chat.limits["outbox"] / 2

    def caught_up(self) -> Deferred[None]:
        """Fires when all that waited is written, or the connection has ended."""
        return self.outbox.drained()

    def __conform__(self, interface: object) -> Outbox | None:
        """Adapt to `IOutputProgress`, which the outbox provides."""
        return self.outbox if interface is IOutputProgress else None

    def encryption(self) -> str:
        """The version of TLS; "" for a connection without TLS."""
        return ""

    def reached_at(self) -> tuple[str, bool]:
        """The address of the server that the client connected to, as it is written in a URL; and whether with encryption."""
        if self._reached_at is None:
            self._reached_at = sockets.url_host(self.transport.getHost()), bool(self.encryption())
        return self._reached_at

    def queued(self) -> int:
        """The bytes that wait to be written to the client."""
        return self.outbox.waiting

    def serve_with(self, router: Router) -> None:
        """Hand the packets to another router from now on."""
        self.router = router

    def disconnect(self, code: str = "", reason: str = "") -> None:
        """Close the connection when all that was delivered is written. Nothing more is served."""
        self.closed = self.halted = True
        self.factory.name_deadlines.end(self._name_timed_out)
        if self._resting is not None or self._unread:
            self._cancel_rest()
            self.transport.resumeProducing()  # (or the end of the connection would not be noticed)
        self.end_output()
        self.outbox.close()

    def goodbye(self) -> None:
        """Tell the client that the server is shutting down, and close."""
        if self.session is not None:
            self.router.chat.close(self.session, "RELOAD", GOODBYE, why="shut down")
        self.disconnect("RELOAD", GOODBYE)

    def _name_timed_out(self) -> None:
        self.router.chat.limits.met["opening"] += 1
        seconds = self.factory.opening_seconds()
        self.refuse(Idle(f"No name came within {seconds:.0f} seconds. Connect again and send your name first."))

    def _overflowed(self) -> None:
        if self.session is not None:
            self.router.chat.close(self.session, "SLOW", TOO_SLOW, why="did not read what was sent to it")
        self.disconnect("SLOW", TOO_SLOW)
