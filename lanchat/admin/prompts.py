"""Asking: what is not for the arguments of a process, where everyone on the machine can read it, or wants a second thought."""

from __future__ import annotations

import getpass
import sys

from lanchat.admin.exit_status import Declined

#: Characters of a line of stdin that are looked at: more than a password can have.
LONGEST = 4096


def password(name: str, from_stdin: bool) -> str:
    """A password for `name`: typed twice and not shown, or a line of stdin; raises `Declined`."""
    if from_stdin:
        found = sys.stdin.readline(LONGEST).removeprefix("\N{ZERO WIDTH NO-BREAK SPACE}").strip()  # (a byte order mark)
    elif not sys.stdin.isatty():
        raise Declined("There is no terminal to type a password at. Give it on stdin, with --password-stdin.")
    else:
        found = _typed(f"Password for {name}: ")
        if found and found != _typed("Once more: "):
            raise Declined("These are two passwords, so nothing was changed. Try again.")
    if not found:
        raise Declined("There was no password, so nothing was changed. Try again.")
    return found


def _typed(prompt: str) -> str:
    """What is typed, unseen; nothing if Ctrl-D is."""
    try:
        return getpass.getpass(prompt).strip()
    except EOFError:
        return ""


def certain(name: str) -> None:
    """Let it be confirmed that somebody is erased; raises `Declined`."""
    if not sys.stdin.isatty():
        raise Declined("There is no terminal to confirm it at, so nothing was erased. Say --yes to erase without a question.")
    sys.stderr.write(
        f"All that was said with accounts of the name {name} will be gone for good, with the account. Type the name to go on: "
    )
    sys.stderr.flush()
    if sys.stdin.readline().strip() != name.strip():
        raise Declined("That was not the name, so nothing was erased.")
