r"""Plain: a line typed at a terminal that only prints: a serial console, Emacs' shell, a terminal of paper.

Nothing but text, `\n` and `\b` is written. There are no history and no completion, so that nothing can be in the line that
is not seen: what is in it is printed anew where that can't be had otherwise.
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

#: What goes back one column, and leaves it empty.
RUB_OUT = "\b \b"


def is_plain() -> bool:
    """Whether this terminal is one that only prints, or that is told where the cursor shall be in another way than ours."""
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
    except curses.error:  # this machine knows nothing of it, which is so with new ones; all of them understand ours
        return False


def _echoes(keyboard: Input) -> bool:
    """Whether the terminal is one on which what is typed must be written; Emacs shows it by itself, and says so."""
    try:
        return bool(termios.tcgetattr(keyboard.fileno())[3] & termios.ECHO)
    except (termios.error, NotImplementedError):
        return True


class Plain:
    """Reads lines with what any terminal can do."""

    def __init__(self) -> None:
        #: What is being typed.
        self.text = ""
        session = get_app_session()
        self._input, self._output = session.input, session.output
        self._message: Callable[[], str] = str
        self._lead = ""  # as it was printed last
        self._hidden = False
        self._echoes = _echoes(self._input)
        self._reading: asyncio.Future[str | None] | None = None

    @property
    def reads(self) -> bool:
        """Whether a line is being typed."""
        return self._reading is not None and not self._reading.done()

    async def read(self, message: Callable[[], str], draft: str = "", hidden: bool = False) -> str | None:
        """What is typed after this message; None if it was ended. Raises `EOFError` or `KeyboardInterrupt`."""
        self._message, self.text, self._hidden = message, draft, hidden
        self._reading = asyncio.get_running_loop().create_future()
        try:
            with self._input.raw_mode(), self._input.attach(self._came):
                self._print_line()
                self._came()
                return await self._reading
        finally:
            self._reading = None
            self._print("\n" if self._echoes else "")

    def end(self) -> bool:
        """End what is typed; False if nothing is."""
        return self._finish(None)

    def redraw(self) -> None:
        """What stands before the line has changed; that is seen the next time."""

    def interrupt(self) -> None:
        """Empty the line; at an empty one there will be no more. While nothing is read it means something else."""
        if not self.reads:
            return
        if self.text:
            self._replace("")
        else:
            self._fail(KeyboardInterrupt())

    @property
    def _seen(self) -> str:
        """What of the text stands on the terminal, of that which is written here."""
        return "\n".join(map(visible, self.text.split("\n"))) if self._echoes and not self._hidden else ""

    @asynccontextmanager
    async def above(self) -> AsyncIterator[None]:
        """Something is written meanwhile; the line is printed anew below it."""
        line = self._lead + self._seen
        self._rub_out(line, width(line))
        yield
        if self.reads:
            self._print_line()

    def _came(self) -> None:
        """Keys. Those after the end of the line are for the next one, which another may read."""
        keys = [*get_typeahead(self._input), *self._input.read_keys()]
        while keys and self.reads:
            self._press(keys.pop(0))
        store_typeahead(self._input, keys)
        if self._input.closed:
            self._fail(EOFError())

    def _press(self, press: KeyPress) -> None:
        act = self.KEYS.get(press.key)
        if act is not None:
            act(self)
        elif press.key == press.data and len(typed := visible(press.data)) == 1:
            self.text += typed
            self._print(typed if self._seen else "")

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
        """Take back what stands at the end of the line."""
        before, self.text = self._seen, text
        if before and not self._rub_out(self._lead + before, width(before) - width(self._seen)):
            self._print_line()

    def _suspend(self) -> None:
        """Give the terminal back to the shell, until it wants us to go on."""
        with self._input.detach(), self._input.cooked_mode():
            self._print("\n")
            os.kill(0, signal.SIGTSTP)
        self._print_line()

    def _rub_out(self, line: str, number: int) -> bool:
        """Rub out so many columns at the end of this line; false if it is on several rows, so that a new one was begun."""
        in_one_row = "\n" not in line and width(line) < columns()
        self._print(RUB_OUT * number if in_one_row else "\n")
        return in_one_row

    def _print_line(self) -> None:
        self._lead = self._message()
        self._print(self._lead + self._seen)

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

    #: What a terminal does by itself for a program that leaves the line to it.
    KEYS: ClassVar[dict[str, Callable[[Plain], None]]] = {
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
