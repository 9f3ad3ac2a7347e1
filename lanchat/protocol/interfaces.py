"""The interfaces between the core and what is outside of it: a client's connection, and time.

A new gateway provides `IClient` and `IConnection` (most of it comes with `lanchat.gateways.connection.Connection`). What a
store provides is in `lanchat.state.interfaces`. The core knows neither sockets nor the reactor; its tests pass objects of their
own (`tests/fakes.py`).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Protocol, TypeAlias

from zope.interface import Attribute, Interface

from lanchat.protocol.packet import PacketRun, ServerPacket

#: What is still to be done for a packet and has to wait for something, such as the disk. `IClient.perform` runs it.
Work: TypeAlias = Coroutine[Any, Any, None]


class DelayedCall(Protocol):
    """A call that was scheduled with a `Clock` (the part of `twisted.internet.interfaces.IDelayedCall` that is used)."""

    def cancel(self) -> None:
        """Cancel the call; only allowed while it is `active`."""

    def active(self) -> bool:
        """Whether the call has neither been made nor been cancelled."""

    def reset(self, seconds_from_now: float) -> None:
        """Make the call so many seconds from now instead; only allowed while it is `active`."""


class Clock(Protocol):
    """A clock with timers (the part of `twisted.internet.interfaces.IReactorTime` that is used).

    It is an argument wherever time matters, so that tests need not wait.
    """

    def seconds(self) -> float:
        """Seconds by a monotonic clock. Only differences mean anything."""

    def callLater(self, delay: float, call: Callable[..., Any], /, *args: Any) -> DelayedCall:
        """Call `call` with these arguments in `delay` seconds."""


class IClient(Interface):
    """The client of a session as the core sees it: one connection, in any dialect. Called in the reactor's thread only."""

    halted: bool = Attribute("Whether nothing of what the client sends is served now: it waits for something, or is closed.")

    shows_ids: bool = Attribute("Whether ids and times of messages are shown to a client that has said hello.")

    def deliver(packet: ServerPacket) -> None:  # noqa: N805 (zope's way)
        """Send a packet to the client. It is queued: this never waits, and raises nothing."""

    def deliver_all(packets: list[ServerPacket]) -> None:  # noqa: N805 (zope's way)
        """Send packets to the client that have the same sender and recipient, and differ in their text and their ids only."""

    def deliver_events(run: PacketRun) -> None:  # noqa: N805 (zope's way)
        """Send events of a room to the client. Many others are sent the same ones."""

    def disconnect(code: str = "", reason: str = "") -> None:  # noqa: N805 (zope's way)
        """Close the connection after everything delivered so far has been written. Nothing more is read from the client.

        `code` and `reason` are for dialects that can tell a client why it is closed, besides the packets before.
        """

    def perform(work: Work, hold: bool) -> None:  # noqa: N805 (zope's way)
        """Run `work`, which may wait for the store. With `hold`, no packet of this client is handled before it has ended.

        What `work` raises is a bug, and only logged.
        """

    def reached_at() -> tuple[str, bool]:
        """The address of the server that the client connected to, as it is written in a URL; and whether with encryption."""

    def behind() -> bool:
        """Whether so much waits to be written that the client should be sent nothing but what it asks for."""

    def caught_up() -> Awaitable[None]:
        """Wait until the client is not `behind` any more, or the connection has ended."""


class IOutputProgress(Interface):
    """How many of the bytes delivered to a client have been written, counted from the beginning of the connection.

    An `IClient` that knows this can be adapted to it; `lanchat.model.receipts` needs it for clients that acknowledge nothing.
    """

    def bytes_delivered() -> int:
        """The number of bytes that were to be written so far, including those that still wait."""

    def bytes_written() -> int:
        """The number of these bytes that the operating system has taken."""

    def all_written() -> Awaitable[None]:
        """Wait until nothing more will be written: everything has been, or the connection has ended."""


class IConnection(IClient):
    """What operators can see and do with a connection, besides what the core needs."""

    def encryption() -> str:
        """The version of TLS, such as "TLSv1.3"; "" without TLS."""

    def queued() -> int:
        """The number of bytes that wait to be written to the client."""

    def serve_with(router: Any) -> None:  # noqa: N805 (zope's way)
        """Give all further packets of this client to `router`: one that shows them to an operator too, or the usual one."""
