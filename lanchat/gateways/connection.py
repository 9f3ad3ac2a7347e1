"""Connection: what a client's connection is in every dialect. It opens, it is bounded in time, it closes in one way."""

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
from lanchat.protocol.packet import EVERYONE, SERVER, ServerPacket, visible

_log = Logger()


@implementer(IConnection, IHalfCloseableProtocol)
class Connection(Input):
    """A client's connection: a subclass adds the dialect (`frames`, `frameReceived`, `deliver`)."""

    #: The name of the dialect, as operators see it.
    gateway = ""
    #: How many times the limit `opening` a connection has until its name.
    opening_factor = 1
    # (Here, as it is so on hardly any connection.)
    _hears_no_more = _hung_up = False
    _omitted = 0

    def connectionMade(self) -> None:
        """The clock for the name starts; a connection too many learns that it is."""
        self.factory.connections.add(self)
        self.address = sockets.address_of(self.transport.getPeer())
        chat, turn, pace = self.router.chat, self.factory.turn, self.factory.pace
        self.outbox = Outbox(self.transport, chat.clock, chat.limits, chat.counts, turn, pace, self._overflowed)
        self.factory.openings.begin(self._too_slow)
        if (refusal := self.factory.admission.admit(self.address)) is not None:
            self.turn_away(refusal)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """The far end is gone, or we closed: the name is free."""
        self.closed = self.halted = True
        self.factory.admission.release(self.address)
        self.outbox.gone()
        self._rested()
        self.factory.openings.end(self._too_slow)
        self.leave(reason.getErrorMessage(), HUNG_UP if reason.type is ConnectionDone else LOST)
        self.factory.left(self)

    def holdEnded(self) -> None:
        """What was waited for is there: what came meanwhile is served, perhaps all that ever will come."""
        if self._hears_no_more:
            self._hear_out()
        else:
            super().holdEnded()

    def readConnectionLost(self) -> None:
        """The far end will send nothing more, but may read what it is still owed (`nc -N`)."""
        self._hung_up = True
        self.hear_no_more()

    def hear_no_more(self) -> None:
        """What came is all that is to be served, whether or not the far end has closed its writing side."""
        self._hears_no_more = True
        self._hear_out()

    def _hear_out(self) -> None:
        """Serve all that came, and what its end completes; then there is nothing more to wait for."""
        self._serve(sys.maxsize)  # over TLS the end is seen while what came before it waits; there is no later
        if not self.halted:
            self.inputEnded()
            self._serve(sys.maxsize)
        if not self.halted:
            self.served()
        if self.session is not None and self.session.pending and not self.halted:
            self.perform(self.router.chat.messages.settled(), hold=True)
        if self.halted and not self.closed:
            return  # it goes on here when that is done
        self.leave("hung up")
        self.closed = self.halted = True
        self.factory.openings.end(self._too_slow)
        if self._hung_up:
            self.outbox.heard_out()
        else:
            self.outbox.close()

    def writeConnectionLost(self) -> None:
        """Our last words are written. The connection ends when the far end does, or at the outbox's deadline."""
        self.outbox.written_out()

    def inputEnded(self) -> None:
        """A dialect in which silence means something learns here that there is nothing but silence."""

    def leave(self, why: str, code: str = HUNG_UP) -> None:
        """The session, if there is one, is over; its name is free at once."""
        if self.session is not None:
            self.router.chat.leave(self.session, why, code=code)

    def open(self, name: str) -> Session:
        """Ask for a name, and so for a session; raises `BadName` or `NameTaken`."""
        self.session = self.router.chat.open(name, self, self.address, self.gateway)
        self.factory.openings.end(self._too_slow)
        return self.session

    def refuse(self, error: ChatError) -> None:
        """Turn away a connection that has no name."""
        self.router.chat.counts.refused[error.code] += 1
        why = visible(str(error), 200)
        _log.info("refused {ip} ({gateway}): {code} {why}", ip=self.address, gateway=self.gateway, code=error.code, why=why)
        self.deliver((Quoting if error.quotes else ServerPacket)(SERVER, "Guest", str(error)))
        self.disconnect()

    def misdirect(self, begins: re.Match[bytes]) -> None:
        """Turn away a connection that began with another protocol, and tell which port that is for."""
        header, told = other_protocols.answer(begins, self.gateway)
        if header:
            self.outbox.send(header)
        self.refuse(BadPacket(told))

    def turn_away(self, error: ChatError) -> None:
        """Refuse a connection that is one too many, and don't let it linger if there are many such."""
        self.deliver(ServerPacket(SERVER, "Guest", str(error)))
        self.disconnect()
        if not self.factory.lets_linger(self):
            self.transport.loseConnection()

    @abstractmethod
    def deliver(self, packet: ServerPacket) -> None:
        """Show a packet in this dialect."""

    def deliver_all(self, packets: list[ServerPacket]) -> None:
        """Show some packets that are alike."""
        for packet in packets:
            self.deliver(packet)

    def omits(self, packet: ServerPacket) -> bool:
        """Whether this packet is left out, as it is for everyone and the client is behind: nobody closes others by shouting.

        What the server itself says is not: that it ends, who came and who went. Once what waits is written, the client is told
        how many packets were left out.
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
            self.router.chat.reply(self.session, None, f"{what} left out here, as you read more slowly than they came.")

    def behind(self) -> bool:
        """Whether so much waits for it that it should be sent no more than it asks for."""
        return self.outbox.held_up and self.outbox.waiting > self.router.chat.limits["outbox"] / 2

    def caught_up(self) -> Deferred[None]:
        """Fires when all that waited is written, or never will be."""
        return self.outbox.drained()

    def __conform__(self, interface: object) -> Outbox | None:
        """How much was written to it is known to its outbox."""
        return self.outbox if interface is IOutputProgress else None

    def encryption(self) -> str:
        """The version of TLS that is spoken; "" in plain text."""
        return ""

    def queued(self) -> int:
        """Bytes that wait for the client."""
        return self.outbox.waiting

    def serve_with(self, router: Router) -> None:
        """Let this router serve what comes from now on."""
        self.router = router

    def disconnect(self) -> None:
        """Close, once what was delivered is written."""
        self.closed = self.halted = True
        self.factory.openings.end(self._too_slow)
        if self._resting is not None or self._unread:
            self._rested()
            self.transport.resumeProducing()  # or its end would not be seen
        self.outbox.close()

    def goodbye(self) -> None:
        """The server ends."""
        if self.session is not None:
            self.router.chat.close(self.session, "RELOAD", "The server is shutting down. Goodbye!", why="shut down")
        self.disconnect()

    def _too_slow(self) -> None:
        self.router.chat.limits.met["opening"] += 1
        seconds = self.factory.opening_seconds()
        self.refuse(Idle(f"No name came within {seconds:.0f} seconds. Connect again, and send your name first."))

    def _overflowed(self) -> None:
        if self.session is not None:
            goodbye = "You are closed: more waited for you than you read."
            self.router.chat.close(self.session, "SLOW", goodbye, why="did not read what was sent to it")
        self.disconnect()
