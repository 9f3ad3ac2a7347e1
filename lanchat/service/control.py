"""The control socket: a UNIX socket in the data directory, over which `lanchat-admin` sends requests to a running server.

A connection carries one request, a line of JSON (`lanchat.service.requests`). The answer is one line; before it come lines that
report the progress of long requests. Only root and the server's own user may connect, which the kernel tells (SO_PEERCRED);
there is no password.
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
from lanchat.service.requests import REQUEST_DECODER, Done, Failed, Progress

#: The name of the socket in the data directory.
FILE = "control"
#: The longest request in bytes, and the longest path of a UNIX socket (unix(7)).
MAX_REQUEST, MAX_PATH = 8192, 107
#: Seconds in which a request must arrive, and in which an answer must be read.
TIMEOUT_SECONDS = 10
#: Connections at the same time.
MAX_CONNECTIONS = 4

_CREDENTIALS = struct.Struct("3i")
_log = Logger("lanchat.control")


class ControlProtocol(LineOnlyReceiver, TimeoutMixin):
    """A connection with one request."""

    delimiter = b"\n"
    MAX_LENGTH = MAX_REQUEST
    factory: ControlFactory
    transport: Any
    _uid = -1
    _percent = -1

    def connectionMade(self) -> None:
        """Refuse users who may not do this, and connections over the limit."""
        self.setTimeout(TIMEOUT_SECONDS)
        self.factory.connected.add(self)
        self._uid = _peer_uid(self.transport)
        if self._uid not in self.factory.uids:
            _log.warn("uid {uid} asked for what only the administrator may do", uid=self._uid)
            self._answer(Failed("Only root and the server's user may do that. Use sudo.", "FORBIDDEN"))
        elif len(self.factory.connected) > MAX_CONNECTIONS:
            self._answer(Failed("Too many requests are in progress. Wait, and try again.", "FULL"))

    def lineReceived(self, line: bytes) -> None:
        """Carry out the request; nothing more is read."""
        self.transport.pauseProducing()
        if self.transport.disconnecting:
            return
        self.setTimeout(None)
        try:
            request = REQUEST_DECODER.decode(line)
        except msgspec.MsgspecError:
            self._answer(
                Failed(("The server does not know this command. Use the lanchat-admin that was installed with it."), "USAGE")
            )
            return
        Deferred.fromCoroutine(self.factory.do(request, f"uid {self._uid}", self._tell)).addBoth(self._ended)

    def lineLengthExceeded(self, line: bytes) -> None:
        """Refuse a line that is too long for a request."""
        self._answer(Failed(f"A request has at most {MAX_REQUEST} bytes, a password at most 1024.", "TOO_BIG"))

    def connectionLost(self, reason: Failure | None = None) -> None:
        """The connection has ended; a request that is being carried out is finished all the same."""
        self.setTimeout(None)
        self.factory.connected.discard(self)

    def callLater(self, period: float, func: Callable[..., Any]) -> Any:
        """Schedule a timeout for `TimeoutMixin` with the factory's clock."""
        return self.factory.clock.callLater(period, func)

    def timeoutConnection(self) -> None:
        """Cut off a client that sends no request, or does not read the answer."""
        self.transport.abortConnection()

    def _tell(self, done: float, text: str) -> None:
        """Send the progress when it is at least a percent more than before."""
        if self in self.factory.connected and int(done * 100) > self._percent:
            self._percent = int(done * 100)
            self.sendLine(msgspec.json.encode(Progress(done, text)))

    def _ended(self, outcome: Done | Failed | Failure) -> None:
        if isinstance(outcome, Failure):  # a bug: `Operations.do` raises nothing
            _log.failure("an operation went wrong", outcome)
        elif self in self.factory.connected:
            self._answer(outcome)

    def _answer(self, answer: Done | Failed) -> None:
        self.sendLine(msgspec.json.encode(answer))
        self.setTimeout(TIMEOUT_SECONDS)
        self.transport.loseConnection()


class ControlFactory(Factory):
    """The factory of control connections."""

    protocol: Any = ControlProtocol
    noisy = False

    def __init__(self, do: Callable[..., Coroutine[Any, Any, Done | Failed]], clock: Any) -> None:
        """`do` carries out a request: `Operations.do`."""
        self.do = do
        self.clock = clock
        #: The user ids that may send requests.
        self.uids = {0, os.geteuid()}
        self.connected: set[ControlProtocol] = set()


class ControlService(Service):
    """Listens on the control socket while the server runs. It must start after the store has been opened and so locked."""

    def __init__(self, directory: Path, operations: Operations, reactor: Any) -> None:
        self._path = directory / FILE
        self._operations = operations
        self._reactor = reactor
        self._port: Any = None

    def startService(self) -> None:
        """Start to listen; if that fails it is logged, and the server runs without the socket."""
        super().startService()
        try:
            self._clear()
            self._factory = ControlFactory(self._operations.do, self._reactor)
            self._port = self._reactor.listenUNIX(str(self._path), self._factory, mode=0o600)
            _log.info("lanchat-admin reaches this server at {path}", path=str(self._path))
        except (OSError, CannotListenError) as error:
            _log.warn(
                "lanchat-admin can't reach this server while it runs: {path}: {why}", path=str(self._path), why=str(error)
            )

    def stopService(self) -> Deferred[None]:
        """Stop listening. Requests that are being carried out end with the store."""
        super().stopService()
        return Deferred.fromCoroutine(self._stop())

    async def _stop(self) -> None:
        if self._port is not None:
            with suppress(FileNotFoundError):  # the socket was removed
                await maybeDeferred(self._port.stopListening)
            for control in tuple(self._factory.connected):
                control.transport.loseConnection()

    def _clear(self) -> None:
        """Remove the socket of a server that was killed; raises `OSError` if there can't be a socket."""
        if len(os.fsencode(self._path)) > MAX_PATH:
            raise OSError(f"a path of more than {MAX_PATH} bytes is too long for a socket; use a shorter --data")
        if not hasattr(socket, "SO_PEERCRED"):
            raise OSError("this system does not say who is at the other end of a socket")
        if self._path.is_socket():
            self._path.unlink()


def _peer_uid(transport: Any) -> int:
    """The user id at the other end (SO_PEERCRED, unix(7))."""
    raw = transport.socket.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    return int(_CREDENTIALS.unpack(raw)[1])
