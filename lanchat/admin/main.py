"""The command `lanchat-admin`."""

from __future__ import annotations

import sys
from argparse import Namespace
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from lanchat.admin import configuration, control_client, data_directory, exit_status, files, offline, options, prompts
from lanchat.service.requests import Add, Done, Failed, Purge, Remove, ReportProgress, Request, SetPassword, SetRole
from lanchat.store import open_db, replace_db
from lanchat.system.printing import print_error, print_text, run_command
from lanchat.system.private_files import FileError
from lanchat.system.progress_bar import ProgressBar


def _add(asked: Namespace) -> Request:
    return Add(asked.name, prompts.password(asked.name, asked.password_stdin), asked.role, asked.force)


def _passwd(asked: Namespace) -> Request:
    return SetPassword(asked.name, prompts.password(asked.name, asked.password_stdin))


def _purge(asked: Namespace) -> Request:
    if not asked.yes:
        prompts.certain(asked.name)
    return Purge(asked.name)


#: What the server does, or one without doors in its place.
REQUESTS: dict[str, Callable[[Namespace], Request]] = {
    "add": _add,
    "passwd": _passwd,
    "role": lambda asked: SetRole(asked.name, asked.role),
    "remove": lambda asked: Remove(asked.name),
    "purge": _purge,
}
#: What is done here, beside a server or without one.
OWN: dict[str, Callable[[Namespace, ReportProgress], Done | Failed]] = {
    "backup": files.backup,
    "restore": files.restore,
    "new-epoch": files.new_epoch,
    "salvage": files.salvage,
    "check": files.check,
    "list": files.list_accounts,
    "export": files.export,
    "check-config": configuration.check,
    "reload": configuration.reload,
    "status": configuration.status,
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what the arguments say; the exit code."""
    return run_command("lanchat-admin", partial(_main, arguments))


def _main(arguments: Sequence[str] | None) -> int:
    asked = options.read(arguments)
    return _end(asked, _tried(asked, ProgressBar(sys.stderr)))


def _tried(asked: Namespace, bar: ProgressBar) -> Done | Failed:
    try:
        return _do(asked, bar.show)
    except (exit_status.Declined, FileError, UnicodeError, OSError, LookupError, KeyboardInterrupt) as error:
        return exit_status.failure(error)
    finally:
        bar.clear()


def _do(asked: Namespace, tell: ReportProgress) -> Done | Failed:
    if asked.command == "check-config":  # it says itself what is wrong with a directory, and changes nothing
        return OWN[asked.command](asked, tell)
    data_directory.check_directory(asked.data)
    return OWN[asked.command](asked, tell) if asked.command in OWN else _request(asked, tell)


def _request(asked: Namespace, tell: ReportProgress) -> Done | Failed:
    if asked.command != "add":  # the first account may be there before the first start of the server
        data_directory.check(asked.data)
    request = REQUESTS[asked.command](asked)
    outcome = control_client.call(asked.data, request, tell)
    if outcome is None:
        outcome = offline.do(asked.data, request, tell)
    return outcome


def _end(asked: Namespace, outcome: Done | Failed) -> int:
    if asked.command == "purge" and isinstance(outcome, Done):
        _tell_copies(asked.data, outcome)
    to_stdout = asked.command in ("backup", "export") and asked.file is None  # that is where what was asked for went
    return exit_status.show(outcome, asked.json, print_error if to_stdout else print_text)


def _tell_copies(directory: Path, outcome: Done) -> None:
    """Who was erased is still in the copies of before a restore, a salvage or an upgrade."""
    if copies := [copy.name for copy in replace_db.copies(directory / open_db.FILE)]:
        outcome.facts["copies"] = copies
        outcome.text += f" Older copies still have it: {', '.join(copies)}, and your backups. Remove those you need no more."
