"""Exports messages of the log as lines of JSON, for an archive or for a person who asks what is stored about them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from sqlite3 import Connection
from typing import Any, NamedTuple

from msgspec import to_builtins

from lanchat.admin.data_directory import snapshot
from lanchat.admin.exit_status import Declined
from lanchat.history.closed_rooms import conversations_of_rooms
from lanchat.maintenance.kept_files import FILES
from lanchat.model.names import key
from lanchat.protocol import events
from lanchat.protocol.dates import utc_milliseconds
from lanchat.protocol.entry import COLUMNS, EDIT, EVENT, NO_CONVERSATION, Entry, Seq, entry_from_row
from lanchat.protocol.packet import visible
from lanchat.service.requests import ReportProgress, format_count
from lanchat.store.duplicates import sent_cid
from lanchat.system import printing
from lanchat.system.private_files import FileError, new_file
from lanchat.tables import files
from lanchat.tables.recent import newest_seq, of_both

#: Rows per snapshot: a long one would keep the server's `-wal` file from being reused meanwhile.
ROWS_AT_A_TIME = 2000
#: Messages that a user sent, or that were sent to that user alone. Guests and removed accounts are known by name only.
USER_CONDITION = "(key(CAST(name AS BLOB)) = :user OR key(CAST(target AS BLOB)) = :user)"
_EDITS = of_both(
    f"SELECT {', '.join(COLUMNS)} FROM TABLE WHERE about > 0 AND about > :after AND about <= :upto AND kind = 'edit'"  # noqa: S608 (ours)
)


class MessageFilter(NamedTuple):
    """Which messages to export: those that match all values that are not None."""

    #: Messages in rooms of this name, closed ones included.
    room: str | None
    #: Messages that this user sent, or that were sent to this user alone.
    user: str | None
    #: From (inclusive) and to (exclusive), in milliseconds since the epoch.
    since: int | None
    until: int | None


class Exported(NamedTuple):
    """What an export has found."""

    #: Messages that were written, and messages that are damaged on disk.
    written: int
    damaged: int
    #: Whether several people have used the name in the filter.
    several_people: bool


def export(
    connection: Connection, message_filter: MessageFilter, write: Callable[[str], object], progress: ReportProgress
) -> Exported:
    """Write the messages that match the filter, as lines of JSON. Raises `Declined`."""
    connection.create_function("key", 1, _key, deterministic=True)
    with snapshot(connection):
        where, values = _condition(connection, message_filter)
        last = newest_seq(connection)
    after = written = damaged = 0
    authors: set[int | None] = set()
    while after < last:
        upto = min(after + ROWS_AT_A_TIME, last)
        with snapshot(connection):  # (retention and erasures remove a message and its edits together)
            entries, edits = _read(connection, where, values | {"after": after, "upto": upto})
        damaged += entries.count(None)
        for entry in filter(None, entries):
            write(json.dumps(_as_json(entry, edits.get(entry.seq, []))) + "\n")
            written += entry.about is None
            if message_filter.user is not None and key(entry.name) == key(message_filter.user):
                authors.add(entry.author)
        after = upto
        progress(after / last, format_count(written, "message"))
    return Exported(written, damaged, several_people=len(authors) > 1)


@contextmanager
def output(file: Path | None) -> Iterator[Callable[[str], object]]:
    """A context with a function that writes lines: to a new file, which appears only when it is complete, or to stdout.

    Raises `FileError`, or `OutputError`.
    """
    if file is None:
        yield printing.write
        printing.flush()
        return
    try:
        with new_file(file) as out:
            yield lambda text: out.write(text.encode())
    except OSError as error:
        raise FileError(f"{file} can't be written: {error.strerror}. Fix that, or give another name.") from None


def _condition(connection: Connection, message_filter: MessageFilter) -> tuple[str, dict[str, Any]]:
    parts, values = ["conv != :nowhere"], {"nowhere": NO_CONVERSATION, **message_filter._asdict()}
    if message_filter.room is not None:
        parts.append("conv IN (SELECT value FROM json_each(:room))")
        values["room"] = json.dumps(_room_convs(connection, message_filter.room))
    if message_filter.user is not None:
        parts.append(USER_CONDITION)
        values |= _user_values(connection, message_filter.user)
    if message_filter.since is not None:
        parts.append("ts >= :since")
    if message_filter.until is not None:
        parts.append("ts < :until")
    return " AND ".join(parts), values


def _room_convs(connection: Connection, name: str) -> list[str]:
    """The `conv` values in the log of all rooms that have or had this name; raises `Declined` if there is none."""
    convs = conversations_of_rooms(connection, [name])[name]
    if not convs:
        shown = visible(name.strip(), 40) or "(no name)"
        text = f"Nothing was exported: there is no room {shown}, and no stored messages of one."
        raise Declined(text, "NO_SUCH_TARGET")
    return convs


def _user_values(connection: Connection, name: str) -> dict[str, Any]:
    values = {"user": key(name), "nowhere": NO_CONVERSATION}
    account = connection.execute("SELECT 1 FROM accounts WHERE key = :user", values)
    said = connection.execute(f"SELECT 1 FROM log WHERE conv != :nowhere AND {USER_CONDITION} LIMIT 1", values)  # noqa: S608 (our own column names)
    if account.fetchone() is None and said.fetchone() is None:
        shown = visible(name.strip(), 40) or "(no name)"
        raise Declined(
            (f"Nothing was exported: there is no account {shown}, and no stored messages by or to that name."), "NO_SUCH_TARGET"
        )
    return values


def _read(connection: Connection, where: str, values: dict[str, Any]) -> tuple[list[Entry | None], dict[Seq, list[Entry]]]:
    """The entries in a part of the log, with None for each that is damaged; and the edits of these messages (`_edits`).

    An edit is not among the entries if its message is there, which has its text. To be called in one snapshot.
    """
    rows = connection.execute(
        f"SELECT {', '.join(COLUMNS)} FROM log WHERE seq > :after AND seq <= :upto AND {where} ORDER BY seq",  # noqa: S608 (our own column names)
        values,
    )
    found = [*map(entry_from_row, rows.fetchall())]
    files.attach(connection, filter(None, found))
    entries = [one for one in found if one is None or one.kind != EDIT or not _has_message(connection, one)]
    return entries, _edits(connection, values["after"], values["upto"])


def _has_message(connection: Connection, edit: Entry) -> bool:
    """Whether the message of an edit is there, which a damaged disk may have lost."""
    return connection.execute("SELECT 1 FROM log WHERE seq = ? AND about IS NULL", (edit.about,)).fetchone() is not None


def _edits(connection: Connection, after: Seq, upto: Seq) -> dict[Seq, list[Entry]]:
    """The edits of the messages in these places, by message, in their order."""
    found: dict[Seq, list[Entry]] = {}
    for row in sorted(connection.execute(_EDITS, {"after": after, "upto": upto})):
        if (entry := entry_from_row(row)) is not None:
            found.setdefault(entry.about or 0, []).append(entry)
    return found


def _key(name: bytes | None) -> str:
    return key((name or b"").decode(errors="replace"))


def _as_json(entry: Entry, edits: list[Entry]) -> dict[str, Any]:
    """An entry as it is exported. The text of a message that was edited is the newest; all texts that it had are in `edits`."""
    text = edits[-1].msg if edits else entry.msg
    said = {
        "seq": entry.seq,
        "ts": utc_milliseconds(entry.ts),
        "from": entry.name,
        "ip": entry.ip,
        "to": entry.target,
        "msg": text,
    }
    said |= {"account": entry.author, "conv": entry.conv, "re": entry.re, "cid": sent_cid(entry.cid)}
    if entry.author is not None and entry.author < 0:
        said |= {"account": None, "hook": -entry.author}
    if edits:
        said["edits"] = [{"ts": utc_milliseconds(one.ts), "msg": one.msg} for one in (entry, *edits)]
    if entry.kind is not None:
        said["kind"] = entry.kind
    if entry.kind == EVENT:
        with suppress(ValueError):
            event = events.decode(entry.msg)
            said |= {"msg": event.sentence(entry.name, entry.target), "event": to_builtins(event)}
    if (file := entry.file) is not None:
        told = {"name": file.name, "type": file.type, "size": file.size, "digest": file.digest}
        said["file"] = told | {"path": f"{FILES}/{file.digest[:2]}/{file.digest}"}
    if entry.changes:
        said["about"] = entry.about
    return said
