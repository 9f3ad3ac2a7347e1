"""WebSocketConnection: what connections over WebSocket (RFC 6455) have in common, whatever is in their messages.

The HTTP request that opens a WebSocket is served by lanchat/webchat; a connection begins here once that is answered.
"""

from __future__ import annotations

import logging
from abc import abstractmethod
from collections.abc import Iterator
from itertools import chain
from typing import Any, TypeAlias

from websockets.frames import CTRL_OPCODES, CloseCode, Opcode
from websockets.protocol import State
from websockets.server import ServerProtocol

from lanchat.core.router import Router
from lanchat.gateways.certified import Certified
from lanchat.gateways.input import NO_PACKETS, Split
from lanchat.gateways.websocket_frames import read_messages, size_from_client
from lanchat.protocol.errors import BadPacket, RateLimited
from lanchat.protocol.packet import MAX_BLOCK, MAX_PACKET, Packet, visible

#: The close codes for the codes of errors; those from 4000 on are our own, as some engines hide codes that they don't know
#: (WebKitGTK: 1012 to 1014). Any other error closes with `POLICY_VIOLATION` (1008).
CLOSE_CODES: dict[str, int] = {
    "GONE": CloseCode.NORMAL_CLOSURE,
    "RELOAD": CloseCode.GOING_AWAY,
    "INTERNAL": CloseCode.INTERNAL_ERROR,
    "SLOW": 4008,
    "IDLE": 4009,
    "FULL": 4013,
}
#: The longest reason in a close frame, in bytes (RFC 6455, 5.5.1).
MAX_REASON = 123
#: Frames that are served before the first message: each is a part of it, a ping or a pong, and no name takes so many.
MAX_OPENING_FRAMES = 64

#: What `split` makes: a message; None for a frame that completes none; or how the client's messages ended.
Received: TypeAlias = "bytes | ConnectionEnded | None"

#: For the library, which would log each connection.
SILENT = logging.getLogger("lanchat.websockets")
SILENT.disabled = True


class ConnectionEnded:
    """Stands after the last frame: the client closed, or sent what is no WebSocket. `reason` is the latter, for the log."""

    def __init__(self, reason: str) -> None:
        self.reason = reason


class WebSocketConnection(Certified):
    """A connection over WebSocket. A subclass adds what is in the messages: `messageReceived` and `deliver`."""

    is_new = False  # it has been counted since its HTTP request came
    #: Whether binary messages are taken, too.
    takes_binary = False
    #: The subprotocol that was agreed on (RFC 6455, 1.9), if any.
    subprotocol = ""
    _opening_frames = 0

    def __init__(self, router: Router) -> None:
        super().__init__(router)
        self._codec = ServerProtocol(state=State.OPEN, max_size=MAX_PACKET, logger=SILENT)
        self._in_codec = 0  # how many bytes the codec has got of frames that are not complete
        self._message = b""  # the parts of a fragmented message that have come

    def split(self, data: bytes) -> Split:
        """Split bytes into messages. Pings are answered."""
        data, rest = data[:MAX_BLOCK], data[MAX_BLOCK:]
        codec = self._codec
        messages, end = ([], 0) if self._in_codec or codec.current_size is not None else read_messages(data)
        if end == len(data):
            packets = self.packets_in(messages)
            return (NO_PACKETS, iter(messages), rest) if packets is None else (packets, None, rest)
        codec.receive_data(data[end:])
        frames: list[Any] = codec.events_received()
        self._in_codec += len(data) - end - sum(map(size_from_client, frames))
        if codec.state is not State.OPEN:  # (what is to be written then is the last, after the answers to these)
            return NO_PACKETS, chain(messages, self._messages(frames)), b""
        if pongs := codec.data_to_send():
            self.send_frames(b"".join(pongs))
        return NO_PACKETS, chain(messages, self._messages(frames)), rest

    def _messages(self, frames: list[Any]) -> Iterator[Received]:
        """The messages that frames complete, in their order. Every frame gives something, so that each is charged for."""
        for frame in frames:
            if frame.opcode is Opcode.BINARY and not self.takes_binary:
                self._codec.fail(CloseCode.UNSUPPORTED_DATA, "Send text messages, each with one packet.")
                break
            if frame.opcode in CTRL_OPCODES:
                yield None
                continue
            self._message += frame.data
            if frame.fin:
                message, self._message = self._message, b""
                yield message
            else:
                yield None
        if self._codec.state is not State.OPEN:
            yield ConnectionEnded(self._fault())

    def _fault(self) -> str:
        """What was wrong with what the client sent; "" if it closed the connection in good order."""
        sent = self._codec.close_sent
        return "" if sent is None or self._codec.close_rcvd is not None else f"{sent.code} {sent.reason}"

    def packets_in(self, messages: list[bytes]) -> list[Packet] | None:
        """The packets in messages that came together, if they can all be made at once; otherwise each is served as a frame."""
        return None

    def frameReceived(self, frame: Received) -> None:
        """Serve a message, or the end. What is no whole message is counted until the client has a name."""
        if isinstance(frame, ConnectionEnded):
            self._input_ended(frame.reason)
        elif frame is not None:
            self.messageReceived(frame)
        elif self.session is None:
            self._opening_frames += 1
            if self._opening_frames > MAX_OPENING_FRAMES:
                self.refuse(RateLimited("Too many frames came before a name. Connect again and send your name first."))

    @abstractmethod
    def messageReceived(self, message: bytes) -> None:
        """Serve a whole message, of which the parts are joined."""

    def send_frames(self, data: bytes) -> None:
        """Send frames as they are."""
        self.outbox.send(data)

    def _input_ended(self, fault: str) -> None:
        """Serve what came before the client's close frame, or refuse the rest of what is no WebSocket; then close."""
        self._unserved = b""
        if fault and self.session is None:
            self.refuse(BadPacket(f"That is not what a WebSocket sends here: {visible(fault, 100)}"))
            return
        if fault:
            self.leave(f"sent what is no WebSocket message of ours: {visible(fault, 100)}", BadPacket.code)
        self.end_input()

    def disconnect(self, code: str = "", reason: str = "") -> None:
        """Close the connection when all that was delivered is written, with a close frame that says why."""
        if self._codec.state is State.OPEN and code:
            told = reason.encode()[:MAX_REASON].decode(errors="ignore")
            self._codec.send_close(CLOSE_CODES.get(code, CloseCode.POLICY_VIOLATION), told)
        super().disconnect(code, reason)

    def end_output(self) -> None:
        """Send a close frame: the answer to the client's, what was wrong with its last frame, or why the server closes."""
        if self._codec.state is State.OPEN:
            self._codec.send_close(CloseCode.NORMAL_CLOSURE)
        if data := b"".join(self._codec.data_to_send()):
            self.send_frames(data)
