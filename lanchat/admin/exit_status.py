"""How a command ended: as text, as JSON, and as an exit code."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from lanchat.service.requests import Done, Failed
from lanchat.system.printing import print_error
from lanchat.system.private_files import FileError

#: Exit codes. Wrong options end with 2, by argparse.
DONE, NOT_DONE, UNUSABLE, INTERRUPTED = 0, 1, 3, 130
#: Codes for programs, besides those of the protocol: a file exists already, the data can't be used, Ctrl-C, no server is
#: running.
EXISTS, CANT_USE, CTRL_C, NOT_RUNNING = "EXISTS", "UNUSABLE", "INTERRUPTED", "NOT_RUNNING"
#: Codes that end with another exit code than `NOT_DONE`.
EXIT_CODES = {CANT_USE: UNUSABLE, CTRL_C: INTERRUPTED}


class Declined(Exception):
    """A request can't be carried out, though nothing is wrong with the data. The text is one line."""

    def __init__(self, text: str, code: str = "USAGE") -> None:
        """`code` is for programs, as in `--json`."""
        super().__init__(text)
        self.code = code


def failure(error: BaseException) -> Failed:
    """The outcome for an exception: what went wrong, and what to do."""
    if isinstance(error, Declined):
        return Failed(str(error), error.code)
    if isinstance(error, FileError):
        return Failed(str(error), CANT_USE)
    if isinstance(error, KeyboardInterrupt):
        return Failed("Interrupted. Run it again: it continues, or starts over.", CTRL_C)
    if isinstance(error, UnicodeError):
        return Failed("A name or a password is not in UTF-8. Type it in a UTF-8 terminal.", "USAGE")
    return Failed(f"It failed: {error}. Fix that, and try again.", CANT_USE)


def show(outcome: Done | Failed, as_json: bool, print_line: Callable[[str], None]) -> int:
    """Print the outcome with `print_line`, as text or JSON, and errors on stderr too. Returns the exit code."""
    if isinstance(outcome, Failed):
        print_error(f"lanchat-admin: {outcome.text}")
        facts: dict[str, Any] = {**outcome.facts, "error": outcome.code, "text": outcome.text}
        facts |= {"mistakes": outcome.mistakes} if outcome.mistakes else {}
        code = EXIT_CODES.get(outcome.code, NOT_DONE)
    else:
        facts, code = outcome.facts, DONE
    if as_json:
        print_line(json.dumps(facts))
    elif code == DONE:
        print_line(outcome.text)
    return code
