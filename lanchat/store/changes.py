"""Changes of messages: what an edit or a withdrawal does to the log beside being an entry of it.

An edit leaves the row of the message as it was: whoever reads the log takes the text from the newest edit, and only that one is
in the index of words (`lanchat.store.word_index.HOLDER`). A withdrawal removes the text as retention does: what remains of the
message and its edits tells only that something repeats them. A reaction does nothing else.
"""

from __future__ import annotations

from collections.abc import Callable
from sqlite3 import Connection

from lanchat.protocol.entry import EDIT, GONE, NO_CONVERSATION, STORED, WITHDRAW, Entry
from lanchat.store import schema, word_index
from lanchat.store.duplicates import Duplicates
from lanchat.store.message_removal import WITHDRAWN, count, remove_rows, withdrawn
from lanchat.tables.log_command import LocalTask

#: SQL that is true for the messages that a withdrawal empties instead of removing (`remove_rows`): all that may be repeated.
ONCE = "cid IS NOT NULL AND author IS NOT NULL"
# The name in `meta` of the number of withdrawals whose texts are gone from the free parts of the file.
_ERASED = "withdrawn and erased"


def add(connection: Connection, change: Entry, insert: Callable[[list[Entry]], object]) -> None:
    """Add a change of a message to the log with the function `insert`, and make the change. It may repeat an earlier one.

    If the message is not there (any more), its state is `GONE`, and nothing is changed.
    """
    connection.execute("SAVEPOINT change")
    sent = change.cid
    try:
        known, cid = Duplicates(connection, [change]).find(change)
        if known is not None:
            change.seq, change.ts, change.state, change.dup = known.seq, known.ts, STORED, True
        elif not _is_there(connection, change):
            change.state = GONE
        else:
            _make(connection, change)
            change.cid = cid
            insert([change])
    except (UnicodeError, OverflowError):  # it has a value that SQLite can't hold
        connection.execute("ROLLBACK TO change")
        change.seq, change.state = 0, ""
    finally:
        change.cid = sent
    connection.execute("RELEASE change")


def _is_there(connection: Connection, change: Entry) -> bool:
    """Whether the message that an entry changes is there, in the conversation of the entry."""
    found = connection.execute("SELECT conv FROM log WHERE seq = ? AND about IS NULL", (change.about,)).fetchone()
    return found == (change.conv,) and change.conv != NO_CONVERSATION


def _make(connection: Connection, change: Entry) -> None:
    """Do to the message what an entry changes in it, just before the entry is inserted."""
    about = change.about or 0
    if change.kind == EDIT:
        word_index.remove(connection, "(seq = :about OR (about > 0 AND about = :about))", {"about": about})
    elif change.kind == WITHDRAW:
        remove_rows(connection, [about], ONCE, {})
        schema.set_meta(connection, WITHDRAWN, withdrawn(connection) + 1)


def traces(connection: Connection) -> int:
    """How many texts were withdrawn that may still be in the free parts of the file, or in the index of words."""
    return withdrawn(connection) - count(connection, _ERASED)


class CountWithdrawn(LocalTask[int], frozen=True):
    """Count the messages that were withdrawn so far."""

    def run(self, connection: Connection) -> int:
        """The number of withdrawals, which a later `NoteErased` says are gone from the file."""
        return withdrawn(connection)


class NoteErased(LocalTask[None], frozen=True):
    """Note that the texts of so many withdrawals, the first ones, are gone from the file."""

    withdrawn: int

    def run(self, connection: Connection) -> None:
        """Do the task that the class describes."""
        schema.set_meta(connection, _ERASED, self.withdrawn)
