"""Receipts: which of the messages to a classic client have been written to its connection.

A classic client acknowledges nothing, so what was written to it counts as read (docs/keeping.md). What still waited in the
server when its connection broke was not written, and is shown at the next login.
"""

from __future__ import annotations

from collections import deque

from lanchat.protocol.interfaces import IOutputProgress

#: How many messages are remembered before those are forgotten that have been written.
_MANY = 64


class Receipts:
    """The messages that one session was sent, and at which byte of its output each ends."""

    __slots__ = ("_connection", "_sent", "_written")

    def __init__(self, connection: IOutputProgress, seq: int) -> None:
        """The client has all messages up to the number `seq` already."""
        self._connection = connection
        self._sent: deque[tuple[int, int]] = deque()
        self._written = seq

    def sent(self, seq: int) -> None:
        """Note that the client was sent all its messages up to this number."""
        self._sent.append((seq, self._connection.bytes_delivered()))
        if len(self._sent) > _MANY:
            self._look()

    @property
    def written(self) -> int:
        """The number up to which all messages have been written."""
        self._look()
        return self._written

    async def finished(self) -> int:
        """Wait until nothing more will be written; returns the number up to which all messages were."""
        await self._connection.all_written()
        return self.written

    def _look(self) -> None:
        written, sent = self._connection.bytes_written(), self._sent
        while sent and sent[0][1] <= written:
            self._written = max(self._written, sent.popleft()[0])
