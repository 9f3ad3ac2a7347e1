"""IRC over WebSocket (IRCv3 "WebSocket"): each message is a line without its end, as clients in browsers send it."""

from __future__ import annotations

from lanchat.gateways.outbox import Outbox
from lanchat.gateways.websocket_connection import WebSocketConnection
from lanchat.gateways.websocket_frames import write_binary_message, write_message
from lanchat.irc.connection import IrcProtocol, SecureIrcProtocol
from lanchat.irc.message import MAX_INPUT
from lanchat.protocol.errors import LineTooBig

#: The subprotocols, of which a client asks for one: its lines are in text messages, or in binary ones.
TEXT, BINARY = "text.ircv3.net", "binary.ircv3.net"


class LineOutbox(Outbox):
    """Output in which each line is sent as a message."""

    __slots__ = ("binary",)

    binary: bool

    def send(self, piece: bytes, packets: int = 1) -> None:
        """Queue lines, each with its end."""
        write = write_binary_message if self.binary else write_message
        super().send(b"".join(map(write, piece.split(b"\r\n")[:-1])), packets)

    def send_frames(self, frames: bytes) -> None:
        """Queue frames as they are."""
        super().send(frames)


class IrcWebSocketProtocol(WebSocketConnection, IrcProtocol):  # type: ignore[misc]  # (they have other frames)
    """The connection of an IRC client in a browser."""

    takes_binary = True
    outbox_type = LineOutbox
    outbox: LineOutbox

    def connectionMade(self) -> None:
        """Begin, as other connections do."""
        super().connectionMade()
        self.outbox.binary = self.subprotocol == BINARY

    def messageReceived(self, message: bytes) -> None:
        """Serve a line. An end that is sent nevertheless is left out; within a line, it is a space."""
        line = message.rstrip(b"\r\n").replace(b"\n", b" ")
        if line:
            IrcProtocol.frameReceived(self, line if len(line) <= MAX_INPUT else LineTooBig(""))

    def inputEnded(self) -> None:
        """Serve nothing more: a message that is not complete is none."""

    def send_frames(self, data: bytes) -> None:
        """Send frames as they are."""
        self.outbox.send_frames(data)


class SecureIrcWebSocketProtocol(IrcWebSocketProtocol, SecureIrcProtocol):  # type: ignore[misc]  # (as above)
    """The same over TLS."""
