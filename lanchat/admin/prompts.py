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
        raise Declined("There is no terminal to type a password at. Give it on stdin, with --password-stdin.")
    else:
        found = _typed_password(f"Password for {name}: ")
        if found and found != _typed_password("Once more: "):
            raise Declined("These are two passwords, so nothing was changed. Try again.")
    if not found:
        raise Declined("There was no password, so nothing was changed. Try again.")
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
        raise Declined("There is no terminal to confirm it at, so nothing was erased. Say --yes to erase without a question.")
    sys.stderr.write(
        f"All that was said with accounts of the name {name} will be gone for good, with the account. Type the name to go on: "
    )
    sys.stderr.flush()
    if sys.stdin.readline().strip() != name.strip():
        raise Declined("That was not the name, so nothing was erased.")
