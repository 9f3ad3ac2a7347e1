"""LogCommand: a change of what the log contains, as a value (the other items of the log are messages, `Entry`).

Several processes, or several machines, that start with an empty log and do the same entries and commands in the same order
have the same content afterwards. So a command has everything it needs as arguments: it reads no clock, makes no random
numbers, and looks at nothing but the content of the log. It can be written as MessagePack or JSON (it is a `msgspec.Struct`).
All commands are listed in `lanchat.store.log_commands`.

A `LocalTask` is what else the thread that writes has to do. It leaves the content of the log as it is.
"""

from __future__ import annotations

from sqlite3 import Connection
from typing import Generic, TypeVar

import msgspec

#: What a command or a task returns to whoever handed it in.
T_co = TypeVar("T_co", covariant=True)


class LogCommand(msgspec.Struct, Generic[T_co], frozen=True, tag=True):
    """A change of the log's content: accounts, rooms, sanctions, cursors, and which messages are kept."""

    def run(self, connection: Connection) -> T_co:
        """Make the change, inside a transaction. An exception undoes it, and is raised to whoever handed the command in."""
        raise NotImplementedError


class LocalTask(msgspec.Struct, Generic[T_co], frozen=True):
    """Work on one process's own copy of the log: it looks something up, or changes how the file stores the same content."""

    def run(self, connection: Connection) -> T_co:
        """Do it, inside a transaction. An exception undoes it, and is raised to whoever handed the task in."""
        raise NotImplementedError
