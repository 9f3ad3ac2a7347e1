"""Listener: one listening port as a service. It says where it listens, or in one line why it can't."""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Awaitable, Callable
from typing import Any

from twisted.application.service import Service
from twisted.internet.address import IPv4Address, IPv6Address, UNIXAddress
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import IAddress, IListeningPort, IProtocolFactory, IStreamServerEndpoint
from twisted.internet.tcp import Port
from twisted.logger import Logger
from twisted.python.failure import Failure

from lanchat.net import sockets
from lanchat.protocol.packet import visible
from lanchat.system.private_files import CannotStart

#: What to do about an address that can't be had, by what the system says of it.
IN_USE = "Stop what uses that address already, or choose another."
MENDING = {
    errno.ENOENT: "Make that directory, or choose another.",
    errno.EACCES: "Choose a port above 1023, or a directory that the server may write in.",
    errno.EROFS: "Choose a directory that the server may write in.",
    errno.EADDRNOTAVAIL: "Choose an address that this machine has (`ip address` shows them).",
    socket.EAI_NONAME: "Choose an address that this machine has (`ip address` shows them).",
}

_log = Logger("lanchat.listener")


class Listener(Service):
    """Listens from before privileges are dropped, until the service stops; then sees off who is connected."""

    def __init__(
        self,
        purpose: str,
        endpoint: IStreamServerEndpoint,
        factory: IProtocolFactory,
        drain: Callable[[], Awaitable[None]],
    ) -> None:
        """`purpose` says, to people, who is meant to connect; `drain` ends the connections and waits for that."""
        self._purpose = purpose
        self._endpoint = endpoint
        self._factory = factory
        self._drain = drain
        self._port: IListeningPort | None = None

    def __str__(self) -> str:
        """Who is meant to connect, and where: "json clients on [::]:5000"."""
        return f"{self._purpose} {f'on {_where(self._port.getHost())}' if self._port else '(shut)'}"

    def privilegedStartService(self) -> None:
        """Listen; raises `CannotStart`."""
        super().privilegedStartService()
        failures: list[Failure] = []
        self._endpoint.listen(self._factory).addCallbacks(self._listening, failures.append)
        if failures:
            where, why, mend = _reason(failures[0].value)
            raise CannotStart(f"{where} {why}: lanchat can't listen for {self._purpose} there. {mend}")

    def startService(self) -> None:
        """Listen, if that has not been done before privileges were dropped."""
        super().startService()
        self.reopen()

    def stopService(self) -> Deferred[None]:
        """Listen no more, and end the connections; fires when they are gone."""
        super().stopService()
        return Deferred.fromCoroutine(self._stop())

    async def shut(self) -> None:
        """Listen no more; who is connected stays."""
        port, self._port = self._port, None
        if port is not None:
            await maybeDeferred(port.stopListening)

    def reopen(self) -> None:
        """Listen, unless it does, or the service has stopped; raises `CannotStart`."""
        if self._port is None and self.running:
            self.privilegedStartService()

    async def _stop(self) -> None:
        await self.shut()
        await self._drain()

    def _listening(self, port: IListeningPort) -> None:
        self._port = port
        if isinstance(port, Port):
            sockets.prepare(port.socket)
        _log.info("listening for {listener}", listener=str(self))


def _reason(error: Any) -> tuple[str, str, str]:
    """Where, and why not, which begin the line, as twistd's terminal shows but a hundred bytes of it; and what to do."""
    if isinstance(error, CannotListenError):
        where, error = _written(error.interface or "0.0.0.0", error.port), error.socketError  # noqa: S104 (only shown)
    else:  # the lock beside a socket in the file system
        where = _written("", getattr(error, "filename2", None) or b"")
    return where, getattr(error, "strerror", None) or str(error), MENDING.get(getattr(error, "errno", 0), IN_USE)


def _where(address: IAddress) -> str:
    if isinstance(address, UNIXAddress):
        return _written("", address.name or b"")
    if not isinstance(address, (IPv4Address, IPv6Address)):
        return str(address)
    both = " (IPv4 and IPv6)" if address.host == "::" else ""
    return _written(address.host, address.port) + both


def _written(host: str, port: int | bytes) -> str:
    """As one would write it: a socket in the file system has a path, and no host."""
    if isinstance(port, bytes):
        return visible(os.fsdecode(port))
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
