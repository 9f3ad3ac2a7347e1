"""Listener: one listening port as a service. It says where it listens, or in one line why it can't."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from twisted.application.service import Service
from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import IAddress, IListeningPort, IProtocolFactory, IStreamServerEndpoint
from twisted.internet.tcp import Port
from twisted.logger import Logger
from twisted.python.failure import Failure

from lanchat.gateways import sockets
from lanchat.safekeeping import CannotStart

_log = Logger()


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

    def privilegedStartService(self) -> None:
        """Listen; raises `CannotStart`."""
        super().privilegedStartService()
        failures: list[Failure] = []
        self._endpoint.listen(self._factory).addCallbacks(self._listening, failures.append)
        if failures:
            raise CannotStart(
                f"{_reason(failures[0].value)}: lanchat can't listen for {self._purpose} there. "
                "Stop what uses that address already, or choose another."
            )

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
        _log.info("listening for {purpose} on {where}", purpose=self._purpose, where=_where(port.getHost()))


def _reason(error: BaseException | None) -> str:
    """Where, and why not; the start of the line, as twistd's terminal shows but a hundred bytes of it."""
    if isinstance(error, CannotListenError):
        return f"{_written(error.interface or '0.0.0.0', error.port)} {error.socketError.strerror}"  # noqa: S104 (only shown)
    return str(error)


def _where(address: IAddress) -> str:
    if not isinstance(address, (IPv4Address, IPv6Address)):
        return str(getattr(address, "name", address))
    both = " (IPv4 and IPv6)" if address.host == "::" else ""
    return _written(address.host, address.port) + both


def _written(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
