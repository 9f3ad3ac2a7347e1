"""Prompt: the line at which a person types, with history and completion, and questions that come between."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from typing import Any

from prompt_toolkit import PromptSession
from prompt_toolkit.application import get_app_or_none
from prompt_toolkit.completion import CompleteEvent, Completer, Completion
from prompt_toolkit.document import Document
from prompt_toolkit.formatted_text import StyleAndTextTuples
from prompt_toolkit.history import DummyHistory, InMemoryHistory
from prompt_toolkit.output import create_output
from prompt_toolkit.utils import is_dumb_terminal

from lanchat.client.roster import Roster
from lanchat.typed import shows_secret

#: What is done with the answer to a question; None if there is none.
Answered = Callable[[str | None], None]


class Discreet(InMemoryHistory):
    """Remembers what was typed, but no passwords; nothing of it reaches a disk."""

    def append_string(self, string: str) -> None:
        """Remember a line."""
        if not shows_secret(string):
            super().append_string(string)


class Completions(Completer):
    """Offers the commands and the names that are known, when TAB is pressed."""

    def __init__(self, roster: Roster) -> None:
        self._roster = roster

    def get_completions(self, document: Document, complete_event: CompleteEvent) -> Iterable[Completion]:
        """What the word before the cursor may become."""
        for text, replaced in self._roster.completions(document.text_before_cursor):
            yield Completion(text, start_position=-replaced)


#: What prompt_toolkit leaves to us: Ctrl-C, and errors outside the prompt, at which it would wait until Enter is pressed.
OURS: Any = {"handle_sigint": False, "set_exception_handler": False}


class Prompt:
    """Gets one line after another. A question interrupts the line that is being typed, which comes back after it."""

    def __init__(self, message: Callable[[], StyleAndTextTuples], roster: Roster) -> None:
        self._message = message
        self._draft = ""
        self._closed = False
        self._questions: deque[tuple[str, Answered, bool]] = deque()
        self._lines: PromptSession[str | None] = PromptSession(
            history=Discreet(), completer=Completions(roster), complete_while_typing=False
        )
        # An output of its own: without, a dumb terminal would show what is typed, passwords too.
        self._answers: PromptSession[str | None] = PromptSession(history=DummyHistory(), output=create_output())

    async def line(self) -> str | None:
        """What was typed; None when a question came, and was answered. Raises `EOFError` or `KeyboardInterrupt`."""
        if self._questions:
            await self._answer(*self._questions.popleft())
            return None
        draft, self._draft = self._draft, ""
        shown = draft if is_dumb_terminal() else ""  # only what is typed appears there
        return await self._lines.prompt_async(lambda: [*self._message(), ("", shown)], default=draft, **OURS)

    def ask(self, question: str, answered: Answered, hidden: bool) -> None:
        """Ask this next."""
        self._questions.append((question, answered, hidden))
        if self._end(self._lines):
            self._draft = self._lines.default_buffer.text

    def close(self) -> None:
        """Take the prompt away."""
        self._closed = True
        for session in (self._lines, self._answers):
            self._end(session)

    def redraw(self) -> None:
        """What stands before the line has changed."""
        self._lines.app.invalidate()

    async def _answer(self, question: str, answered: Answered, hidden: bool) -> None:
        try:
            answer = await self._answers.prompt_async([("", question)], is_password=hidden, **OURS)
        except (EOFError, KeyboardInterrupt):
            answer = None
        if not self._closed:
            answered(answer)

    @staticmethod
    def _end(session: PromptSession[str | None]) -> bool:
        """End what is typed there; False if nothing is."""
        app = get_app_or_none()  # on a dumb terminal it is not `session.app` that runs
        typing = app is not None and app.layout is session.layout and not app.is_done
        if app is not None and typing:
            app.exit(result=None)
        return typing
