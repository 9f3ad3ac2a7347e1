"""Control: the door for the administrator of the machine, a UNIX socket beside what is kept.

On a connection comes one request, a line of JSON (`lanchat.service.operations`); back go lines about how far it is, if it takes
long, and one that says how it ended. Whoever asks has the uid of the server, or is root: the system says so, no password does.
"""

from __future__ import annotations

import os
import socket
import struct
from collections.abc import Callable, Coroutine
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec
from twisted.application.service import Service
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.error import CannotListenError
from twisted.internet.protocol import Factory
from twisted.logger import Logger
from twisted.protocols.basic import LineOnlyReceiver
from twisted.protocols.policies import TimeoutMixin
from twisted.python.failure import Failure

from lanchat.service.operations import Operations
from lanchat.service.requests import REQUEST, Done, Failed, Progress

#: In the directory of what is kept.
FILE = "control"
#: Bytes of a request, and of a path that a UNIX socket can have (unix(7)).
MAX_REQUEST, MAX_PATH = 8192, 107
#: Seconds for the request to come, and for the answer to be read.
SECONDS = 10
#: Connections at a time.
MOST = 4

_CREDENTIALS = struct.Struct("3i")
_log = Logger("lanchat.control")


class Control(LineOnlyReceiver, TimeoutMixin):
    """One request."""

    delimiter = b"\n"
    MAX_LENGTH = MAX_REQUEST
    factory: Controls
    transport: Any
    _uid = -1
    _percent = -1

    def connectionMade(self) -> None:
        """See who it is, and give them a while to say what they want."""
        self.setTimeout(SECONDS)
        self.factory.connected.add(self)
        self._uid = _peer(self.transport)
        if self._uid not in self.factory.uids:
            _log.warn("uid {uid} asked for what only the administrator may do", uid=self._uid)
            self._answer(Failed("Only root, and the user that the server runs as, may do that. Use sudo.", "FORBIDDEN"))
        elif len(self.factory.connected) > MOST:
            self._answer(Failed("Too much is being done at the same time. Wait for that, and try again.", "FULL"))

    def lineReceived(self, line: bytes) -> None:
        """Do what is asked for; nothing else is read."""
        self.transport.pauseProducing()
        if self.transport.disconnecting:
            return
        self.setTimeout(None)
        try:
            request = REQUEST.decode(line)
        except msgspec.MsgspecError:
            self._answer(Failed("The server does not know that. Use the lanchat-admin that was installed with it.", "USAGE"))
            return
        Deferred.fromCoroutine(self.factory.do(request, f"uid {self._uid}", self._tell)).addBoth(self._ended)

    def lineLengthExceeded(self, line: bytes) -> None:
        """Too long for a request of ours."""
        self._answer(Failed(f"A request is at most {MAX_REQUEST} bytes. A password is at most 1024.", "TOO_BIG"))

    def connectionLost(self, reason: Failure | None = None) -> None:
        """Whoever asked has gone; what was begun is done all the same."""
        self.setTimeout(None)
        self.factory.connected.discard(self)

    def callLater(self, period: float, func: Callable[..., Any]) -> Any:
        """What `TimeoutMixin` asks to be called, by our clock."""
        return self.factory.clock.callLater(period, func)

    def timeoutConnection(self) -> None:
        """They say nothing, or read nothing."""
        self.transport.abortConnection()

    def _tell(self, done: float, text: str) -> None:
        """How far it is, when that is more than was told."""
        if self in self.factory.connected and int(done * 100) > self._percent:
            self._percent = int(done * 100)
            self.sendLine(msgspec.json.encode(Progress(done, text)))

    def _ended(self, outcome: Done | Failed | Failure) -> None:
        if isinstance(outcome, Failure):  # `Operations.do` raises nothing
            _log.failure("an operation went wrong", outcome)
        elif self in self.factory.connected:
            self._answer(outcome)

    def _answer(self, answer: Done | Failed) -> None:
        self.sendLine(msgspec.json.encode(answer))
        self.setTimeout(SECONDS)
        self.transport.loseConnection()


class Controls(Factory):
    """All requests."""

    protocol: Any = Control
    noisy = False

    def __init__(self, do: Callable[..., Coroutine[Any, Any, Done | Failed]], clock: Any) -> None:
        """`do` is `Operations.do`."""
        self.do = do
        self.clock = clock
        #: Who may ask.
        self.uids = {0, os.geteuid()}
        self.connected: set[Control] = set()


class ControlService(Service):
    """Listens while the server runs. It starts when the store is open, which nobody else uses then."""

    def __init__(self, directory: Path, operations: Operations, reactor: Any) -> None:
        self._path = directory / FILE
        self._operations = operations
        self._reactor = reactor
        self._port: Any = None

    def startService(self) -> None:
        """Listen; where that can't be, the log says so, and the server runs all the same."""
        super().startService()
        try:
            self._clear()
            self._factory = Controls(self._operations.do, self._reactor)
            self._port = self._reactor.listenUNIX(str(self._path), self._factory, mode=0o600)
            _log.info("lanchat-admin reaches this server at {path}", path=str(self._path))
        except (OSError, CannotListenError) as error:
            _log.warn(
                "lanchat-admin can't reach this server while it runs: {path}: {why}", path=str(self._path), why=str(error)
            )

    def stopService(self) -> Deferred[None]:
        """Listen no more; what is being done comes to its end with the store."""
        super().stopService()
        return Deferred.fromCoroutine(self._stop())

    async def _stop(self) -> None:
        if self._port is not None:
            with suppress(FileNotFoundError):  # somebody has removed the socket
                await maybeDeferred(self._port.stopListening)
            for control in tuple(self._factory.connected):
                control.transport.loseConnection()

    def _clear(self) -> None:
        """Take away the socket of a server that was killed; raises `OSError` when there can't be one."""
        if len(os.fsencode(self._path)) > MAX_PATH:
            raise OSError(f"a path of more than {MAX_PATH} bytes is too long for a socket; use a shorter --data")
        if not hasattr(socket, "SO_PEERCRED"):
            raise OSError("this system does not say who is at the other end of a socket")
        if self._path.is_socket():
            self._path.unlink()


def _peer(transport: Any) -> int:
    """The uid at the other end (SO_PEERCRED, unix(7))."""
    raw = transport.socket.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    return int(_CREDENTIALS.unpack(raw)[1])
