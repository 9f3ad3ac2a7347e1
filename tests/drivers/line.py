"""Line: a connection between a client and the server's gateway, in memory, as fast or slow as the driver says."""

from __future__ import annotations

import re
from typing import Protocol

from twisted.internet.address import IPv4Address
from twisted.internet.error import ConnectionDone, ConnectionLost
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure

from lanchat.gateways.connection import Connection
from lanchat.gateways.factory import ChatFactory
from lanchat.gateways.json_protocol import ChatProtocol
from lanchat.net.admission import Admission
from tests.drivers.core import Core

#: Bytes that a line takes before it tells the server to wait: as much as a system's buffers hold, but less.
BUFFER = 1500
#: An acknowledgement of a place in the log, on its way to the server.
_ACK = re.compile(rb'"/ack".*?"seq":(\d+)')


class Far(Protocol):
    """The client's end of a line."""

    def came(self, data: bytes) -> None:
        """These bytes came."""

    def lost(self) -> None:
        """The line is broken, or was closed."""


class Transport(StringTransport):
    """What the server writes to. What it wrote waits here until it is carried."""

    def __init__(self, line: Line) -> None:
        super().__init__(peerAddress=IPv4Address("TCP", "10.0.0.7", 40000), lenient=True)
        self._line = line

    def write(self, data: bytes) -> None:
        """Take these bytes, and ask for no more if it is too much."""
        if self._line.open and not self.disconnecting:
            self._line.down += data
            self._line.written += data
            if len(self._line.down) > BUFFER and self.producer is not None and not self._line.full:
                self._line.full = True
                self.producer.pauseProducing()

    def abortConnection(self) -> None:
        """The server hangs up at once."""
        super().abortConnection()
        self._line.down.clear()


class Line:
    """One connection."""

    def __init__(self, core: Core, far: Far, slow: bool) -> None:
        """A `slow` line carries little to the client at a time."""
        self.open, self.full, self.slow = True, False, slow
        #: Whether the client hangs up, once what it wrote is carried.
        self.hanging_up = False
        self.up, self.down = bytearray(), bytearray()
        #: When all that the server wrote had come last, in the driver's seconds.
        self.empty_at = core.time.seconds
        #: All that the server wrote, and the places that it was told to be acknowledged.
        self.written = bytearray()
        self.acknowledged: list[int] = []
        self._core, self._far = core, far
        self.transport = Transport(self)
        factory = ChatFactory(
            ChatProtocol, core.router, Admission(core.router.chat.limits, core.clock, None, core.router.chat.counts)
        )
        connection = factory.buildProtocol(None)
        assert isinstance(connection, Connection)
        self.connection = connection
        connection.makeConnection(self.transport)

    def carry_up(self) -> None:
        """Carry what the client wrote, if the server reads."""
        while self.open and self.up and self.transport.producerState == "producing" and not self.transport.disconnecting:
            data = bytes(self.up[:4096])
            del self.up[:4096]
            self.acknowledged += [int(found) for found in _ACK.findall(data)]
            self.connection.dataReceived(data)
        if self.hanging_up:
            self.cut()

    def carry_down(self, most: int) -> None:
        """Carry so many bytes of what the server wrote."""
        if not self.open:
            return
        data = bytes(self.down[:most])
        del self.down[:most]
        if data:
            self._far.came(data)
        if not self.down:
            self.empty_at = self._core.time.seconds
        if not self.down and self.full:
            self.full = False
            if self.transport.producer is not None:
                self.transport.producer.resumeProducing()
        if not self.down and self.transport.disconnecting and self.open:
            self._close(Failure(ConnectionDone()))

    def cut(self) -> None:
        """Break it; what is on its way is lost."""
        if self.open:
            self._close(Failure(ConnectionLost()))

    def drop(self) -> None:
        """The server's process is gone; it notices nothing."""
        if self.open:
            self.open = False
            self._far.lost()

    def _close(self, why: Failure) -> None:
        self.open = False
        self.connection.connectionLost(why)
        self._far.lost()
