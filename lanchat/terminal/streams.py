"""The client's stdin and stdout on the reactor, neither of which may block it.

Twisted's `StandardIO` treats every error as the end. These classes keep the error, and the number of bytes that wait.
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


class StdinReader(ProcessReader):
    """Stdin. It calls `childDataReceived` of the pipe, and `childConnectionLost` at the end."""

    def __init__(self, reactor: Any, pipe: Any, descriptor: int) -> None:
        #: The error that ended the input; None at a regular end.
        self.error: OSError | None = None
        super().__init__(reactor, pipe, "read", descriptor)

    def doRead(self) -> Any:
        """Read what is there, or note the end. Called by the reactor."""
        try:
            data = os.read(self.fd, CHUNK)
        except (BlockingIOError, InterruptedError):
            return None
        except OSError as error:
            self.error = error
            return CONNECTION_LOST
        return self.dataReceived(data) if data else CONNECTION_DONE


class StdoutWriter(ProcessWriter):
    """Stdout. It calls `childConnectionLost` of the pipe when it is closed."""

    def __init__(self, reactor: Any, pipe: Any, descriptor: int, caught_up: Callable[[], None]) -> None:
        """`caught_up` is called whenever everything is written."""
        #: The error that ended the output; None if there was none.
        self.error: OSError | None = None
        #: Bytes that are not written yet.
        self.waiting = 0
        self._caught_up = caught_up
        self._written: Deferred[None] | None = None
        super().__init__(reactor, pipe, "write", descriptor)

    @property
    def is_pipe(self) -> bool:
        """Whether another program reads the output, which may end at any time."""
        return bool(self.enableReadHack)

    def write(self, data: bytes) -> None:
        """Write bytes, as soon as there is room."""
        self.waiting += len(data)
        super().write(data)

    def flush(self) -> bool:
        """Write what there is room for now; whether everything is written and somebody still reads it."""
        while self.waiting and self.connected:
            before = self.waiting
            self.doWrite()
            if self.waiting == before:
                break
        return self.waiting == 0 and self.error is None and not self._is_abandoned()

    def written(self) -> Deferred[None]:
        """Fires when everything is written, or the output is closed."""
        if not self.waiting or not self.connected:
            return succeed(None)
        self._written = self._written or Deferred()
        return self._written

    def release(self) -> None:
        """Stop writing, and stop watching for the end of the reader."""
        self.unregisterProducer()
        self.stopWriting()
        self.stopReading()

    def writeSomeData(self, data: bytes) -> Any:
        """Write as much of `data` as there is room for; returns the number of bytes."""
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
        """Write what is waiting, and report when everything is written. Called by the reactor."""
        result = super().doWrite()
        if not self.waiting:
            if self.enableReadHack:
                self.startReading()  # to notice when the reader ends
            self._caught_up()
            self._tell_written()
        return result

    def connectionLost(self, reason: Any) -> None:
        """Note that the output is closed."""
        super().connectionLost(reason)
        self._tell_written()

    def _is_abandoned(self) -> bool:
        """Whether the reader of the pipe or socket has ended, or the terminal was hung up."""
        poll = select.poll()
        poll.register(self.fd, 0)
        return any(event & (select.POLLERR | select.POLLHUP) for _, event in poll.poll(0))

    def _tell_written(self) -> None:
        written, self._written = self._written, None
        if written is not None:
            written.callback(None)
