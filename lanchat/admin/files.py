"""The commands that read the whole database, or replace it: backup, restore, salvage, check, export and others."""

from __future__ import annotations

import shutil
import sys
import tempfile
import time
from argparse import Namespace
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from sqlite3 import Connection
from threading import Thread
from typing import Any

from lanchat.admin import control_client, data_directory
from lanchat.admin.exit_status import EXISTS, Declined
from lanchat.admin.export import MessageFilter, export as write_lines, output
from lanchat.commands import room_rights
from lanchat.maintenance import backup as backups, file_backup, salvage as salvaging
from lanchat.maintenance.file_backup import Copied
from lanchat.model.room import Room
from lanchat.model.session import Account, Role
from lanchat.protocol.files import format_size
from lanchat.protocol.packet import visible
from lanchat.service.requests import Done, Failed, Note, ReportProgress, format_count
from lanchat.store import open_db
from lanchat.system import printing
from lanchat.system.private_files import FileError, temporary_directory
from lanchat.tables import accounts, rooms

_ROLES = {int(role): role.name.lower() for role in Role}
#: Seconds between two updates of the progress bar.
POLL_SECONDS = 0.1
#: Unusable rows that are listed for people; the rest are counted.
MAX_SHOWN_ROWS = 20
#: Code for programs: it was done, except for rows that are damaged on disk.
DAMAGED = "DAMAGED"


def backup(options: Namespace, progress: ReportProgress) -> Done | Failed:
    """Copy the database to a new file, or to stdout; the files of messages to a directory beside that."""
    size = data_directory.check(options.data).stat().st_size
    if options.file is not None:
        check_new(options.file)
        check_new(file_backup.beside(options.file))
        copied, files = _copy_with_progress(options.data, options.file, size, progress)
    elif sys.stdout.isatty():
        raise Declined("A backup can't be written to a terminal. Name a file, or use a pipe.")
    else:
        with temporary_directory(Path(tempfile.gettempdir())) as directory:  # SQLite can't write to a pipe
            copied, _ = _copy_with_progress(options.data, directory / "backup", size, progress, with_files=False)
            with open_db.closing(directory / "backup", "ro") as connection:
                left_out = len(file_backup.needed(connection))
            with (directory / "backup").open("rb") as file:
                printing.print_file(file)
    note(options.data, f"backup to {options.file.absolute() if options.file else 'stdout'}")
    facts: dict[str, Any] = {"file": options.file and str(options.file), "bytes": copied}
    if options.file is None:
        text = "Backup written to stdout."
        if left_out:
            text += f" It lacks {format_count(left_out, 'file')} that users sent: name a FILE to have them, too."
        return Done(text, facts | {"files_left_out": left_out})
    return _backed_up(options.file, files, facts)


def _backed_up(file: Path, files: Copied, facts: dict[str, Any]) -> Done | Failed:
    text = f"Backup written to {file}."
    if files.number or files.lost:
        shown = format_size(files.bytes)
        text = f"Backup written to {file}, and {format_count(files.number, 'file')} ({shown}) to {file_backup.beside(file)}."
    facts |= {"files": files.number, "file_bytes": files.bytes, "files_lost": len(files.lost)}
    if not files.lost:
        return Done(text, facts)
    lost = f"{format_count(len(files.lost), 'file')} that users sent could not be copied, as the disk lost them"
    return Failed(f"{text} {lost}. lanchat-admin check lists them; an older backup may have them.", DAMAGED, [], facts)


def _copy_with_progress(
    data: Path, target: Path, size: int, progress: ReportProgress, *, with_files: bool = True
) -> tuple[int, Copied]:
    """Copy the database to a new file and show the progress, of about `size` bytes; returns the bytes and files copied."""
    parts: list[Path] = []
    done: list[float] = []
    results: list[Copied | Exception] = []

    def copy() -> None:
        try:
            results.append(backups.copy_out(data, target, backups.Report(parts.append, done.append), with_files=with_files))
        except Exception as error:  # noqa: BLE001 (it is raised below, where it is waited for)
            results.append(error)

    copying = Thread(target=copy, daemon=True)
    copying.start()
    try:
        while copying.is_alive():
            for part in parts:
                with suppress(OSError):
                    progress(done[-1], "copying files") if done else progress(part.stat().st_size / size, "copying")
            copying.join(POLL_SECONDS)
    except KeyboardInterrupt:
        for part in parts:
            shutil.rmtree(part.parent, ignore_errors=True)
        raise
    if isinstance(copied := results[0], Exception):
        raise copied
    return target.stat().st_size, copied


def restore(options: Namespace, progress: ReportProgress) -> Done:
    """Replace the database by a backup, and bring in its files."""
    if not options.file.exists():
        raise Declined(f"Nothing was restored: there is no file {options.file}.", "NO_SUCH_TARGET")
    data_directory.check_stopped(options.data)
    when = time.strftime("%Y%m%d-%H%M%S")
    old, files = backups.restore(
        options.data,
        options.file,
        when,
        incomplete=options.incomplete,
        report=lambda done: progress(done, "copying files"),
    )
    aside = f" The previous database is in {old.name}." if old.exists() else ""
    lost = f" Without {format_count(len(files.lost), 'file')} that the backup lacks." if files.lost else ""
    text = f"Restored {options.file}; the server will use it when it starts.{lost}{aside}"
    facts = {
        "file": str(options.file),
        "old": str(old) if aside else None,
        "files": files.number,
        "files_lost": len(files.lost),
    }
    return Done(text, facts)


def new_epoch(options: Namespace, progress: ReportProgress) -> Done:
    """Start a new epoch, for a log that lacks its end: clients then synchronise anew."""
    data_directory.check(options.data)
    data_directory.check_stopped(options.data)
    epoch = backups.new_epoch(options.data)
    return Done("Started a new epoch: clients will resynchronise.", {"epoch": epoch})


def salvage(options: Namespace, progress: ReportProgress) -> Done | Failed:
    """Replace a damaged database by what can be read of it."""
    data_directory.check(options.data)
    data_directory.check_stopped(options.data)
    saved = salvaging.salvage(options.data, time.strftime("%Y%m%d-%H%M%S"))
    parts = {"account": saved.accounts, "room": saved.rooms, "message": saved.messages}
    accounts, rooms, messages = (_count_saved(part, what) for what, part in parts.items())
    kept = f"The damaged database is in {saved.old.name}."
    text = f"Saved {accounts}, {rooms} and {messages}; {format_count(saved.refused, 'row')} could not be used. {kept}"
    facts: dict[str, Any] = {
        "messages": saved.messages.saved,
        "lost": saved.messages.lost,
        "refused": saved.refused,
        "old": str(saved.old),
    }
    facts |= {"accounts": saved.accounts._asdict(), "rooms": saved.rooms._asdict()}
    if saved.all:
        return Done(text, facts)
    rest = f" Only partly readable: {', '.join(saved.unread)}." if saved.unread else ""
    return Failed("\n".join([f"{text}{rest}", *first_lines(saved.wrong, saved.refused)]), DAMAGED, saved.wrong, facts)


def list_accounts(options: Namespace, progress: ReportProgress) -> Done:
    """List all accounts, by name."""
    with data_directory.reading(options.data) as connection:
        rows = connection.execute(
            "SELECT a.name, role, created, (SELECT max(seen) FROM devices WHERE account = a.id) FROM accounts a ORDER BY key"
        ).fetchall()
    found = [
        {"name": visible(str(name)), "role": _ROLES.get(role, "?"), "created": _day(created), "seen": _day(seen)}
        for name, role, created, seen in rows
    ]
    width = max((len(str(one["name"])) for one in found), default=0)
    lines = [f"{one['name']:{width}}  {one['role']:9}  made {one['created']}  seen {one['seen'] or '-'}" for one in found]
    return Done("\n".join(lines) or "There are no accounts.", {"accounts": found})


def list_rooms(options: Namespace, progress: ReportProgress) -> Done:
    """List all rooms, by name, with their members, messages, owners and rules."""
    with data_directory.reading(options.data) as connection, data_directory.snapshot(connection):
        known = {account.id: account for account in accounts.load(connection, _ignore)}
        found = sorted(rooms.load(connection, known, _ignore), key=lambda room: room.key)
        facts = [_room_facts(connection, room, known) for room in found]
    lines = [_room_line(room, one) for room, one in zip(found, facts, strict=True)]
    return Done("\n".join(lines) or "There are no rooms.", {"rooms": facts})


def _room_facts(connection: Connection, room: Room, known: dict[int, Account]) -> dict[str, Any]:
    """What there is to know of a room, without its key."""
    said = connection.execute("SELECT count(*) FROM log WHERE conv = ? AND about IS NULL", (room.conv,)).fetchone()
    return {
        "name": visible(room.name),
        "owners": [visible(name) for name in room_rights.owners(room, known.get)],
        "members": len(room.members),
        "messages": int(said[0]),
        "rules": room_rights.shown_rules(room, with_key=False),
        "topic": visible(room.topic),
    }


def _room_line(room: Room, facts: dict[str, Any]) -> str:
    counted = f"{format_count(facts['members'], 'member')}, {format_count(facts['messages'], 'message')}"
    owners, rules = ", ".join(facts["owners"]), room_rights.unusual_rules(room)
    return f"{facts['name']}  {counted}  {f'owned by {owners}' if owners else 'no owner'}{f'  ({rules})' if rules else ''}"


def export(options: Namespace, progress: ReportProgress) -> Done | Failed:
    """Write messages as lines of JSON."""
    message_filter = MessageFilter(options.room, options.user, options.since, options.until)
    data_directory.check(options.data)
    if options.file is not None:
        check_new(options.file)
    with output(options.file) as write, data_directory.reading(options.data) as connection:
        written, damaged, several = write_lines(connection, message_filter, write, progress if options.file else _no_progress)
    messages = format_count(written, "message")
    note(options.data, f"export of {messages}")
    if damaged:
        missing = f"{messages} exported; damaged on the disk: {damaged:,}"
        return Failed(f"{missing}. Look for them in a backup.", DAMAGED)
    people = f" They may belong to different people: several have used the name {visible(options.user, 40)}." if several else ""
    return Done(f"{messages} exported.{people}", {"messages": written, "file": options.file and str(options.file)})


def check_new(file: Path) -> None:
    """Raise `Declined` if this path exists already, or has no directory."""
    if file.exists() or file.is_symlink():
        raise Declined(f"{file} exists already. Give another name, or move it.", EXISTS)
    if not file.absolute().parent.is_dir():
        raise Declined(f"There is no directory {file.absolute().parent}. Create it, or give another.", "NO_SUCH_TARGET")


def note(directory: Path, what: str) -> None:
    """Let the running server, if there is one, write a line to its log."""
    with suppress(FileError):
        control_client.call(directory, Note(visible(what)), _no_progress)


def first_lines(wrong: list[str], count: int) -> list[str]:
    """The first errors, one a line, and how many more there are."""
    more = [f"... and {count - MAX_SHOWN_ROWS:,} more"] if count > MAX_SHOWN_ROWS else []
    return [*wrong[:MAX_SHOWN_ROWS], *more]


def _count_saved(part: salvaging.Part, what: str) -> str:
    lost = "unknown how many" if part.lost is None else f"{part.lost:,}"
    return f"{format_count(part.saved, what)} ({lost} lost)"


def count_rows(connection: Connection, table: str) -> int:
    """How many rows a table has."""
    return int(connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0])  # noqa: S608 (our own table names)


def _day(seconds: int | None) -> str | None:
    """The date of a Unix time in this machine's zone; None if there is none, or an impossible one."""
    if seconds is None:
        return None
    try:
        return datetime.fromtimestamp(seconds).astimezone().date().isoformat()
    except (TypeError, ValueError, OverflowError, OSError):
        return None


def _ignore(what: str) -> None:
    """Leave out a row that can't be used; `check` lists those."""


def _no_progress(done: float, text: str) -> None:
    """A progress callback that shows nothing."""
