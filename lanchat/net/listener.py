"""A listening port as a service, which logs where it listens, or says in one line why it can't."""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Awaitable, Callable, Iterable
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
from lanchat.system.exits import CannotStart

#: Hints on what to do about an address that can't be used, by the error of the system.
HINT_IN_USE = "Stop the program that uses that address, or choose another."
HINTS = {
    errno.ENOENT: "Create that directory, or choose another.",
    errno.ENOTDIR: "Choose another directory.",
    errno.EACCES: "Choose a port above 1023, or a directory that the server may write to.",
    errno.EROFS: "Choose a directory that the server may write to.",
    errno.EADDRNOTAVAIL: "Choose an address that this machine has (`ip address` shows them).",
    socket.EAI_NONAME: "Choose an address that this machine has (`ip address` shows them).",
}

#: Errors that stay until somebody changes the configuration, unlike an address that is in use or not there yet.
LASTING = {errno.ENOENT, errno.ENOTDIR, errno.EACCES, errno.EROFS, socket.EAI_NONAME}

_log = Logger("lanchat.listener")


class Listener(Service):
    """Listens on a port from before privileges are dropped until the service stops, and then ends its connections."""

    def __init__(
        self,
        purpose: str,
        endpoint: IStreamServerEndpoint,
        factory: IProtocolFactory,
        drain: Callable[[], Awaitable[None]],
    ) -> None:
        """`purpose` says to people who connects, such as "json clients"; `drain` ends all connections and waits for that."""
        self._purpose = purpose
        self._endpoint = endpoint
        self._factory = factory
        self._drain = drain
        self._port: IListeningPort | None = None

    def __str__(self) -> str:
        """The purpose and the address, such as "json clients on [::]:5000"."""
        return f"{self._purpose} {f'on {_format_address(self._port.getHost())}' if self._port else '(shut)'}"

    @property
    def port_number(self) -> int:
        """The TCP port that it listens on now; 0 if there is none."""
        return 0 if self._port is None else int(getattr(self._port.getHost(), "port", 0))

    def privilegedStartService(self) -> None:
        """Start to listen; raises `CannotStart`."""
        super().privilegedStartService()
        failures: list[Failure] = []
        self._endpoint.listen(self._factory).addCallbacks(self._listening, failures.append)
        if failures:
            where, why, mend, lasting = _explain(failures[0].value)
            text = f"{where} {why}: lanchat can't listen for {self._purpose} there. {mend}"
            raise CannotStart(text, mistake=lasting and not self.running)

    def startService(self) -> None:
        """Start to listen, unless that was done before privileges were dropped."""
        super().startService()
        self.resume()

    def stopService(self) -> Deferred[None]:
        """Stop listening and end the connections; fires when they have ended."""
        super().stopService()
        return Deferred.fromCoroutine(self._stop())

    async def pause(self) -> None:
        """Stop listening; open connections stay."""
        port, self._port = self._port, None
        if port is not None:
            await maybeDeferred(port.stopListening)

    def resume(self) -> None:
        """Listen again, unless it does already or the service has stopped; raises `CannotStart`."""
        if self._port is None and self.running:
            self.privilegedStartService()

    async def _stop(self) -> None:
        await self.pause()
        await self._drain()

    def _listening(self, port: IListeningPort) -> None:
        self._port = port
        if isinstance(port, Port):
            sockets.set_options(port.socket)
        _log.info("listening for {listener}", listener=str(self))


def _explain(error: Any) -> tuple[str, str, str, bool]:
    """The address, the error, a hint, and whether it is `LASTING`; twistd's terminal shows only the first hundred bytes."""
    if isinstance(error, CannotListenError):
        where, error = _format(error.interface or "0.0.0.0", error.port), error.socketError  # noqa: S104 (only shown)
    else:  # the lock file of a UNIX socket
        where = _format("", getattr(error, "filename2", None) or b"")
    code = getattr(error, "errno", 0)
    return where, getattr(error, "strerror", None) or str(error), HINTS.get(code, HINT_IN_USE), code in LASTING


def open_port(listeners: Iterable[Listener]) -> int:
    """The TCP port of the first of these that is open; 0 if none is."""
    return next(filter(None, (listener.port_number for listener in listeners)), 0)


def _format_address(address: IAddress) -> str:
    if isinstance(address, UNIXAddress):
        return _format("", address.name or b"")
    if not isinstance(address, (IPv4Address, IPv6Address)):
        return str(address)
    both = " (IPv4 and IPv6)" if address.host == "::" else ""
    return _format(address.host, address.port) + both


def _format(host: str, port: int | bytes) -> str:
    """The address as people write it; a UNIX socket has a path (bytes) and no host."""
    if isinstance(port, bytes):
        return visible(os.fsdecode(port))
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
