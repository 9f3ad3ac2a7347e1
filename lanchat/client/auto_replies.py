"""Replies that the client sends by itself: to pings, and acknowledgements of what was displayed."""

from __future__ import annotations

from lanchat.client.interfaces import ServerConnection
from lanchat.protocol.extensions import X
from lanchat.protocol.packet import Packet, Sender


class AutoReplies:
    """Replies that wait to be written: of each command only the newest, so a server that does not read gets one."""

    def __init__(self) -> None:
        self._waiting: dict[str, bytes] = {}

    def queue(self, command: str, x: X) -> None:
        """Queue a reply. It replaces one with the same command that was not written yet."""
        self._waiting[command] = Packet(Sender("", ""), command, "", x).line

    def write(self, connection: ServerConnection | None) -> None:
        """Write the replies that wait, until the connection's buffer is full."""
        while self._waiting and connection is not None and not connection.full:
            connection.write(self._waiting.pop(next(iter(self._waiting))))

    def disconnected(self) -> None:
        """Drop all replies: they were meant for the connection that has ended."""
        self._waiting.clear()
