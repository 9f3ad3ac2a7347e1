"""The WebSocket gateway: each text message is one packet, as a line of the JSON gateway without its newline."""

from __future__ import annotations

import msgspec

from lanchat.gateways.framing import MAX_OPENING
from lanchat.gateways.websocket_connection import WebSocketConnection
from lanchat.gateways.websocket_frames import write_message
from lanchat.protocol.errors import ChatError
from lanchat.protocol.packet import Packet, PacketRun, ServerPacket, SharedPacket, parse

_encode = msgspec.json.Encoder().encode


class WebSocketProtocol(WebSocketConnection):
    """The connection of a browser, or of another program that speaks WebSocket: first its name, then packets."""

    gateway = "ws"

    def packets_in(self, messages: list[bytes]) -> list[Packet] | None:
        """The packets in messages, if the client has been welcomed, and all are right."""
        if self.session is None or not self.session.greeted:
            return None
        try:
            return [parse(message) for message in messages]
        except ChatError:
            return None

    def messageReceived(self, message: bytes) -> None:
        """Serve the name, which comes first, or a packet."""
        if self.session is None:
            self._serve_name(message)
        else:
            self.router.receive(self.session, _packet(message))

    def _serve_name(self, message: bytes) -> None:
        try:
            self.open(message[:MAX_OPENING].decode(errors="replace")).framed = True
        except ChatError as error:
            self.refuse(error)

    def served(self) -> None:
        """Welcome a client that sent no hello with its name."""
        if self.session is not None and not self.session.greeted:
            self.router.chat.greet(self.session)

    def deliver(self, packet: ServerPacket) -> None:
        """Send a packet as a text message, in the form for this client."""
        session = self.session
        sees_x = session is not None and session.caps is not None and session.sees_x(packet)
        if self.outbox.paused and self.omits(packet):
            return
        encode = _frame if sees_x else _classic_frame
        self.outbox.send(packet.encoded(encode) if isinstance(packet, SharedPacket) else encode(packet))

    def deliver_events(self, run: PacketRun) -> None:
        """Send events that many others are sent, too."""
        session = self.session
        sees_x = session is not None and session.caps is not None and session.sees_x(run.packets[0])
        self.outbox.send(run.encoded(_frame if sees_x else _classic_frame), len(run.packets))


class SecureWebSocketProtocol(WebSocketProtocol):
    """A WebSocket over TLS."""

    gateway = "wss"


def _frame(packet: ServerPacket) -> bytes:
    """A packet as a text message."""
    return write_message(_encode(packet))


def _classic_frame(packet: ServerPacket) -> bytes:
    """A packet without `x` as a text message."""
    return write_message(_encode(packet if packet.x is None else Packet(packet.from_, packet.to, packet.msg)))


def _packet(message: bytes) -> Packet | ChatError:
    """The packet, or what is wrong with it."""
    try:
        return parse(message)
    except ChatError as error:
        return error
