"""The JSON gateway: packets on lines, and the first clients' packets without any (docs/protocol.md)."""

from __future__ import annotations

from functools import cached_property

from twisted.internet.protocol import connectionDone
from twisted.python.failure import Failure

from lanchat.core.router import Router
from lanchat.gateways.connection import Connection
from lanchat.gateways.framing import Framing
from lanchat.gateways.input import Frames
from lanchat.gateways.json_objects import Frame
from lanchat.gateways.lines import Lines, split
from lanchat.gateways.other_protocols import BEGINNING
from lanchat.gateways.pacing import Pacing
from lanchat.protocol.errors import ChatError
from lanchat.protocol.interfaces import DelayedCall
from lanchat.protocol.packet import MAX_MSG, SERVER, Packet, ServerPacket, SharedPacket, parse, parse_lines


class ChatProtocol(Connection):
    """One client that speaks JSON, classic, capable or unframed."""

    gateway = "json"

    def __init__(self, router: Router) -> None:
        super().__init__(router)
        self._framing = Framing()
        self._silence: DelayedCall | None = None
        #: The reader of its lines, once it has a name and sends nothing else; and whether it has said hello. Both stay so.
        self._lines: Lines | None = None
        self._capable = False

    @cached_property
    def _pacing(self) -> Pacing:
        """What goes to it while it is not known to read lines."""
        return Pacing(self.outbox, self.router.chat.limits, self._tell)

    def frames(self, data: bytes) -> Frames:
        """Lines, or objects; from a client that is known to send lines they are packets already, if nothing is unusual."""
        if self._silence is not None:
            self._hush()
        lines = self._lines
        if lines is None:
            return self._framing.feed(data)
        size = len(data)
        if size > MAX_MSG and (end := data.rfind(b"\n", 0, MAX_MSG) + 1):
            data, self._unserved = data[:end], data[end:] + self._unserved
        if size <= MAX_MSG and data[-1:] == b"\n" and not lines.rest and not lines.skipping:
            block: bytes | None = data
        else:
            block = lines.block(data)
        if block is None:
            return map(_packet, lines.feed(data))
        packets = parse_lines(block)
        return map(_packet, split(block)) if packets is None else packets

    def deliver(self, packet: ServerPacket) -> None:
        """Write a packet as this client reads them."""
        session = self.session
        sees_x = session is not None and session.caps is not None and session.sees_x(packet)
        if sees_x and not self._capable:
            self._become_capable()
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
        """Write packets that are alike, all at once if this client reads lines."""
        session, first = self.session, packets[0]
        capable = self._capable and session is not None and session.sees_x(first)
        if self.outbox.paced or not (capable or first.x is None):
            super().deliver_all(packets)
        else:
            self.outbox.send_lines(packets)

    def disconnect(self) -> None:
        """What silence would mean is of no interest any more."""
        self._hush()
        super().disconnect()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """What was not ended by now is nothing."""
        self._hush()
        super().connectionLost(reason)

    def inputEnded(self) -> None:
        """A packet without its newline may be the last."""
        if not self.closed and self._framing.patience is not None:
            self._complete()

    def frameReceived(self, frame: Frame | Packet | ChatError) -> None:
        """The name first, then packets."""
        self._match_pace()
        if self.session is not None:
            if frame:  # or it was only work
                self.router.receive(self.session, _packet(frame))
            return
        name = frame if type(frame) is bytes else b""
        if begins := BEGINNING.match(name):
            self.misdirect(begins)
            return
        try:
            self.open(name.decode(errors="replace"))
        except ChatError as error:
            self.refuse(error)

    def served(self) -> None:
        """All that came is served: who said no hello is welcomed now, and from here on silence may mean something."""
        if self._lines is not None and not self._lines.rest:
            return
        if self.session is not None:
            self._match_pace()
            self.router.chat.greet(self.session)
            self._lines = self._framing.lines
        if (patience := self._framing.patience) is not None and not self.closed:
            self._silence = self.router.chat.clock.callLater(patience, self._look_again)

    def _tell(self, text: str) -> None:
        to = "Guest" if self.session is None else self.session.name.shown
        self.deliver(ServerPacket(SERVER, to, text))

    def _match_pace(self) -> None:
        """A client that was not seen to read lines gets its packets one at a time."""
        framed = self._framing.framed
        if self.outbox.paced is framed:
            self.outbox.pace(not framed)
        if self.session is not None:
            self.session.framed = framed

    def _become_capable(self) -> None:
        """It said hello: a capable client reads and writes lines, whatever it was taken for before."""
        self._capable = True
        self._framing.become_framed()
        self._match_pace()

    def _look_again(self) -> None:
        """Time is up; but a busy server may have let bytes wait that break the silence, so let it read once more."""
        self._silence = self.router.chat.clock.callLater(0, self._silent)

    def _silent(self) -> None:
        if self._resting is None and not self._unserved and not self.halted:  # or it was no silence, we only have not looked
            self._complete()
            self.serve(self._seconds())

    def _complete(self) -> None:
        """Let what silence completes be served next."""
        self._frames = self._framing.silence()

    def _hush(self) -> None:
        if self._silence is not None and self._silence.active():
            self._silence.cancel()
        self._silence = None


def _packet(frame: Frame | Packet | ChatError) -> Packet | ChatError:
    """What a frame is: a packet, or what is wrong with it."""
    if not isinstance(frame, bytes):
        return frame
    try:
        return parse(frame)
    except ChatError as error:
        return error
