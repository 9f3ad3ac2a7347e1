"""The command `lanchat-admin`."""

from __future__ import annotations

import json
import os
import sys
from argparse import Namespace
from collections.abc import Callable, Sequence

from lanchat.admin import asking, calling, files, offline, options, place
from lanchat.operations import Add, Done, Failed, Purge, Remove, Request, SetPassword, SetRole, Tell
from lanchat.progress import Bar
from lanchat.safekeeping import Refused

#: Exit codes; argparse ends with 2 when the options make no sense.
DONE, NOT_DONE, UNUSABLE, INTERRUPTED = 0, 1, 3, 130


def _add(asked: Namespace) -> Request:
    return Add(asked.name, asking.password(asked.name, asked.password_stdin), asked.role)


def _passwd(asked: Namespace) -> Request:
    return SetPassword(asked.name, asking.password(asked.name, asked.password_stdin))


def _purge(asked: Namespace) -> Request:
    if not asked.yes:
        asking.certain(asked.name)
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
OWN: dict[str, Callable[[Namespace, Tell], Done | Failed]] = {
    "backup": files.backup,
    "restore": files.restore,
    "new-epoch": files.new_epoch,
    "salvage": files.salvage,
    "check": files.check,
    "list": files.list_accounts,
    "export": files.export,
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what the arguments say; the exit code."""
    asked = options.read(arguments)
    bar = Bar(sys.stderr)
    try:
        outcome = _do(asked, bar.show)
        bar.clear()
        return _show(asked, outcome)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # or Python complains once more when it ends
        return NOT_DONE
    except (Refused, UnicodeError, OSError, LookupError, KeyboardInterrupt, EOFError) as error:
        bar.clear()
        return _complain(_reason(error), INTERRUPTED if isinstance(error, KeyboardInterrupt) else UNUSABLE)


def _reason(error: BaseException) -> str:
    """What went wrong, and what to do."""
    if isinstance(error, Refused):
        return str(error)
    if isinstance(error, (KeyboardInterrupt, EOFError)):
        return "Interrupted. Run it again: it goes on, or begins anew."
    if isinstance(error, UnicodeError):
        return "A name or a password is not in UTF-8. Write it in that."
    return f"It could not be done: {error}. See to that, and try again."


def _do(asked: Namespace, tell: Tell) -> Done | Failed:
    try:
        return OWN[asked.command](asked, tell) if asked.command in OWN else _request(asked, tell)
    finally:
        place.give_to_owner(asked.data)


def _request(asked: Namespace, tell: Tell) -> Done | Failed:
    if asked.command != "add":  # the first account may be there before the first start of the server
        place.check(asked.data)
    request = REQUESTS[asked.command](asked)
    outcome = calling.call(asked.data, request, tell)
    if outcome is None:
        outcome = offline.do(asked.data, request, tell)
    return outcome


def _show(asked: Namespace, outcome: Done | Failed) -> int:
    if isinstance(outcome, Failed):
        return _complain(outcome.text, NOT_DONE)
    if asked.command == "purge" and (copies := files.older_copies(asked.data)):
        outcome.facts["copies"] = copies
        outcome.text += f" Older copies still have it: {', '.join(copies)}, and your backups. Remove those you need no more."
    to_stdout = asked.command == "export" and asked.file is None  # that is where the messages went
    out = sys.stderr if to_stdout else sys.stdout
    out.write(f"{json.dumps(outcome.facts) if asked.json else outcome.text}\n")
    return DONE


def _complain(text: str, code: int) -> int:
    sys.stderr.write(f"lanchat-admin: {text}\n")
    return code
