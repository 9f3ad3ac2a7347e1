"""The interface between the core and the store.

`lanchat.store.store.Store` provides it. The tests of the core pass a store of their own (`tests/fakes.py`).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from sqlite3 import Connection
from typing import Any, Protocol, TypeVar

from lanchat.protocol.entry import Entry, Epoch, Seq
from lanchat.tables.log_command import LocalTask, LogCommand

T = TypeVar("T")


class Store(Protocol):
    """What the core stores (lanchat/store): a log of messages, and tables beside it. No method blocks.

    Everything handed in is done in that order, and its outcome comes back in that order, in the reactor's thread: entries to a
    function `committed` that the store is given (it may spread one batch over several turns of the reactor), results of jobs to
    whoever awaits them.
    """

    #: Identifies this log. Restoring a backup gives it a new one, as sequence numbers that clients know may be given again.
    epoch: Epoch
    #: Whether messages are stored at all (not with `--ephemeral`).
    stores_messages: bool
    #: The sequence number of the newest message that came back.
    last_seq: Seq

    @property
    def full(self) -> bool:
        """Whether so much waits to be written that nothing more should be handed in for now."""

    @property
    def waiting(self) -> int:
        """How many messages, commands and tasks wait to be written, or to come back."""

    def append(self, entry: Entry) -> None:
        """Add a message to the log; raises `NotStored`."""

    def write(self, command: LogCommand[T]) -> Awaitable[T]:
        """Do a command in a transaction; its result. Raises what the command raises, or `NotStored`."""

    def write_in_background(self, command: LogCommand[Any], on_done: Callable[[bool], object] | None = None) -> None:
        """Do a command without waiting for it; errors are logged.

        `on_done` is called with True when there is nothing more to do, and with False when it could not be stored, which is
        then not logged.
        """

    def maintain(self, task: LocalTask[T]) -> Awaitable[T]:
        """Do a task that leaves the content of the log as it is; its result. Raises as `write`."""

    def find_repeated(self, sent: Entry) -> Awaitable[Entry | None]:
        """The message in the log that this one repeats, if any, including what was handed in before. Raises `NotStored`.

        `sent.ts` must be the current time; `sent.conv` is not used.
        """

    def settled(self) -> Awaitable[None]:
        """Wait until all that was handed in before has come back, stored or not; raises `NotStored`."""

    def read(self, query: Callable[[Connection], T], slow: bool = False) -> Awaitable[T]:
        """Run a query on the current state; raises `TooSlow` after a second, or `RateLimited` if too many queries wait."""
