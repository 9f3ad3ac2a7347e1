"""Passwords: what /login, /register and /password ask for unseen. A new one is asked for twice: nobody sees a typo in it."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

#: Asks a question, and calls with the answer; None, or "", if there is none.
Ask = Callable[[str, Callable[[str | None], None]], None]


class Passwords:
    """The questions, one after another."""

    def __init__(self, ask: Ask, notice: Callable[[str], None], use: Callable[..., None]) -> None:
        """`use` is called with a command, its words, and the members of `x` that go with them; `notice` with what to tell."""
        self._ask = ask
        self._notice = notice
        self._use = use

    def ask_for(self, command: str) -> None:
        """Ask for what this command needs, and use that."""
        if command == "/login":
            self._question("Password: ", partial(self._use, command))
        elif command == "/register":
            self._new("Password: ", partial(self._use, command))
        else:
            self._question("The password until now: ", self._replace)

    def _replace(self, old: str) -> None:
        # Either may have blanks, so that the words alone do not tell where the old one ends.
        self._new("The new password: ", lambda new: self._use("/password", f"{old} {new}", password=old, text=new))

    def _new(self, question: str, done: Callable[[str], None]) -> None:
        """Ask until the same was typed twice."""

        def compare(first: str, again: str) -> None:
            if again == first:
                done(first)
            else:
                self._notice("These were two different passwords. Once more:")
                self._new(question, done)

        self._question(question, lambda first: self._question("The same again: ", partial(compare, first)))

    def _question(self, question: str, answered: Callable[[str], None]) -> None:
        def check(answer: str | None) -> None:
            if answer:
                answered(answer)
            else:
                self._notice("No password was typed, and nothing was sent.")

        self._ask(question, check)
