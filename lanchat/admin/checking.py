"""The command `lanchat-admin check`: whether everything can be read as it was written; with `--mend`, what can be mended is."""

from __future__ import annotations

from argparse import Namespace
from functools import partial
from pathlib import Path
from sqlite3 import Connection
from typing import Any

from lanchat.admin import control_client, data_directory, offline
from lanchat.admin.exit_status import CANT_USE
from lanchat.admin.files import count_rows, first_lines
from lanchat.maintenance import backup as backups, file_check
from lanchat.maintenance.file_check import FilesFound
from lanchat.maintenance.kept_files import FILES
from lanchat.protocol.files import format_size
from lanchat.service.requests import Done, Failed, Mend, ReportProgress, format_count
from lanchat.store import name_keys, open_db, schema
from lanchat.tables.recent import newest_seq


def check(options: Namespace, progress: ReportProgress) -> Done | Failed:
    """Check that everything can be read as it was written, and count it."""
    mended = ""
    if options.mend:
        data_directory.check(options.data)
        outcome = control_client.call(options.data, Mend(), progress) or offline.do(options.data, Mend(), progress)
        if isinstance(outcome, Failed):
            return outcome
        mended = f"{outcome.text}\n"
    wrong, facts, shared, found = _look(options.data, progress)
    parts = ", ".join(format_count(int(facts[f"{what}s"]), what) for what in ("account", "room", "message", "file", "byte"))
    told: list[str] = []
    for what, lines, remedy in (
        ("row", wrong, "A salvage leaves them out; a backup may have them"),
        ("row", found.strays, "They are of files without a message: lanchat-admin check --mend removes them"),
        ("file", found.lost, "A backup may have what users sent"),
    ):
        if lines:
            place = "" if told else f", of {parts}"
            told += [f"{format_count(len(lines), what)} can't be used{place}. {remedy}:", *first_lines(lines, len(lines))]
    if told:
        return Failed(mended + "\n".join(told), CANT_USE, [*wrong, *found.strays, *found.lost], facts)
    return Done("\n".join([f"{mended}No damage found: {parts}.", *_about_orphans(found), *shared]), facts)


def _look(directory: Path, progress: ReportProgress) -> tuple[list[str], dict[str, Any], list[str], FilesFound]:
    """What can't be used in the database; how much there is; names that are shared; what is with the files."""
    with data_directory.reading(directory) as connection:
        backups.check_pages(connection, data_directory.check(directory), wal_was_there=True, remedy=open_db.REMEDY)
        with data_directory.snapshot(connection):  # (or what an account has that was made just now would seem to be nobody's)
            wrong, facts = backups.unusable_rows(connection), _facts(connection)
            facts["shared"] = shared = list(name_keys.shared_names(connection))
        with backups.as_file_error(directory / FILES):
            found = file_check.check(connection, directory / FILES, partial(_report, progress))
    facts["bytes"] = data_directory.check(directory).stat().st_size
    facts |= {"files": found.number, "file_bytes": found.bytes, "files_lost": len(found.lost)}
    facts |= {"orphans": found.orphans, "orphan_bytes": found.orphan_bytes}
    return wrong, facts, shared, found


def _report(progress: ReportProgress, done: float) -> None:
    progress(done, "reading files")


def _about_orphans(found: FilesFound) -> list[str]:
    if not found.orphans:
        return []
    count, size = format_count(found.orphans, "file"), format_size(found.orphan_bytes)
    return [f"{count} ({size}) that no message has: the next start of the server removes them, or lanchat-admin check --mend."]


def _facts(connection: Connection) -> dict[str, Any]:
    """How much there is of each kind, and the place of the log."""
    counts = {name: count_rows(connection, name) for name in ("accounts", "rooms", "devices", "tokens")}
    place = {"epoch": schema.get_meta(connection, "epoch"), "seq": newest_seq(connection)}
    return counts | {"messages": count_rows(connection, "log")} | place
