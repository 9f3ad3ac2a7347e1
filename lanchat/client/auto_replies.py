"""Answers: what the client says to the server by itself, unasked by any person."""

from __future__ import annotations

from lanchat.client.interfaces import Wire
from lanchat.protocol.packet import Packet, Sender, X


class Answers:
    """What is still owed to the server: of each command only the newest, so a server that asks and does not read gets one."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._waiting: dict[str, bytes] = {}

    def owe(self, command: str, x: X) -> None:
        """Say this, in place of the same command with other arguments if that has not been written yet."""
        self._waiting[command] = Packet(Sender(self._name, ""), command, "", x).line

    def write(self, wire: Wire | None) -> None:
        """Write what is owed, as far as the connection takes it."""
        while self._waiting and wire is not None and not wire.full:
            wire.write(self._waiting.pop(next(iter(self._waiting))))

    def lost(self) -> None:
        """The connection is gone, and what was owed on it."""
        self._waiting.clear()
