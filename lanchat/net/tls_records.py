"""Records: where the records of TLS begin in what comes over a connection (RFC 8446, 5.1)."""

from __future__ import annotations

from lanchat.protocol.limits import READ_OVERHEAD

#: Bytes that are read of one connection in one turn: few, as hundreds of records without content may be in them.
READ_SIZE = 2048
#: Bytes in the head of a record; the last two say how many bytes follow.
HEAD = 5


class TLSRecords:
    """Counts the records of one connection, however the network has cut them."""

    __slots__ = ("_cut", "_left")

    def __init__(self) -> None:
        self._cut = b""  # the beginning of a head
        self._left = 0  # bytes of a record that are still to come

    def cost(self, data: bytes) -> int:
        """What these bytes take of the limit `bytes`."""
        return len(data) + READ_OVERHEAD * self.count(data)

    def count(self, data: bytes) -> int:
        """How many heads of records these bytes complete."""
        if len(data) < self._left:
            self._left -= len(data)
            return 0
        data, at, count = self._cut + data, self._left, 0
        while at + HEAD <= len(data):
            at += HEAD + (data[at + 3] << 8) + data[at + 4]
            count += 1
        self._cut, self._left = data[at:], max(at - len(data), 0)
        return count
