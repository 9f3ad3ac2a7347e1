"""Prompts for the passwords of /login, /register and /password. A new one is asked for twice, as typos are not visible."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TypeAlias

from lanchat.client.interfaces import Answered, NotSent
from lanchat.client.session import ClientSession

#: Asks a question, and calls back with the answer; with None or "" if there is none.
Ask: TypeAlias = Callable[[str, Answered], None]


class PasswordPrompts:
    """Asks for passwords, one prompt after another."""

    def __init__(self, ask: Ask, notice: Callable[[str], None], submit: Callable[..., None]) -> None:
        """`submit` is called with a command, its text, and members of `x`; `notice` with texts for the user."""
        self._ask = ask
        self._notice = notice
        self._submit = submit

    def command(self, command: str, words: str) -> None:
        """Submit a command with the passwords that were typed with it; ask for them without echo if there are none."""
        if words.strip():
            self._submit(command, words)
        else:
            self.ask_for(command)

    def ask_for(self, command: str) -> None:
        """Ask for the passwords that a command needs, and submit them."""
        if command == "/login":
            self._ask_one("Password: ", partial(self._submit, command))
        elif command == "/register":
            self._ask_new("Password: ", partial(self._submit, command))
        else:
            self._ask_one("Current password: ", self._use_both)

    def _use_both(self, old: str) -> None:
        # Both may contain spaces, so the text alone does not show where the old password ends.
        self._ask_new("New password: ", lambda new: self._submit("/password", f"{old} {new}", password=old, text=new))

    def _ask_new(self, question: str, done: Callable[[str], None]) -> None:
        """Ask for a new password until the same one was typed twice."""

        def compare(first: str, again: str) -> None:
            if again == first:
                done(first)
            else:
                self._notice("The passwords differ. Once more:")
                self._ask_new(question, done)

        self._ask_one(question, lambda first: self._ask_one("Repeat it: ", partial(compare, first)))

    def _ask_one(self, question: str, answered: Callable[[str], None]) -> None:
        def check(answer: str | None) -> None:
            if answer:
                answered(answer)
            else:
                self._notice("No password was typed, and nothing was sent.")

        self._ask(question, check)


def submit(session: ClientSession, not_sent: Callable[[NotSent], None], command: str, words: str, **args: str) -> None:
    """Send passwords to the server; `not_sent` is called if that is impossible."""
    try:
        if command == "/login":
            session.log_in(words.strip())
        else:
            session.send(command, words, args=args)
    except NotSent as error:
        not_sent(error)
