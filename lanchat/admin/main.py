"""The command `lanchat-admin`: it parses the options, runs a command and shows its outcome."""

from __future__ import annotations

import sys
from argparse import Namespace
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from lanchat.admin import checking, configuration, control_client, data_directory, exit_status, files, offline, prompts
from lanchat.admin.options import read as read_options
from lanchat.service.requests import (
    Add,
    AddHook,
    ChangeHook,
    Done,
    Failed,
    ListHooks,
    MakeToken,
    Purge,
    Remove,
    ReportProgress,
    Request,
    Say,
    SetPassword,
    SetRank,
    SetRole,
    SetRule,
    Undelivered,
)
from lanchat.store import open_db, replace_db
from lanchat.system.printing import print_error, print_text, run_command
from lanchat.system.private_files import FileError
from lanchat.system.progress_bar import ProgressBar


def _add(options: Namespace) -> Request:
    return Add(options.name, prompts.password(options.name, options.password_stdin), options.role, options.force)


def _passwd(options: Namespace) -> Request:
    return SetPassword(options.name, prompts.password(options.name, options.password_stdin))


def _purge(options: Namespace) -> Request:
    if not options.yes:
        prompts.confirm_purge(options.name)
    return Purge(options.name)


def _rule(options: Namespace) -> Request:
    if options.rule == "key" and options.value.lower() != "off":
        told = "A key is not an argument, as all users of this machine could read it"
        raise exit_status.Declined(f"{told}. Set it in the chat: /rules {options.room} key WORD")
    return SetRule(options.room, options.rule, options.value)


#: Requests for the server; without one they are carried out here (`offline.py`).
REQUESTS: dict[str, Callable[[Namespace], Request]] = {
    "add": _add,
    "passwd": _passwd,
    "token": lambda options: MakeToken(options.name, options.revoke),
    "role": lambda options: SetRole(options.name, options.role),
    "remove": lambda options: Remove(options.name),
    "purge": _purge,
    "say": lambda options: Say(options.room, " ".join(options.text)),
    "room rank": lambda options: SetRank(options.room, options.name, options.rank),
    "room rule": _rule,
    "hook add": lambda options: AddHook(options.name, options.room, options.post or ""),
    "hook list": lambda options: ListHooks(options.room or ""),
    "hook rotate": lambda options: ChangeHook(options.name, "rotate"),
    "hook enable": lambda options: ChangeHook(options.name, "enable"),
    "hook disable": lambda options: ChangeHook(options.name, "disable"),
    "hook undelivered": lambda options: Undelivered(options.name, options.forget),
    "hook remove": lambda options: ChangeHook(options.name, "remove"),
}
#: Commands that are carried out here, with a running server or without.
LOCAL_COMMANDS: dict[str, Callable[[Namespace, ReportProgress], Done | Failed]] = {
    "backup": files.backup,
    "restore": files.restore,
    "new-epoch": files.new_epoch,
    "salvage": files.salvage,
    "check": checking.check,
    "list": files.list_accounts,
    "room list": files.list_rooms,
    "export": files.export,
    "check-config": configuration.check,
    "reload": configuration.reload,
    "status": configuration.status,
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code."""
    return run_command("lanchat-admin", partial(_main, arguments))


def _main(arguments: Sequence[str] | None) -> int:
    options = read_options(arguments)
    return _show_result(options, _run(options, ProgressBar(sys.stderr)))


def _run(options: Namespace, bar: ProgressBar) -> Done | Failed:
    try:
        return _run_command(options, bar.show)
    except (exit_status.Declined, FileError, UnicodeError, OSError, LookupError, KeyboardInterrupt) as error:
        return exit_status.failure(error)
    finally:
        bar.clear()


def _run_command(options: Namespace, progress: ReportProgress) -> Done | Failed:
    if options.command == "check-config":  # it reports bad directories itself, and changes nothing
        return LOCAL_COMMANDS[options.command](options, progress)
    data_directory.check_directory(options.data)
    return (
        LOCAL_COMMANDS[options.command](options, progress)
        if options.command in LOCAL_COMMANDS
        else _run_request(options, progress)
    )


def _run_request(options: Namespace, progress: ReportProgress) -> Done | Failed:
    if options.command != "add":  # the first account may be made before the server's first start
        data_directory.check(options.data)
    request = REQUESTS[options.command](options)
    outcome = control_client.call(options.data, request, progress)
    if outcome is None:
        outcome = offline.do(options.data, request, progress)
    return outcome


def _show_result(options: Namespace, outcome: Done | Failed) -> int:
    if options.command == "purge" and isinstance(outcome, Done):
        _list_copies(options.data, outcome)
    if options.command in ("hook add", "hook rotate", "token") and isinstance(outcome, Done):
        _show_secret(outcome)
    to_stdout = options.command in ("backup", "export") and options.file is None  # the backup or export itself goes to stdout
    return exit_status.show(outcome, options.json, print_error if to_stdout else print_text)


def _list_copies(directory: Path, outcome: Done) -> None:
    """Add to the outcome of a purge the older copies of the database, which still contain the erased messages."""
    if copies := [copy.name for copy in replace_db.copies(directory / open_db.FILE)]:
        outcome.facts["copies"] = copies
        outcome.text += (
            f" Older copies still contain it: {', '.join(copies)}, and your backups. Delete those you no longer need."
        )


def _show_secret(outcome: Done) -> None:
    """Add to the outcome what is only in its facts, so that it is not logged: an address of a webhook, a secret, a token."""
    facts = outcome.facts
    if secret := facts.get("secret"):
        outcome.text += f" Its posts are signed with this secret, which is not shown again:\n{secret}"
    elif token := facts.get("token"):
        outcome.text += f" It is not shown again, and whoever has it is {facts['name']}:\n{token}"
    elif "url" in facts:
        _show_address(outcome)


def _show_address(outcome: Done) -> None:
    url = str(outcome.facts["url"])
    if url.startswith("/"):
        outcome.text += f" Programs post to http://SERVER:PORT{url}, with the name and the port (--http) of your server."
    else:
        outcome.text += f" Programs post to {url}"
    outcome.text += "\nKeep it like a password: whoever has it can speak there, and it is not shown again."
