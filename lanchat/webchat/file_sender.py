"""FileSender: sends a part of a file as the body of an answer, as fast as the client reads it."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IPushProducer
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from lanchat.files.reader import PIECE, BlobReader
from lanchat.webchat.ranges import Part

#: For how many seconds a client may read nothing.
IDLE_SECONDS = 30.0
#: How many pieces are sent in one turn of the reactor, if the client takes them.
PIECES_IN_TURN = 2

_log = Logger("lanchat.webchat.files")


@implementer(IPushProducer)
class FileSender:
    """Sends one part of one file. What the system has in memory is read at once, and what it has not, in a thread."""

    def __init__(self, request: Any, reader: BlobReader, part: Part) -> None:
        """`request` is one whose headers have been written; `reader` is closed at the end."""
        self._request, self._reader = request, reader
        self._clock = request.channel.factory.clock
        self._at, self._end = part
        self._paused = self._waits = self._ended = False
        #: Fires when the part has been sent, or can't be.
        self.done: Deferred[None] = Deferred()

    def start(self) -> Deferred[None]:
        """Begin; fires at the end, however it comes."""
        self._request.notifyFinish().addErrback(lambda _: self._finish())
        self._request.registerProducer(self, True)
        self._send()
        return self.done

    def pauseProducing(self) -> None:
        """Send nothing more for now, as the client has not read what was sent (`IPushProducer`)."""
        self._paused = True

    def resumeProducing(self) -> None:
        """Send more, as the client has read (`IPushProducer`)."""
        self._paused = False
        self._send()

    def stopProducing(self) -> None:
        """End, as the connection has (`IPushProducer`)."""
        self._finish()

    def _send(self) -> None:
        """Send pieces until the client is slower, the disk is asked, or others should have their turn."""
        if self._waits or self._ended:
            return
        for _ in range(PIECES_IN_TURN):
            if self._paused or self._ended:
                return
            if self._at >= self._end:
                self._complete()
                return
            size = min(PIECE, self._end - self._at)
            if (data := self._reader.read_now(self._at, size)) is None:
                self._waits = True
                Deferred.fromCoroutine(self._reader.read(self._at, size)).addCallbacks(self._found, self._failed)
                return
            self._write(data)
        self._waits = True
        self._clock.callLater(0, self._go_on)

    def _go_on(self) -> None:
        self._waits = False
        self._send()

    def _found(self, data: bytes) -> None:
        """Send what a thread has read."""
        self._waits = False
        if self._ended:
            return
        if not data:
            self._failed(Failure(OSError("it is shorter than it was")))
            return
        self._write(data)
        self._send()

    def _write(self, data: bytes) -> None:
        self._at += len(data)
        self._request.channel.extend(IDLE_SECONDS)
        self._request.write(data)

    def _failed(self, failure: Failure) -> None:
        """Cut the connection off, so that the client knows that it has not all of the file."""
        _log.error("a file can't be read to its end: {error}", error=str(failure.value))
        if not self._ended:
            channel = self._request.channel
            self._finish()
            channel.transport.abortConnection()

    def _complete(self) -> None:
        request = self._request
        request.unregisterProducer()
        self._finish()
        request.finish()

    def _finish(self) -> None:
        if not self._ended:
            self._ended = True
            self._reader.close()
            self.done.callback(None)
