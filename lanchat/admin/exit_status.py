"""Ending: how it went, for a person or a program, and as an exit code."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from lanchat.service.requests import Done, Failed
from lanchat.system.printing import print_error
from lanchat.system.private_files import FileError

#: Exit codes; argparse ends with 2 when the options make no sense.
DONE, NOT_DONE, UNUSABLE, INTERRUPTED = 0, 1, 3, 130
#: For programs, beside the codes of the wire: a file is there already; what is kept can't be used; somebody pressed Ctrl-C;
#: there is no server to ask.
EXISTS, CANT_USE, CTRL_C, NOT_RUNNING = "EXISTS", "UNUSABLE", "INTERRUPTED", "NOT_RUNNING"
#: What ends with another exit code than `NOT_DONE`.
EXIT_CODES = {CANT_USE: UNUSABLE, CTRL_C: INTERRUPTED}


class Declined(Exception):
    """What was asked for can't be done so, though nothing is wrong with what is kept. The text is one line."""

    def __init__(self, text: str, code: str = "USAGE") -> None:
        """`code` is for programs."""
        super().__init__(text)
        self.code = code


def failure(error: BaseException) -> Failed:
    """What went wrong, and what to do."""
    if isinstance(error, Declined):
        return Failed(str(error), error.code)
    if isinstance(error, FileError):
        return Failed(str(error), CANT_USE)
    if isinstance(error, KeyboardInterrupt):
        return Failed("Interrupted. Run it again: it goes on, or begins anew.", CTRL_C)
    if isinstance(error, UnicodeError):
        return Failed("A name or a password is not in UTF-8. Write it in that.", "USAGE")
    return Failed(f"It could not be done: {error}. See to that, and try again.", CANT_USE)


def show(outcome: Done | Failed, as_json: bool, say: Callable[[str], None]) -> int:
    """Let `say` print how it went, in words or as JSON; what went wrong, on stderr in any case. The exit code."""
    if isinstance(outcome, Failed):
        print_error(f"lanchat-admin: {outcome.text}")
        facts: dict[str, Any] = {**outcome.facts, "error": outcome.code, "text": outcome.text}
        facts |= {"mistakes": outcome.mistakes} if outcome.mistakes else {}
        code = EXIT_CODES.get(outcome.code, NOT_DONE)
    else:
        facts, code = outcome.facts, DONE
    if as_json:
        say(json.dumps(facts))
    elif code == DONE:
        say(outcome.text)
    return code
