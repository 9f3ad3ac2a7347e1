"""Changes of the log's content as values (`LogCommand`), which the log has beside its messages (`Entry`).

Several processes or machines that start with an empty log and do the same entries and commands in the same order have the same
content afterwards. So a command has all it needs as arguments: it reads no clock, uses no random numbers, and looks at nothing
but the content of the log. (Keys of names also depend on the version of Unicode.) All commands, and what else there is to know
about them, are in `lanchat.store.log_commands`.

A command can be written as MessagePack (it is a `msgspec.Struct`); not as JSON, which has no infinity, and a limit that is off
is infinite.

A `LocalTask` is other work for the writing thread, which leaves the content of the log as it is.
"""

from __future__ import annotations

from abc import abstractmethod
from sqlite3 import Connection
from typing import Generic, TypeVar

import msgspec

#: What a command or a task returns to whoever handed it in.
T_co = TypeVar("T_co", covariant=True)


class LogCommand(msgspec.Struct, Generic[T_co], frozen=True, tag=True):
    """A change of the log's content: accounts, rooms, sanctions, cursors, and which messages are kept."""

    @abstractmethod
    def run(self, connection: Connection) -> T_co:
        """Make the change, inside a transaction. An exception undoes it, and is raised where the command was handed in."""


class LocalTask(msgspec.Struct, Generic[T_co], frozen=True):
    """Work on this process's copy of the log: a look-up, or a change of how the file stores the same content."""

    @abstractmethod
    def run(self, connection: Connection) -> T_co:
        """Do the work, inside a transaction. An exception undoes it, and is raised where the task was handed in."""
