"""Passwords that are asked for at the prompt: how often, and what comes of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from lanchat.terminal.password_prompts import PasswordPrompts


class Desk:
    """Somebody who answers as told before, and what comes of it."""

    def __init__(self, *answers: str | None) -> None:
        self.questions: list[str] = []
        self.notices: list[str] = []
        self.used: list[tuple[Any, ...]] = []
        self._answers = list(answers)
        self.passwords = PasswordPrompts(
            self._ask, self.notices.append, lambda *words, **args: self.used.append((*words, args))
        )

    def _ask(self, question: str, answered: Callable[[str | None], None]) -> None:
        self.questions.append(question)
        answered(self._answers.pop(0))


def test_a_login_asks_once() -> None:
    desk = Desk("hunter2")
    desk.passwords.ask_for("/login")
    assert desk.used == [("/login", "hunter2", {})]


def test_a_new_password_is_asked_for_twice_and_sent_once() -> None:
    desk = Desk("hunter2", "hunter2")
    desk.passwords.ask_for("/register")
    assert desk.used == [("/register", "hunter2", {})]
    assert desk.questions == ["Password: ", "Repeat it: "]


def test_the_old_password_is_asked_for_once_and_both_may_have_blanks() -> None:
    desk = Desk("a b", "c d", "c d")
    desk.passwords.ask_for("/password")
    assert desk.used == [("/password", "a b c d", {"password": "a b", "text": "c d"})]


def test_two_different_ones_are_asked_for_anew_and_the_old_one_is_not() -> None:
    desk = Desk("old", "typo", "new", "new", "new")
    desk.passwords.ask_for("/password")
    assert desk.used[0][2]["text"] == "new"
    assert desk.questions.count("Current password: ") == 1
    assert desk.notices == ["The passwords differ. Once more:"]


@pytest.mark.parametrize("answers", [[None], [""], ["old", None], ["old", "new", ""]])
def test_who_answers_nothing_changes_nothing_and_is_told_so(answers: list[str | None]) -> None:
    desk = Desk(*answers)
    desk.passwords.ask_for("/password")
    assert desk.used == []
    assert desk.notices == ["No password was typed, and nothing was sent."]
