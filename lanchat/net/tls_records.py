"""Finds the records of TLS in the bytes of a connection, to charge for each (RFC 8446, 5.1)."""

from __future__ import annotations

from lanchat.protocol.limits import READ_OVERHEAD

#: Bytes of one read from a TLS connection: few, as they may contain hundreds of empty records.
READ_SIZE = 2048
#: Bytes of a record's header; its last two say how many bytes follow.
HEADER = 5


class TLSRecords:
    """Counts the records of one connection, however the network splits them."""

    __slots__ = ("_cut", "_left")

    def __init__(self) -> None:
        self._cut = b""  # the beginning of an incomplete header
        self._left = 0  # bytes of the current record that are still to come

    def cost(self, data: bytes) -> int:
        """What these bytes cost of the limit `bytes`."""
        return len(data) + READ_OVERHEAD * self.count(data)

    def count(self, data: bytes) -> int:
        """The number of record headers that these bytes complete."""
        if len(data) < self._left:
            self._left -= len(data)
            return 0
        data, at, count = self._cut + data, self._left, 0
        while at + HEADER <= len(data):
            at += HEADER + (data[at + 3] << 8) + data[at + 4]
            count += 1
        self._cut, self._left = data[at:], max(at - len(data), 0)
        return count
