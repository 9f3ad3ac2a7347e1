"""Reactor: Twisted's epoll reactor with shortcuts on the way of a chat message.

`twistd lanchat` installs it where there is epoll, unless `--reactor` chose another; on each the server is the same, but slower.
What they gain is in docs/performance.md. Nothing here knows of chat.
"""

from __future__ import annotations

import errno
import socket
import time
from collections.abc import Callable
from select import EPOLLIN, epoll

from twisted.internet import epollreactor, main, tcp
from twisted.internet.interfaces import IListeningPort, IProtocolFactory
from twisted.logger import Logger
from twisted.python import log

#: Events that are taken from the system at once. What a few did is still in the processor's cache when it is answered, and
#: who is first waits for no more than those few; with very few, each turn costs more than what is done in it.
MAX_EVENTS = 32

_log = Logger("lanchat.reactor")


class Server(tcp.Server):
    """An accepted connection that sends at once what the system takes at once.

    Twisted's own would wait for the system to say that it may write, which takes three more calls of the system.
    """

    #: Bytes that are read at once, a quarter of what Twisted reads: what is to be done for them holds up all others.
    bufferSize = 16_384  # noqa: N815 (Twisted names it)

    def doRead(self) -> Exception | None:  # type: ignore[override]  # Twisted promises less than it does
        """Read, and hand it over: two of Twisted's steps in one."""
        try:
            data = self.socket.recv(self.bufferSize)
        except OSError as error:
            return None if error.errno == errno.EWOULDBLOCK else main.CONNECTION_LOST
        if not data:
            return main.CONNECTION_DONE
        self.protocol.dataReceived(data)
        return None

    def write(self, data: bytes) -> None:
        """Send now if nothing waits; what the system does not take waits as it always did."""
        if self.connected and not (self.dataBuffer or self._tempDataBuffer):
            try:
                sent = self.socket.send(data)
            except OSError:
                sent = 0  # what is wrong is seen, and answered, when it is tried the usual way
            if sent == len(data):
                return
            data = data[sent:]
        super().write(data)


class Port(tcp.Port):
    """A listening port whose connections are such."""

    transport = Server


class Stopwatch:
    """An epoll that tells how long it was not asked: that is what a turn takes, from when something happened."""

    def __init__(self, asked: epoll, took: Callable[[float], object]) -> None:
        self._poll, self._took = asked.poll, took
        self._since = time.monotonic()
        self.register, self.modify, self.unregister = asked.register, asked.modify, asked.unregister

    def poll(self, timeout: float, most: int) -> list[tuple[int, int]]:
        """Wait, as the other does."""
        self._took(time.monotonic() - self._since)
        try:
            return self._poll(timeout, most)
        finally:
            self._since = time.monotonic()


class Reactor(epollreactor.EPollReactor):
    """Calls a connection that can be read at once; everything else goes the way it always did."""

    def listenTCP(self, port: int, factory: IProtocolFactory, backlog: int = 50, interface: str = "") -> Port:
        """Listen with our kind of port."""
        listening = Port(port, factory, backlog, interface, self)
        listening.startListening()
        return listening

    def adoptStreamPort(self, fileDescriptor: int, addressFamily: int, factory: IProtocolFactory) -> IListeningPort:  # noqa: N803 (Twisted names them)
        """Listen with our kind of port on a socket that was opened for us, as systemd does."""
        if addressFamily not in (socket.AF_INET, socket.AF_INET6):
            adopted: IListeningPort = super().adoptStreamPort(fileDescriptor, addressFamily, factory)
            return adopted
        listening: Port = Port._fromListeningDescriptor(self, fileDescriptor, addressFamily, factory)  # noqa: SLF001 (as Twisted's own does)
        listening.startListening()
        return listening

    def __init__(self) -> None:
        self._at_turn_end: list[Callable[[], None]] = []
        super().__init__()

    def time_turns(self, took: Callable[[float], object]) -> None:
        """Tell this from now on how many seconds each turn took. Until then a turn has nothing to do with it."""
        self._poller = Stopwatch(self._poller, took)

    def call_at_turn_end(self, call: Callable[[], None]) -> None:
        """Call this, which raises nothing, when all that happened at once has been served: as `callLater(0)`, but cheaper."""
        self._at_turn_end.append(call)

    def _end_turn(self) -> None:
        calls, self._at_turn_end = self._at_turn_end, []
        for call in calls:
            call()

    def doPoll(self, timeout: float | None) -> None:
        """Wait for what happens, and have it served. A readable connection does without the context for old log messages."""
        if self._at_turn_end:
            timeout = 0
        try:
            events = self._poller.poll(-1 if timeout is None else timeout, MAX_EVENTS)
        except OSError as error:
            if error.errno == errno.EINTR:
                return
            raise
        selectables = self._selectables
        for descriptor, event in events:
            selectable = selectables.get(descriptor)
            if event == EPOLLIN and selectable.__class__ is Server:
                why: Exception | None
                try:
                    why = selectable.doRead()
                except Exception as error:  # noqa: BLE001 (as in Twisted: a fault costs the connection in which it happened)
                    _log.failure("a connection was not served")
                    why = error
                if why:
                    self._disconnectSelectable(selectable, why, True)
            elif selectable is not None:
                log.callWithLogger(selectable, self._doReadOrWrite, selectable, descriptor, event)
        if self._at_turn_end:
            self._end_turn()

    doIteration = doPoll  # noqa: N815 (Twisted names it)
