"""Prompts for passwords, which must not be arguments that every user of the machine can read, and for confirmation."""

from __future__ import annotations

import getpass
import sys

from lanchat.admin.exit_status import Declined

#: Characters of a line of stdin that are read; no password is that long.
MAX_LINE = 4096


def password(name: str, from_stdin: bool) -> str:
    """A password for `name`: typed twice without echo, or a line of stdin. Raises `Declined`."""
    if from_stdin:
        found = sys.stdin.readline(MAX_LINE).removeprefix("\N{ZERO WIDTH NO-BREAK SPACE}").strip()  # (a byte order mark)
    elif not sys.stdin.isatty():
        raise Declined("There is no terminal to type a password. Pass it on stdin, with --password-stdin.")
    else:
        found = _typed_password(f"Password for {name}: ")
        if found and found != _typed_password("Once more: "):
            raise Declined("The passwords differ, so nothing was changed. Try again.")
    if not found:
        raise Declined("No password was typed, so nothing was changed. Try again.")
    return found


def _typed_password(prompt: str) -> str:
    """What is typed without echo; "" after Ctrl-D."""
    try:
        return getpass.getpass(prompt).strip()
    except EOFError:
        return ""


def confirm_purge(name: str) -> None:
    """Ask for confirmation before a user is erased; raises `Declined`."""
    if not sys.stdin.isatty():
        raise Declined("Nothing was erased: there is no terminal to ask for confirmation. Add --yes to erase without asking.")
    sys.stderr.write(
        f"The account {name} and all messages of accounts with that name will be erased forever. Type the name to confirm: "
    )
    sys.stderr.flush()
    if sys.stdin.readline().strip() != name.strip():
        raise Declined("Nothing was erased: that was not the name.")
