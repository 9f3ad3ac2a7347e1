"""Twisted's epoll reactor with shorter paths for what every chat message needs.

`twistd lanchat` installs it where epoll exists, unless `--reactor` chose another; with any other the server does the same, but
slower. docs/performance.md has the measurements. This module knows nothing of chat.
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

#: Events that are fetched from the system at once. With few, the data of a request is still in the processor's cache when it is
#: answered, and the first waits for few others; with very few, the fixed cost of a turn prevails.
MAX_EVENTS = 32

#: Bytes of one read, a quarter of Twisted's: processing them holds up all other connections.
MAX_READ = 16_384

_log = Logger("lanchat.reactor")


class Server(tcp.Server):
    """An accepted connection that sends data immediately if the system takes all of it.

    Twisted's own waits until the system reports it writable, which takes three more system calls.
    """

    #: The most bytes of one read; another number for a connection on which a file comes (`lanchat.net.sockets.set_read_size`).
    bufferSize = MAX_READ  # noqa: N815 (Twisted names it)

    def doRead(self) -> Exception | None:  # type: ignore[override]  # Twisted promises less than it does
        """Read, and pass the data on: two steps of Twisted's in one."""
        try:
            data = self.socket.recv(self.bufferSize)
        except OSError as error:
            return None if error.errno == errno.EWOULDBLOCK else main.CONNECTION_LOST
        if not data:
            return main.CONNECTION_DONE
        self.protocol.dataReceived(data)
        return None

    def write(self, data: bytes) -> None:
        """Send now if nothing waits; what the system does not take is queued by Twisted as usual."""
        if self.connected and not (self.dataBuffer or self._tempDataBuffer):
            try:
                sent = self.socket.send(data)
            except OSError:
                sent = 0  # the error comes again, and is handled, on the usual path
            if sent == len(data):
                return
            data = data[sent:]
        super().write(data)


class Port(tcp.Port):
    """A listening port whose connections are of class `Server`."""

    transport = Server


class TimedPoll:
    """An epoll object that measures the seconds from when poll() returns until it is called again: one turn of the reactor."""

    def __init__(self, poller: epoll, on_turn: Callable[[float], object]) -> None:
        self._poll, self._on_turn = poller.poll, on_turn
        self._since = time.monotonic()
        self.register, self.modify, self.unregister = poller.register, poller.modify, poller.unregister

    def poll(self, timeout: float, maxevents: int) -> list[tuple[int, int]]:
        """Wait for events, as `epoll.poll` does."""
        self._on_turn(time.monotonic() - self._since)
        try:
            return self._poll(timeout, maxevents)
        finally:
            self._since = time.monotonic()


class Reactor(epollreactor.EPollReactor):
    """Reads from readable connections directly; all other events take Twisted's path."""

    def listenTCP(self, port: int, factory: IProtocolFactory, backlog: int = 50, interface: str = "") -> Port:
        """Listen on a TCP port with the class `Port`."""
        listening = Port(port, factory, backlog, interface, self)
        listening.startListening()
        return listening

    def adoptStreamPort(self, fileDescriptor: int, addressFamily: int, factory: IProtocolFactory) -> IListeningPort:  # noqa: N803 (Twisted names them)
        """Listen with the class `Port` on a socket that another process opened, such as systemd."""
        if addressFamily not in (socket.AF_INET, socket.AF_INET6):
            adopted: IListeningPort = super().adoptStreamPort(fileDescriptor, addressFamily, factory)
            return adopted
        listening: Port = Port._fromListeningDescriptor(self, fileDescriptor, addressFamily, factory)  # noqa: SLF001 (as Twisted's own does)
        listening.startListening()
        return listening

    def __init__(self) -> None:
        self._at_turn_end: list[Callable[[], None]] = []
        super().__init__()

    def time_turns(self, on_turn: Callable[[float], object]) -> None:
        """Call `on_turn` with the duration in seconds of each turn from now on. Until then, turns are not measured."""
        self._poller = TimedPoll(self._poller, on_turn)

    def call_at_turn_end(self, call: Callable[[], None]) -> None:
        """Call a function, which must not raise, after all events of this turn: like `callLater(0)`, but cheaper."""
        self._at_turn_end.append(call)

    def _end_turn(self) -> None:
        calls, self._at_turn_end = self._at_turn_end, []
        for call in calls:
            call()

    def doPoll(self, timeout: float | None) -> None:
        """Wait for events and handle them. Readable connections skip Twisted's context for legacy log messages."""
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
                except Exception as error:  # noqa: BLE001 (as in Twisted: an error costs only its connection)
                    _log.failure("a connection was not served")
                    why = error
                if why:
                    self._disconnectSelectable(selectable, why, True)
            elif selectable is not None:
                log.callWithLogger(selectable, self._doReadOrWrite, selectable, descriptor, event)
        if self._at_turn_end:
            self._end_turn()

    doIteration = doPoll  # noqa: N815 (Twisted names it)
