r"""Reads lines on terminals that only print: a serial console, Emacs' shell, a teleprinter.

Only text, `\n` and `\b` are written. There are no history and no completion, so nothing can be in the line that is not visible;
where it can't be updated in place it is printed again.
"""

from __future__ import annotations

import asyncio
import os
import signal
import termios
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import ClassVar

from prompt_toolkit.application import get_app_session
from prompt_toolkit.input import Input
from prompt_toolkit.input.typeahead import get_typeahead, store_typeahead
from prompt_toolkit.key_binding.key_processor import KeyPress
from prompt_toolkit.keys import Keys
from wcwidth import grapheme_boundary_before

from lanchat.protocol.packet import visible
from lanchat.system.columns import width
from lanchat.terminal.formatting import columns

#: Moves back one column, and erases it.
RUB_OUT = "\b \b"


def is_plain() -> bool:
    """Whether this terminal only prints, or moves its cursor by other escape sequences than ANSI's."""
    term = os.environ.get("TERM", "").lower()
    if term in ("", "dumb", "unknown"):
        return True
    try:
        import curses  # noqa: PLC0415 (not every Python has it)
    except ImportError:
        return False
    try:
        curses.setupterm(term, 1)
        return not (curses.tigetstr("cup") or b"").startswith(b"\x1b[")
    except curses.error:  # terminfo does not know it, which happens with new terminals; all of those understand ANSI
        return False


def _echoes(keyboard: Input) -> bool:
    """Whether typed characters must be echoed here; Emacs shows them by itself, and turns ECHO off to say so."""
    try:
        return bool(termios.tcgetattr(keyboard.fileno())[3] & termios.ECHO)
    except (termios.error, NotImplementedError):
        return True


class PlainReader:
    """A `LineReader` that uses only what any terminal can do."""

    def __init__(self) -> None:
        #: The text that is being typed.
        self.text = ""
        session = get_app_session()
        self._input, self._output = session.input, session.output
        self._message: Callable[[], str] = str
        self._prefix = ""  # the prompt as it was printed last
        self._hidden = False
        self._echoes = _echoes(self._input)
        self._reading: asyncio.Future[str | None] | None = None

    @property
    def is_reading(self) -> bool:
        """Whether a line is being typed."""
        return self._reading is not None and not self._reading.done()

    async def read(self, message: Callable[[], str], draft: str = "", hidden: bool = False) -> str | None:
        """Read a line after the prompt `message`; None if `end` was called. Raises `EOFError` or `KeyboardInterrupt`."""
        self._message, self.text, self._hidden = message, draft, hidden
        self._reading = asyncio.get_running_loop().create_future()
        try:
            with self._input.raw_mode(), self._input.attach(self._keys_received):
                self._print_line()
                self._keys_received()
                return await self._reading
        finally:
            self._reading = None
            self._print("\n" if self._echoes else "")

    def end(self) -> bool:
        """End the current `read`; false if there is none."""
        return self._finish(None)

    def redraw(self) -> None:
        """Do nothing: the new prompt is seen with the next line."""

    def interrupt(self) -> None:
        """Empty the line; raise `KeyboardInterrupt` in `read` if it is empty. Without a `read`, do nothing."""
        if not self.is_reading:
            return
        if self.text:
            self._replace("")
        else:
            self._fail(KeyboardInterrupt())

    @property
    def _visible_text(self) -> str:
        """The part of the typed text that is visible on the terminal because it was echoed here."""
        return "\n".join(map(visible, self.text.split("\n"))) if self._echoes and not self._hidden else ""

    @asynccontextmanager
    async def prompt_hidden(self) -> AsyncIterator[None]:
        """A context in which other text can be written; the line is printed again after it."""
        line = self._prefix + self._visible_text
        self._rub_out(line, width(line))
        yield
        if self.is_reading:
            self._print_line()

    def _keys_received(self) -> None:
        """Handle keys. Those after the end of the line are kept for the next line, which another reader may read."""
        keys = [*get_typeahead(self._input), *self._input.read_keys()]
        while keys and self.is_reading:
            self._press(keys.pop(0))
        store_typeahead(self._input, keys)
        if self._input.closed:
            self._fail(EOFError())

    def _press(self, press: KeyPress) -> None:
        action = self.KEYS.get(press.key)
        if action is not None:
            action(self)
        elif press.key == press.data and len(typed := visible(press.data)) == 1:
            self.text += typed
            self._print(typed if self._visible_text else "")

    def _enter(self) -> None:
        self._finish(self.text)

    def _backspace(self) -> None:
        self._replace(self.text[: grapheme_boundary_before(self.text, len(self.text))])

    def _cut_word(self) -> None:
        text = self.text.rstrip()
        self._replace(text[: text.rfind(" ") + 1])

    def _cut_line(self) -> None:
        self._replace("")

    def _reprint(self) -> None:
        self._print("\n")
        self._print_line()

    def _end_of_file(self) -> None:
        if not self.text:
            self._fail(EOFError())

    def _replace(self, text: str) -> None:
        """Replace the text, and erase on the terminal what was removed at its end."""
        before, self.text = self._visible_text, text
        if before and not self._rub_out(self._prefix + before, width(before) - width(self._visible_text)):
            self._print_line()

    def _suspend(self) -> None:
        """Suspend the program (SIGTSTP), and print the line again when it continues."""
        with self._input.detach(), self._input.cooked_mode():
            self._print("\n")
            os.kill(0, signal.SIGTSTP)
        self._print_line()

    def _rub_out(self, line: str, number: int) -> bool:
        """Erase `number` columns at the end of a line; false if it takes several rows, so that a new one was begun."""
        in_one_row = "\n" not in line and width(line) < columns()
        self._print(RUB_OUT * number if in_one_row else "\n")
        return in_one_row

    def _print_line(self) -> None:
        self._prefix = self._message()
        self._print(self._prefix + self._visible_text)

    def _print(self, text: str) -> None:
        self._output.write_raw(text)
        self._output.flush()

    def _finish(self, result: str | None) -> bool:
        if self._reading is None or self._reading.done():
            return False
        self._reading.set_result(result)
        return True

    def _fail(self, error: BaseException) -> None:
        if self._reading is not None and not self._reading.done():
            self._reading.set_exception(error)

    #: The keys, as a terminal in canonical mode handles them.
    KEYS: ClassVar[dict[str, Callable[[PlainReader], None]]] = {
        Keys.ControlM: _enter,
        Keys.ControlJ: _enter,
        Keys.ControlH: _backspace,
        Keys.ControlW: _cut_word,
        Keys.ControlU: _cut_line,
        Keys.ControlR: _reprint,
        Keys.ControlC: interrupt,
        Keys.ControlD: _end_of_file,
        Keys.ControlZ: _suspend,
    }
