"""The JSON gateway: packets as lines, and the first clients' packets without newlines (docs/protocol.md)."""

from __future__ import annotations

from functools import cached_property

from twisted.internet.protocol import connectionDone
from twisted.python.failure import Failure

from lanchat.core.router import Router
from lanchat.gateways.connection import Connection
from lanchat.gateways.framing import Framing
from lanchat.gateways.input import NO_PACKETS, Split
from lanchat.gateways.json_objects import Frame
from lanchat.gateways.lines import Lines, split
from lanchat.gateways.other_protocols import BEGINNING
from lanchat.gateways.pacing import Pacing
from lanchat.protocol.errors import ChatError
from lanchat.protocol.interfaces import DelayedCall
from lanchat.protocol.packet import MAX_BLOCK, SERVER, Packet, PacketRun, ServerPacket, SharedPacket, parse, parse_lines


class ChatProtocol(Connection):
    """The connection of a client that speaks JSON: classic, capable or unframed."""

    gateway = "json"

    def __init__(self, router: Router) -> None:
        super().__init__(router)
        self._framing = Framing()
        self._silence: DelayedCall | None = None
        # The reader of lines, once the client is welcomed and sends only those; and whether its hello was accepted.
        self._lines: Lines | None = None
        self._capable = False

    @cached_property
    def _pacing(self) -> Pacing:
        """Sends packets to a client that is not known to read lines."""
        return Pacing(self.outbox, self.router.chat.limits, self._tell)

    def split(self, data: bytes) -> Split:
        """Split bytes into the name, then packets. Packets are made of lines at once, if there is nothing unusual in them."""
        if self._silence is not None:
            self._ignore_silence()
        lines = self._lines
        if lines is None:
            return NO_PACKETS, self._framing.feed(data), b""
        rest = b""
        size = len(data)
        if size > MAX_BLOCK and (end := data.rfind(b"\n", 0, MAX_BLOCK) + 1):
            data, rest = data[:end], data[end:]
        if size <= MAX_BLOCK and data[-1:] == b"\n" and not lines.rest and not lines.skipping:
            block: bytes | None = data
        else:
            block = lines.block(data)
        if block is None:
            return NO_PACKETS, map(_packet, lines.feed(data)), rest
        packets = parse_lines(block)
        return (NO_PACKETS, map(_packet, split(block)), rest) if packets is None else (packets, None, rest)

    def deliver(self, packet: ServerPacket) -> None:
        """Send a packet in the form for this client."""
        session = self.session
        sees_x = session is not None and session.caps is not None and session.sees_x(packet)
        if sees_x and not self._capable:
            self._hello_accepted()
        if self.outbox.paced and not sees_x:
            self._pacing.send(packet)
        elif isinstance(packet, SharedPacket):
            if self.outbox.paused and self.omits(packet):
                return
            self.outbox.send(packet.line if sees_x else packet.classic)
        elif sees_x or packet.x is None:
            self.outbox.send_lines([packet])
        else:
            self.outbox.send(packet.classic)

    def deliver_all(self, packets: list[ServerPacket]) -> None:
        """Send packets that differ in their text and their ids only, all at once if this client reads lines."""
        session, first = self.session, packets[0]
        capable = self._capable and session is not None and session.sees_x(first)
        if self.outbox.paced or not (capable or first.x is None):
            super().deliver_all(packets)
        else:
            self.outbox.send_lines(packets)

    def deliver_events(self, run: PacketRun) -> None:
        """Send events that many others are sent, too, all at once if this client reads lines."""
        session = self.session
        if self._capable and session is not None and session.sees_x(run.packets[0]):
            self.outbox.send(run.encoded(_line), len(run.packets))
        else:
            super().deliver_events(run)

    def disconnect(self, code: str = "", reason: str = "") -> None:
        """Close the connection, and don't wait for silence any more."""
        self._ignore_silence()
        super().disconnect(code, reason)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """End the session, and don't wait for silence any more."""
        self._ignore_silence()
        super().connectionLost(reason)

    def inputEnded(self) -> None:
        """Serve a last packet that has no newline."""
        if not self.closed and self._framing.patience is not None:
            self._complete()

    def frameReceived(self, frame: Frame | Packet | ChatError) -> None:
        """Serve the name, which comes first, or a packet."""
        self._match_pace()
        if self.session is not None:
            if frame:  # (not after a step that completed no frame)
                self.router.receive(self.session, _packet(frame))
            return
        name = frame if type(frame) is bytes else b""
        if begins := BEGINNING.match(name):
            self.refuse_protocol(begins)
            return
        try:
            self.open(name.decode(errors="replace"))
        except ChatError as error:
            self.refuse(error)

    def served(self) -> None:
        """Welcome a client that sent no hello with its name; and wait for silence, if that could end a frame."""
        if self._lines is not None and not self._lines.rest:
            return
        if self.session is not None:
            self._match_pace()
            self.router.chat.greet(self.session)
            self._lines = self._framing.lines
        if (patience := self._framing.patience) is not None and not self.closed:
            self._silence = self.router.chat.clock.callLater(patience, self._silence_is_over)

    def _tell(self, text: str) -> None:
        to = "Guest" if self.session is None else self.session.name.shown
        self.deliver(ServerPacket(SERVER, to, text))

    def _match_pace(self) -> None:
        """Pace the output while the client is not known to read lines."""
        framed = self._framing.framed
        if self.outbox.paced is framed:
            self.outbox.pace(not framed)
        if self.session is not None:
            self.session.framed = framed

    def _hello_accepted(self) -> None:
        """Read and write lines from now on, as the client's hello was accepted, whatever it seemed to be before."""
        self._capable = True
        self._framing.become_framed()
        self._match_pace()

    def _silence_is_over(self) -> None:
        """Read once more before silence counts: the server may have been too busy to read bytes that came in time."""
        self._silence = self.router.chat.clock.callLater(0, self._silent)

    def _silent(self) -> None:
        if self._resting is None and not self._unserved and not self.halted:  # (otherwise bytes came that are not served yet)
            self._complete()
            self.serve(self._seconds())

    def _complete(self) -> None:
        """Serve next what silence has completed."""
        self._frames = self._framing.silence()

    def _ignore_silence(self) -> None:
        if self._silence is not None and self._silence.active():
            self._silence.cancel()
        self._silence = None


def _packet(frame: Frame | Packet | ChatError) -> Packet | ChatError:
    """Parse a frame, unless that is done; returns the packet, or the error."""
    if not isinstance(frame, bytes):
        return frame
    try:
        return parse(frame)
    except ChatError as error:
        return error


def _line(packet: ServerPacket) -> bytes:
    """A packet as capable clients read it."""
    return packet.line
