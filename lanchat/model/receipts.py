"""Receipts: how much of what was sent to a classic client has been written to its connection.

A classic client acknowledges nothing, so what was written to it counts as read (docs/keeping.md). What still waited in the
server when its connection broke was not written, and is shown to it at its next login.
"""

from __future__ import annotations

from collections import deque

from lanchat.protocol.interfaces import IOutputProgress

#: Places that are remembered before it is looked whether they have been written by now.
_MANY = 64


class Receipts:
    """The places in the log that one session was sent, and how many bytes its connection had to write up to each."""

    __slots__ = ("_connection", "_sent", "_written")

    def __init__(self, connection: IOutputProgress, seq: int) -> None:
        """Up to the place `seq` the client has everything already."""
        self._connection = connection
        self._sent: deque[tuple[int, int]] = deque()
        self._written = seq

    def sent(self, seq: int) -> None:
        """The client has been sent everything up to this place that it is owed."""
        self._sent.append((seq, self._connection.bytes_delivered()))
        if len(self._sent) > _MANY:
            self._look()

    @property
    def written(self) -> int:
        """The place up to which everything that was sent has been written."""
        self._look()
        return self._written

    async def finished(self) -> int:
        """Wait until nothing more will be written; the place up to which everything was."""
        await self._connection.all_written()
        return self.written

    def _look(self) -> None:
        written, sent = self._connection.bytes_written(), self._sent
        while sent and sent[0][1] <= written:
            self._written = max(self._written, sent.popleft()[0])
