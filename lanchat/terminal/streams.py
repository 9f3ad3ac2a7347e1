"""Streams: the client's stdin and stdout on the reactor, neither of which may block it.

Twisted's own `StandardIO` takes every error for an end. Here it is told which it was, and how much waits to be written.
"""

from __future__ import annotations

import os
import select
from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred, succeed
from twisted.internet.main import CONNECTION_DONE, CONNECTION_LOST
from twisted.internet.process import ProcessReader, ProcessWriter

#: Bytes that are read at a time.
CHUNK = 65536


class Input(ProcessReader):
    """Stdin. The pipe that reads it is told `childDataReceived`, and at the end `childConnectionLost`."""

    def __init__(self, reactor: Any, pipe: Any, descriptor: int) -> None:
        #: Why it could not be read to its end, if so.
        self.error: OSError | None = None
        super().__init__(reactor, pipe, "read", descriptor)

    def doRead(self) -> Any:
        """There is something to read, or it is at its end."""
        try:
            data = os.read(self.fd, CHUNK)
        except (BlockingIOError, InterruptedError):
            return None
        except OSError as error:
            self.error = error
            return CONNECTION_LOST
        return self.dataReceived(data) if data else CONNECTION_DONE


class Output(ProcessWriter):
    """Stdout. The pipe that writes to it is told `childConnectionLost` when it takes no more."""

    def __init__(self, reactor: Any, pipe: Any, descriptor: int, caught_up: Callable[[], None]) -> None:
        """`caught_up` is called each time when nothing waits any more."""
        #: Why it takes no more, if it said so.
        self.error: OSError | None = None
        #: Bytes that it has not taken yet.
        self.waiting = 0
        self._caught_up = caught_up
        self._written: Deferred[None] | None = None
        super().__init__(reactor, pipe, "write", descriptor)

    @property
    def is_pipe(self) -> bool:
        """Whether another program reads it, which may end at any time."""
        return bool(self.enableReadHack)

    def write(self, data: bytes) -> None:
        """Write this as soon as it is taken."""
        self.waiting += len(data)
        super().write(data)

    def flush(self) -> bool:
        """Write what is taken at once; whether all has been, and there is somebody yet who reads it."""
        while self.waiting and self.connected:
            before = self.waiting
            self.doWrite()
            if self.waiting == before:
                break
        return self.waiting == 0 and self.error is None and not self._is_abandoned()

    def written(self) -> Deferred[None]:
        """Fires when nothing waits any more, or it takes no more."""
        if not self.waiting or not self.connected:
            return succeed(None)
        self._written = self._written or Deferred()
        return self._written

    def leave(self) -> None:
        """Write no more, and look no more whether there is a reader."""
        self.unregisterProducer()
        self.stopWriting()
        self.stopReading()

    def writeSomeData(self, data: bytes) -> Any:
        """Write what is taken of this; how many bytes that is."""
        try:
            taken = os.write(self.fd, data)
        except (BlockingIOError, InterruptedError):
            return 0
        except OSError as error:
            self.error = error
            return CONNECTION_LOST
        self.waiting -= taken
        return taken

    def doWrite(self) -> Any:
        """Called by the reactor when the descriptor can be written: write what waits, and tell when all is written."""
        result = super().doWrite()
        if not self.waiting:
            if self.enableReadHack:
                self.startReading()  # which tells when the reader goes
            self._caught_up()
            self._tell_written()
        return result

    def connectionLost(self, reason: Any) -> None:
        """It takes no more, or we want no more of it."""
        super().connectionLost(reason)
        self._tell_written()

    def _is_abandoned(self) -> bool:
        """Whether the reader of a pipe or socket has gone, or the terminal was hung up."""
        poll = select.poll()
        poll.register(self.fd, 0)
        return any(event & (select.POLLERR | select.POLLHUP) for _, event in poll.poll(0))

    def _tell_written(self) -> None:
        written, self._written = self._written, None
        if written is not None:
            written.callback(None)
