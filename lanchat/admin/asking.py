"""Asking: what is not for the arguments of a process, where everyone on the machine can read it, or wants a second thought."""

from __future__ import annotations

import getpass
import sys

from lanchat.safekeeping import Refused

#: Characters of a line of stdin that are looked at: more than a password can have.
LONGEST = 4096


def password(name: str, from_stdin: bool) -> str:
    """A password for `name`: typed twice and not shown, or a line of stdin; raises `Refused`."""
    if from_stdin:
        found = sys.stdin.readline(LONGEST).strip()
    elif not sys.stdin.isatty():
        raise Refused("There is no terminal to type a password at. Give it on stdin, with --password-stdin.")
    else:
        found = getpass.getpass(f"Password for {name}: ").strip()
        if found != getpass.getpass("Once more: ").strip():
            raise Refused("These are two passwords, so nothing was changed. Try again.")
    if not found:
        raise Refused("There was no password, so nothing was changed. Try again.")
    return found


def certain(name: str) -> None:
    """Let it be confirmed that somebody is erased; raises `Refused`."""
    if not sys.stdin.isatty():
        raise Refused("There is no terminal to confirm it at, so nothing was erased. Say --yes to erase without a question.")
    sys.stderr.write(f"All that {name} said will be gone for good, with the account. Type the name to go on: ")
    sys.stderr.flush()
    if sys.stdin.readline().strip() != name.strip():
        raise Refused("That was not the name, so nothing was erased.")
