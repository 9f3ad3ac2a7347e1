"""Prompt: the line at which a person types, with history and completion, and questions that come between."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from contextlib import AbstractAsyncContextManager
from typing import Any, Protocol

from prompt_toolkit import PromptSession
from prompt_toolkit.application import get_app_or_none, in_terminal
from prompt_toolkit.completion import CompleteEvent, Completer, Completion
from prompt_toolkit.document import Document
from prompt_toolkit.enums import DEFAULT_BUFFER
from prompt_toolkit.filters import has_focus
from prompt_toolkit.history import DummyHistory, InMemoryHistory
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent
from prompt_toolkit.output import create_output

from lanchat.protocol.typed_lines import may_have_secret
from lanchat.system.columns import clear_rows
from lanchat.terminal.completion_words import CompletionWords
from lanchat.terminal.plain import Plain, is_plain

#: What is done with the answer to a question; None if there is none.
Answered = Callable[[str | None], None]


class Discreet(InMemoryHistory):
    """Remembers what was typed, but no passwords; nothing of it reaches a disk."""

    def append_string(self, string: str) -> None:
        """Remember a line."""
        if not may_have_secret(string):
            super().append_string(string)


class Completions(Completer):
    """Offers the commands and the names that are known, when TAB is pressed."""

    def __init__(self, words: CompletionWords) -> None:
        self._roster = words

    def get_completions(self, document: Document, complete_event: CompleteEvent) -> Iterable[Completion]:
        """What the word before the cursor may become."""
        for text, replaced in self._roster.completions(document.text_before_cursor):
            yield Completion(text, start_position=-replaced)


class Reader(Protocol):
    """Reads one line at a time from a terminal."""

    @property
    def text(self) -> str:
        """What is being typed."""

    async def read(self, message: Callable[[], str], draft: str = "", hidden: bool = False) -> str | None:
        """What is typed after this message; None if it was ended. Raises `EOFError` or `KeyboardInterrupt`."""

    def end(self) -> bool:
        """End what is typed; False if nothing is."""

    def interrupt(self) -> None:
        """Empty the line; at an empty one there will be no more."""

    def redraw(self) -> None:
        """What stands before the line has changed."""


#: What prompt_toolkit leaves to us: Ctrl-C, and errors outside the prompt, at which it would wait until Enter is pressed.
OURS: Any = {"handle_sigint": False, "set_exception_handler": False}


class Rich:
    """Reads lines with all that prompt_toolkit can do."""

    def __init__(self, words: CompletionWords | None, narrowed: Callable[[int], str]) -> None:
        """Without `words` it is for answers to questions: there is no history, and what was typed stays on the screen.

        `narrowed` says what stands in so many rows above the line, once a window has become narrower.
        """
        output: Any = create_output()
        output.enable_cpr = False  # not all terminals can say where the cursor is, and what they answer may come into a line
        keys = KeyBindings()
        keys.add("c-c", filter=has_focus(DEFAULT_BUFFER))(self._interrupted)
        self._session: PromptSession[str | None] = PromptSession(
            history=DummyHistory() if words is None else Discreet(),
            completer=None if words is None else Completions(words),
            complete_while_typing=False,
            enable_suspend=True,
            key_bindings=keys,
            output=output,
            erase_when_done=words is not None,
        )
        self._narrowed = narrowed
        self._columns = output.get_size().columns
        self._session.app.before_render += self._before_render

    @property
    def text(self) -> str:
        """What is being typed."""
        return self._session.default_buffer.text

    async def read(self, message: Callable[[], str], draft: str = "", hidden: bool = False) -> str | None:
        """As `Reader`."""
        return await self._session.prompt_async(lambda: [("", message())], default=draft, is_password=hidden, **OURS)

    def end(self) -> bool:
        """As `Reader`."""
        if typing := self._is_read():
            self._session.app.exit(result=None)
        return typing

    def interrupt(self) -> None:
        """As `Reader`."""
        if not self._is_read():
            return
        if self.text:
            self._session.default_buffer.reset()
            self._session.app.invalidate()
        else:
            self._session.app.exit(exception=KeyboardInterrupt())

    def redraw(self) -> None:
        """As `Reader`."""
        self._session.app.invalidate()

    def _is_read(self) -> bool:
        return self._session.app is get_app_or_none() and not self._session.app.is_done

    def _interrupted(self, event: KeyPressEvent) -> None:
        self.interrupt()

    def _before_render(self, sender: object) -> None:
        """Draw all anew in a window that has become narrower.

        Some terminals break longer rows then, and some don't, so nobody knows where the line begins that was drawn before.
        """
        output, before = self._session.app.output, self._columns
        self._columns, rows = output.get_size().columns, output.get_size().rows
        if self._columns < before:
            self._session.app.renderer.erase()
            output.write_raw(clear_rows(rows) + self._narrowed(rows - 1))


class Prompt:
    """Gets one line after another. A question interrupts the line that is being typed, which comes back after it."""

    def __init__(
        self, message: Callable[[], str], words: CompletionWords, narrowed: Callable[[int], str] = lambda rows: ""
    ) -> None:
        """`message` is what stands before a line; `narrowed` is as for `Rich`."""
        #: Whether the terminal only prints.
        self.plain = is_plain()
        #: What is in the next line from the beginning.
        self.draft = ""
        self._message = message
        self._closed = False
        self._questions: deque[tuple[str, Answered, bool]] = deque()
        self._lines: Reader = Plain() if self.plain else Rich(words, narrowed)
        self._answers: Reader = Plain() if self.plain else Rich(None, narrowed)

    async def line(self) -> str | None:
        """What was typed; None when a question came, and was answered. Raises `EOFError` or `KeyboardInterrupt`."""
        if self._questions:
            await self._answer(*self._questions.popleft())
            return None
        draft, self.draft = self.draft, ""
        return await self._lines.read(self._message, draft)

    def ask(self, question: str, answered: Answered, hidden: bool) -> None:
        """Ask this next."""
        self._questions.append((question, answered, hidden))
        if self._lines.end():
            self.draft = self._lines.text

    def close(self) -> None:
        """Take the prompt away."""
        self._closed = True
        self._lines.end()
        self._answers.end()

    def interrupt(self) -> None:
        """What Ctrl-C does, where it comes as a signal."""
        for reader in (self._lines, self._answers):
            reader.interrupt()

    def redraw(self) -> None:
        """What stands before the line has changed."""
        self._lines.redraw()

    def above(self) -> AbstractAsyncContextManager[None]:
        """Take the line away for as long as something is written."""
        for reader in (self._lines, self._answers):
            if isinstance(reader, Plain) and reader.reads:
                return reader.above()
        return in_terminal()

    async def _answer(self, question: str, answered: Answered, hidden: bool) -> None:
        try:
            answer = await self._answers.read(lambda: question, hidden=hidden)
        except (EOFError, KeyboardInterrupt):
            answer = None
        if not self._closed:
            answered(answer)
