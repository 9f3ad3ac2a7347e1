"""Export: what is in the log, as lines of JSON, for those who may have it: an archive, or a person who asks what is kept."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timezone
from pathlib import Path
from sqlite3 import Connection
from typing import Any, NamedTuple

from lanchat.admin.exit_status import Declined
from lanchat.history.closed_rooms import named
from lanchat.protocol.entry import COLUMNS, NO_CONVERSATION, Entry, entry_from_row, newest_seq
from lanchat.protocol.names import key
from lanchat.protocol.packet import visible
from lanchat.service.requests import ReportProgress, format_count
from lanchat.store.duplicates import sent_cid
from lanchat.system import printing
from lanchat.system.private_files import FileError, new_file

#: Rows that are read at a time: to read all at once would keep the server's `-wal` from ever being used again meanwhile.
ROWS = 2000
#: What somebody said, or was said to them alone. A guest, and an account that was removed, is no more than a name.
# (As bytes, for a damaged row may have no text; it must not keep the others from being exported.)
THEIRS = "(key(CAST(name AS BLOB)) = :user OR key(CAST(target AS BLOB)) = :user)"


class Wanted(NamedTuple):
    """Which messages: all that fits what is not None."""

    #: In rooms of that name, those that were closed too.
    room: str | None
    #: What was said by somebody, or to them alone.
    user: str | None
    #: In milliseconds since the epoch; the second is the first that is too late.
    since: int | None
    until: int | None


def export(
    connection: Connection, wanted: Wanted, write: Callable[[str], object], tell: ReportProgress
) -> tuple[int, int, bool]:
    """Write them; how many those were, and how many could not be read because the disk changed them.

    And whether more than one said something under the name that was asked for. Raises `Declined`.
    """
    connection.create_function("key", 1, _key, deterministic=True)
    where, values = _condition(connection, wanted)
    last, after, written, damaged = newest_seq(connection), 0, 0, 0
    authors: set[int | None] = set()
    while after < last:
        upto = min(after + ROWS, last)
        rows = connection.execute(
            f"SELECT {', '.join(COLUMNS)} FROM log WHERE seq > :after AND seq <= :upto AND {where} ORDER BY seq",  # noqa: S608 (ours)
            values | {"after": after, "upto": upto},
        )
        for row in rows.fetchall():
            entry = entry_from_row(row)
            damaged += entry is None
            if entry is not None:
                write(json.dumps(_line(entry)) + "\n")
                written += 1
                if wanted.user is not None and key(entry.name) == key(wanted.user):
                    authors.add(entry.author)
        after = upto
        tell(after / last, format_count(written, "message"))
    return written, damaged, len(authors) > 1


@contextmanager
def output(file: Path | None) -> Iterator[Callable[[str], object]]:
    """What writes lines: to a new file, which is there in the end only if it is whole, or to stdout.

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
        raise FileError(f"{file} can't be written: {error.strerror}. See to that, or give another name.") from None


def _condition(connection: Connection, wanted: Wanted) -> tuple[str, dict[str, Any]]:
    parts, values = ["conv != :nowhere"], {"nowhere": NO_CONVERSATION, **wanted._asdict()}
    if wanted.room is not None:
        parts.append("conv IN (SELECT value FROM json_each(:room))")
        values["room"] = json.dumps(_convs(connection, wanted.room))
    if wanted.user is not None:
        parts.append(THEIRS)
        values |= _user(connection, wanted.user)
    if wanted.since is not None:
        parts.append("ts >= :since")
    if wanted.until is not None:
        parts.append("ts < :until")
    return " AND ".join(parts), values


def _convs(connection: Connection, name: str) -> list[str]:
    """What the log calls the rooms that have or had this name."""
    convs = named(connection, [name])[name]
    if not convs:
        shown = visible(name.strip(), 40) or "(no name)"
        text = f"There is no room {shown}, and nothing is kept of one, so nothing was exported."
        raise Declined(text, "NO_SUCH_TARGET")
    return convs


def _user(connection: Connection, name: str) -> dict[str, Any]:
    values = {"user": key(name), "nowhere": NO_CONVERSATION}
    account = connection.execute("SELECT 1 FROM accounts WHERE key = :user", values)
    said = connection.execute(f"SELECT 1 FROM log WHERE conv != :nowhere AND {THEIRS} LIMIT 1", values)  # noqa: S608 (ours)
    if account.fetchone() is None and said.fetchone() is None:
        shown = visible(name.strip(), 40) or "(no name)"
        raise Declined(f"There is no account {shown}, and nothing that a {shown} said or was told is kept.", "NO_SUCH_TARGET")
    return values


def _key(name: bytes | None) -> str:
    return key((name or b"").decode(errors="replace"))


def _line(entry: Entry) -> dict[str, Any]:
    when = datetime.fromtimestamp(entry.ts / 1000, timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    said = {"seq": entry.seq, "ts": when, "from": entry.name, "ip": entry.ip, "to": entry.target, "msg": entry.msg}
    return said | {"account": entry.author, "conv": entry.conv, "re": entry.re, "cid": sent_cid(entry.cid)}
