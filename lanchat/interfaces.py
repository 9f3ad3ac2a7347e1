"""The seams of the house: what the core asks of a client's connection, and of time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from zope.interface import Interface

from lanchat.packet import ServerPacket


class Call(Protocol):
    """A call that will be made later (`twisted.internet.interfaces.IDelayedCall`, as much of it as is needed)."""

    def cancel(self) -> None:
        """Don't make it."""

    def active(self) -> bool:
        """Whether it is still to come."""


class Clock(Protocol):
    """Time, as an argument (`twisted.internet.interfaces.IReactorTime`, as much of it as is needed)."""

    def seconds(self) -> float:
        """Seconds since the epoch."""

    def callLater(self, delay: float, call: Callable[..., Any], /, *args: Any) -> Call:
        """Call `call` in `delay` seconds."""


class IClient(Interface):
    """The far end of a session, as the server may call it: one connection, whatever its dialect."""

    def deliver(packet: ServerPacket) -> None:  # noqa: N805 (zope's way)
        """Show this packet. It never waits and never raises."""

    def disconnect() -> None:
        """Close the connection, once what was delivered is written. Nothing more is read from it."""
