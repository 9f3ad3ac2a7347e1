"""The seams of the house: what the core asks of a client's connection, of the log, and of time."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine
from sqlite3 import Connection
from typing import Any, Protocol, TypeVar

from zope.interface import Interface

from lanchat.protocol.entry import Entry
from lanchat.protocol.packet import ServerPacket

T = TypeVar("T")


class Call(Protocol):
    """A call that will be made later (`twisted.internet.interfaces.IDelayedCall`, as much of it as is needed)."""

    def cancel(self) -> None:
        """Don't make it."""

    def active(self) -> bool:
        """Whether it is still to come."""


class Clock(Protocol):
    """Time, as an argument (`twisted.internet.interfaces.IReactorTime`, as much of it as is needed)."""

    def seconds(self) -> float:
        """Seconds by a clock that only goes forward; since when is not said."""

    def callLater(self, delay: float, call: Callable[..., Any], /, *args: Any) -> Call:
        """Call `call` in `delay` seconds."""


class IClient(Interface):
    """The far end of a session, as the server may call it: one connection, whatever its dialect."""

    def deliver(packet: ServerPacket) -> None:  # noqa: N805 (zope's way)
        """Show this packet. It never waits and never raises."""

    def deliver_all(packets: list[ServerPacket]) -> None:  # noqa: N805 (zope's way)
        """The same for some that differ in nothing but their texts and what they are known by."""

    def disconnect() -> None:
        """Close the connection, once what was delivered is written. Nothing more is read from it."""

    def perform(work: Coroutine[Any, Any, None], hold: bool) -> None:  # noqa: N805 (zope's way)
        """Do this, which may wait. With `hold` nothing that comes from the client is served before it is done."""

    def behind() -> bool:
        """Whether so much waits for it that it should be sent no more than it asks for."""

    def caught_up() -> Awaitable[None]:
        """Wait until it is not behind any more, or gone."""


class IReceipts(Interface):
    """A connection that knows how much of what was delivered to it has been written, in bytes from its beginning."""

    def delivered() -> int:
        """How many bytes there were to write so far, those that still wait included."""

    def written() -> int:
        """How many of these bytes the system has taken."""

    def finished() -> Awaitable[None]:
        """Wait until nothing more will be written: all of it is, or the connection has ended."""


class IConnection(IClient):
    """The same, as operators look at it."""

    def encryption() -> str:
        """The version of TLS that is spoken; "" in plain text."""

    def queued() -> int:
        """Bytes that wait for the client."""

    def serve_with(router: Any) -> None:  # noqa: N805 (zope's way)
        """Let this router serve what comes from now on: one that listens in, or the usual one again."""


class Store(Protocol):
    """What is kept (lanchat/store): one log, and tables beside it. Nothing here blocks.

    What is handed in is done in that order, and comes back in that order: entries to `committed`, which the store was
    given and which takes as many in a turn of the reactor as it likes, the results of jobs to whoever waits for them.
    """

    #: Unique to this log; another one after a backup was restored.
    epoch: str
    #: Whether it keeps messages at all.
    keeps: bool
    #: The place in the log of the newest that came back.
    last_seq: int

    @property
    def full(self) -> bool:
        """Whether so much waits to be written that nobody should hand in more for now."""

    def append(self, entry: Entry) -> None:
        """Add this to the log; raises `NotStored`."""

    def write(self, job: Callable[[Connection], T]) -> Awaitable[T]:
        """Run this in a transaction; raises what it raises, or `NotStored`."""

    def find_repeated(self, sent: Entry) -> Awaitable[Entry | None]:
        """The message in the log that this one repeats, with all that was handed in before it; raises `NotStored`.

        Its `ts` is the time of now, and its `conv` is not looked at.
        """

    def write_in_background(self, job: Callable[[Connection], object], told: Callable[[bool], object] | None = None) -> None:
        """Run this in a transaction, where nobody waits for it; what goes wrong is logged.

        `told` is told whether it is done with; if it is not, it could not be stored, which is not logged then.
        """

    def read(self, query: Callable[[Connection], T], slow: bool = False) -> Awaitable[T]:
        """Run this on what is there now; raises `TooSlow` after a second, or `RateLimited` when too many wait."""
