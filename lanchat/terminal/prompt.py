"""The prompt at which a person types, with history and completion, and questions that interrupt it."""

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

from lanchat.client.interfaces import Answered
from lanchat.protocol.typed_lines import may_have_secret
from lanchat.system.columns import clear_rows
from lanchat.terminal.completion_words import CompletionWords
from lanchat.terminal.plain import PlainReader, is_plain


class SecretFreeHistory(InMemoryHistory):
    """The history of typed lines, in memory only and without passwords."""

    def append_string(self, string: str) -> None:
        """Add a line, unless it contains a password."""
        if not may_have_secret(string):
            super().append_string(string)


class TabCompleter(Completer):
    """Offers commands, names, rooms and messages when TAB is pressed."""

    def __init__(self, words: CompletionWords) -> None:
        self._words = words

    def get_completions(self, document: Document, complete_event: CompleteEvent) -> Iterable[Completion]:
        """Completions of the word before the cursor."""
        before = document.text_before_cursor
        for reference, about in self._words.messages(before):
            yield Completion(f"{reference} ", start_position=before.find(" ") + 1 - len(before), display_meta=about)
        for text, replaced in self._words.completions(before):
            yield Completion(text, start_position=-replaced)


class LineReader(Protocol):
    """Reads one line at a time from a terminal."""

    @property
    def text(self) -> str:
        """The text that is being typed."""

    async def read(self, message: Callable[[], str], draft: str = "", hidden: bool = False) -> str | None:
        """Read a line after the prompt `message`; None if `end` was called. Raises `EOFError` or `KeyboardInterrupt`."""

    def end(self) -> bool:
        """End the current `read`; false if there is none."""

    def interrupt(self) -> None:
        """Empty the line; raise `KeyboardInterrupt` in `read` if it is empty."""

    def redraw(self) -> None:
        """Draw the prompt again, as its text has changed."""


#: prompt_toolkit leaves these to us: Ctrl-C, and errors outside the prompt, at which it would wait for Enter.
PROMPT_OPTIONS: Any = {"handle_sigint": False, "set_exception_handler": False}


class ToolkitReader:
    """A `LineReader` with everything that prompt_toolkit offers."""

    def __init__(
        self, words: CompletionWords | None, content_above: Callable[[int], str], beside: Callable[[], str] = str
    ) -> None:
        """Without `words` it reads answers to questions: no history, and the typed text stays on the screen.

        `content_above` returns the text of so many rows above the line, after a window has become narrower; `beside` returns a
        text for the right end of the row, which is shown where there is room for it.
        """
        output: Any = create_output()
        output.enable_cpr = False  # not all terminals report the cursor's position, and their answer may get into a line
        keys = KeyBindings()
        keys.add("c-c", filter=has_focus(DEFAULT_BUFFER))(self._interrupted)
        self._session: PromptSession[str | None] = PromptSession(
            history=DummyHistory() if words is None else SecretFreeHistory(),
            completer=None if words is None else TabCompleter(words),
            complete_while_typing=False,
            enable_suspend=True,
            key_bindings=keys,
            output=output,
            erase_when_done=words is not None,
            rprompt=lambda: [("", beside())],
        )
        self._content_above = content_above
        self._columns = output.get_size().columns
        self._session.app.before_render += self._before_render

    @property
    def text(self) -> str:
        """The text that is being typed."""
        return self._session.default_buffer.text

    async def read(self, message: Callable[[], str], draft: str = "", hidden: bool = False) -> str | None:
        """Read a line after the prompt `message`; None if `end` was called. Raises `EOFError` or `KeyboardInterrupt`."""
        return await self._session.prompt_async(lambda: [("", message())], default=draft, is_password=hidden, **PROMPT_OPTIONS)

    def end(self) -> bool:
        """End the current `read`; false if there is none."""
        if typing := self._is_read():
            self._session.app.exit(result=None)
        return typing

    def interrupt(self) -> None:
        """Empty the line; raise `KeyboardInterrupt` in `read` if it is empty."""
        if not self._is_read():
            return
        if self.text:
            self._session.default_buffer.reset()
            self._session.app.invalidate()
        else:
            self._session.app.exit(exception=KeyboardInterrupt())

    def redraw(self) -> None:
        """Draw the prompt again, as its text has changed."""
        self._session.app.invalidate()

    def _is_read(self) -> bool:
        return self._session.app is get_app_or_none() and not self._session.app.is_done

    def _interrupted(self, event: KeyPressEvent) -> None:
        self.interrupt()

    def _before_render(self, sender: object) -> None:
        """Draw everything again if the window has become narrower.

        Some terminals then wrap longer rows and some don't, so the place where the line was drawn before is unknown.
        """
        output, before = self._session.app.output, self._columns
        self._columns, rows = output.get_size().columns, output.get_size().rows
        if self._columns < before:
            self._session.app.renderer.erase()
            output.write_raw(clear_rows(rows) + self._content_above(rows - 1))


class Prompt:
    """Reads one line after another. A question interrupts the line that is being typed, which returns after it."""

    def __init__(
        self,
        message: Callable[[], str],
        words: CompletionWords,
        content_above: Callable[[int], str] = lambda rows: "",
        beside: Callable[[], str] = str,
    ) -> None:
        """`message` returns the text before a line; `content_above` and `beside` are as for `ToolkitReader`."""
        #: Whether the terminal only prints.
        self.plain = is_plain()
        #: The text with which the next line begins.
        self.draft = ""
        self._message = message
        self._closed = False
        self._questions: deque[tuple[str, Answered, bool]] = deque()
        self._lines: LineReader = PlainReader() if self.plain else ToolkitReader(words, content_above, beside)
        self._answers: LineReader = PlainReader() if self.plain else ToolkitReader(None, content_above)

    async def line(self) -> str | None:
        """The next typed line; None if a question came instead and was answered. Raises `EOFError` or `KeyboardInterrupt`."""
        if self._questions:
            await self._answer(*self._questions.popleft())
            return None
        draft, self.draft = self.draft, ""
        return await self._lines.read(self._message, draft)

    def ask(self, question: str, answered: Answered, hidden: bool) -> None:
        """Ask a question before the next line; `answered` is called with the answer, which is not shown if `hidden`."""
        self._questions.append((question, answered, hidden))
        if self._lines.end():
            self.draft = self._lines.text

    def close(self) -> None:
        """End the line that is being read, and ask no more questions."""
        self._closed = True
        self._lines.end()
        self._answers.end()

    def interrupt(self) -> None:
        """Do what Ctrl-C does, where it comes as a signal."""
        for reader in (self._lines, self._answers):
            reader.interrupt()

    def redraw(self) -> None:
        """Draw the prompt again, as its text has changed."""
        self._lines.redraw()

    def prompt_hidden(self) -> AbstractAsyncContextManager[None]:
        """A context in which the prompt is hidden, so that other text can be written."""
        for reader in (self._lines, self._answers):
            if isinstance(reader, PlainReader) and reader.is_reading:
                return reader.prompt_hidden()
        return in_terminal()

    async def _answer(self, question: str, answered: Answered, hidden: bool) -> None:
        try:
            answer = await self._answers.read(lambda: question, hidden=hidden)
        except (EOFError, KeyboardInterrupt):
            answer = None
        if not self._closed:
            answered(answer)
