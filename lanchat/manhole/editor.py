"""Editor: the line that somebody types on a terminal. Keys come in, lines and what to draw go out; it knows no network."""

from __future__ import annotations

import codecs
import re
from collections import deque
from collections.abc import Callable
from typing import ClassVar

from lanchat.protocol.packet import visible
from lanchat.system.columns import clear_rows, width

#: Characters in a line, and lines that can be had back.
MAX_LINE, MAX_HISTORY = 65536, 500
#: Texts that are remembered, and characters of one, to be shown anew when the window is made narrower or wider.
MAX_RECENT, MAX_TEXT = 100, 8192

#: A key, or a run of letters. The last alternatives are for what is no key that we know. (The console of Linux sends
#: `ESC [ [ A` for F1.)
_KEY = re.compile(r"\x1b\[\[?[0-?]*[ -/]*[@-~]|\x1bO[@-~]|\x1b[^\[O]|\r\n|[^\x00-\x1f\x7f]+|[\x00-\x1f\x7f]")
#: The beginning of a key, whose end is still to come.
_BEGUN = re.compile(r"\x1b(\[\[?[0-?]*[ -/]*|O)?$")


class Editor:
    """One line at a time, with the cursor, a history, and text that comes in between."""

    def __init__(self, write: Callable[[str], None], entered: Callable[[str], None], columns: int) -> None:
        """`write` draws on the terminal; `entered` is told each line, and then calls `ask` for the next."""
        self._write = write
        self._entered = entered
        self.columns = columns
        #: Called for Ctrl-C, and for Ctrl-D on an empty line.
        self.interrupted: Callable[[], None] = _ignore
        self.ended: Callable[[], None] = _ignore
        self._decode = codecs.getincrementaldecoder("utf-8")("replace").decode
        self._begun = ""
        self._prompt = ""
        self._asking = False
        self._before = self._after = ""  # the line, on both sides of the cursor
        self._row = 0  # where the cursor is, counted from the row of the prompt
        self._history: deque[str] = deque(maxlen=MAX_HISTORY)
        self._back = 0  # how far back in the history
        self._newest = ""  # what was typed before going back
        self._searched: str | None = None  # what is looked for in the history; None while nothing is
        self._recent: deque[str] = deque(maxlen=MAX_RECENT)  # what was shown last

    def feed(self, sent: bytes) -> None:
        """What the terminal sent: keys, in pieces as they come."""
        text = self._begun + self._decode(sent)
        begun = _BEGUN.search(text)
        self._begun = begun.group()[:32] if begun else ""
        for key in _KEY.findall(text[: begun.start()] if begun else text):
            act = self.KEYS.get(key)
            if self._searched is not None and self._search(key):
                continue
            if act is not None:
                act(self)
            elif key[0] >= " ":
                self._insert(key)

    def ask(self, prompt: str) -> None:
        """Ask for a line."""
        self._prompt, self._asking, self._row = prompt, True, 0
        self._draw()

    def show(self, text: str) -> None:
        """Show a text above the line that is being typed."""
        self._recent.append(text[-MAX_TEXT:])
        if self._asking:
            text = f"{self._home()}\x1b[J{text}" + ("" if text.endswith("\n") else "\n")
        self._write(text)
        if self._asking:
            self._row = 0
            self._draw()

    def resize(self, columns: int, rows: int) -> None:
        """The terminal has another size now.

        Some terminals break long rows anew then, and some don't, so nobody knows where a line of several rows begins: the
        last of what was shown is shown again on an empty screen.
        """
        before, self.columns = self.columns, columns
        if not self._asking or width(self._lead + self._before + self._after) < min(before, columns):
            return
        shown, clear = list[str](), clear_rows(rows)
        for line in reversed("".join(self._recent).splitlines(keepends=True)):
            rows -= 1 + width(line.rstrip("\n")) // columns
            if rows < 1:
                break
            shown.append(line)
        self._write(clear + "".join(reversed(shown)))
        self._row = 0
        self._draw()

    @property
    def _lead(self) -> str:
        """What stands before the line."""
        return self._prompt if self._searched is None else f"(search: {self._searched}) "

    def _insert(self, text: str) -> None:
        text = "".join(map(_typed, text))[: MAX_LINE - len(self._before) - len(self._after)]
        self._before += text
        end = width(self._lead + self._before)
        if self._asking and not self._after and end % self.columns and end // self.columns == self._row:
            self._write(text)
        else:
            self._draw()

    def _draw(self) -> None:
        if not self._asking:
            return
        line = self._lead + self._before + self._after
        end, here = width(line), width(self._lead + self._before)
        drawn = f"{self._home()}\x1b[J{line}"
        if not end % self.columns:
            drawn += "\n"  # a terminal waits at the edge until the next character; we would not know where it is
        self._row, column = divmod(here, self.columns)
        drawn += _move(end // self.columns - self._row, "A") + "\r" + _move(column, "C")
        self._write(drawn)

    def _home(self) -> str:
        return _move(self._row, "A") + "\r"

    def _replace(self, before: str, after: str = "") -> None:
        self._before, self._after = before, after
        self._draw()

    def _enter(self) -> None:
        line = self._before + self._after
        if line and (not self._history or self._history[-1] != line):
            self._history.append(line)
        self._leave_line("\n")
        self._entered(line)

    def _interrupt(self) -> None:
        self._leave_line("^C\n")
        self.interrupted()

    def _leave_line(self, mark: str) -> None:
        self._replace(self._before + self._after)
        self._write(mark)
        self._recent.append(f"{self._prompt}{self._before}{mark}"[-MAX_TEXT:])
        self._before = self._after = self._newest = ""
        self._back, self._asking = 0, False

    def _end(self) -> None:
        if self._before or self._after:
            self._delete()
        else:
            self.ended()

    def _left(self) -> None:
        self._replace(self._before[:-1], self._before[-1:] + self._after)

    def _right(self) -> None:
        self._replace(self._before + self._after[:1], self._after[1:])

    def _to_start(self) -> None:
        self._replace("", self._before + self._after)

    def _to_end(self) -> None:
        self._replace(self._before + self._after)

    def _backspace(self) -> None:
        self._replace(self._before[:-1], self._after)

    def _delete(self) -> None:
        self._replace(self._before, self._after[1:])

    def _cut_rest(self) -> None:
        self._replace(self._before)

    def _cut_start(self) -> None:
        self._replace("", self._after)

    def _cut_word(self) -> None:
        before = self._before.rstrip()
        self._replace(before[: before.rfind(" ") + 1], self._after)

    def _word_left(self) -> None:
        start = _word(self._before[::-1])
        self._replace(self._before[:-start], self._before[-start:] + self._after)

    def _word_right(self) -> None:
        end = _word(self._after)
        self._replace(self._before + self._after[:end], self._after[end:])

    def _cut_word_left(self) -> None:
        self._replace(self._before[: -_word(self._before[::-1])], self._after)

    def _cut_word_right(self) -> None:
        self._replace(self._before, self._after[_word(self._after) :])

    def _indent(self) -> None:
        self._insert(" " * 4)

    def _clear(self) -> None:
        self._write("\x1b[H\x1b[2J")
        self._row = 0
        self._draw()

    def _older(self) -> None:
        self._go_back_to(self._back + 1)

    def _newer(self) -> None:
        self._go_back_to(self._back - 1)

    def _go_back_to(self, back: int) -> None:
        if not 0 <= back <= len(self._history):
            return
        if not self._back:
            self._newest = self._before + self._after
        self._back = back
        self._replace(self._history[-back] if back else self._newest)

    def _begin_search(self) -> None:
        if not self._back:
            self._newest = self._before + self._after
        self._searched = ""
        self._draw()

    def _search(self, key: str) -> bool:
        """A key while something is looked for in the history; false if it ends that, and does what it does elsewhere."""
        searched, back = self._searched or "", max(self._back, 1)
        if key == "\x12":
            back = self._back + 1
        elif key in ("\x7f", "\x08"):
            searched, back = searched[:-1], 1
        elif key[0] >= " ":
            searched += "".join(map(_typed, key))
        else:
            self._searched = None
            if key == "\x07":
                self._back = 0
                self._replace(self._newest)
            else:
                self._draw()
            return key == "\x07"
        self._searched = searched[:MAX_LINE]
        lines = list(self._history)
        found = (n for n in range(back, len(lines) + 1) if searched in lines[-n])
        if searched and (n := next(found, 0)):
            self._back = n
            self._replace(lines[-n])
        else:
            self._draw()
        return True

    #: What each key does. Terminals differ in what they send for the same key.
    KEYS: ClassVar[dict[str, Callable[[Editor], None]]] = {
        key: act
        for act, keys in (
            (_enter, ("\r", "\n", "\r\n")),
            (_interrupt, ("\x03",)),
            (_end, ("\x04",)),
            (_left, ("\x1b[D", "\x1bOD", "\x02")),
            (_right, ("\x1b[C", "\x1bOC", "\x06")),
            (_older, ("\x1b[A", "\x1bOA", "\x10")),
            (_newer, ("\x1b[B", "\x1bOB", "\x0e")),
            (_to_start, ("\x1b[H", "\x1bOH", "\x1b[1~", "\x01")),
            (_to_end, ("\x1b[F", "\x1bOF", "\x1b[4~", "\x05")),
            (_backspace, ("\x7f", "\x08")),
            (_delete, ("\x1b[3~",)),
            (_cut_rest, ("\x0b",)),
            (_cut_start, ("\x15",)),
            (_cut_word, ("\x17",)),
            (_word_left, ("\x1bb", "\x1b[1;5D", "\x1b[1;3D", "\x1b[5D", "\x1bOd")),
            (_word_right, ("\x1bf", "\x1b[1;5C", "\x1b[1;3C", "\x1b[5C", "\x1bOc")),
            (_cut_word_left, ("\x1b\x7f", "\x1b\x08")),
            (_cut_word_right, ("\x1bd",)),
            (_begin_search, ("\x12",)),
            (_indent, ("\t",)),
            (_clear, ("\x0c",)),
        )
        for key in keys
    }


def _word(text: str) -> int:
    """How many characters a text has up to the end of its first word; 1 at least."""
    start = next((n for n, char in enumerate(text) if char.isalnum()), len(text))
    return max(1, next((n for n in range(start, len(text)) if not text[n].isalnum()), len(text)))


def _typed(char: str) -> str:
    """A character as it goes into the line: what can't be seen is left out, and a strange space is a space."""
    shown = visible(char)
    return shown if len(shown) == 1 else ""


def _move(steps: int, direction: str) -> str:
    return f"\x1b[{steps}{direction}" if steps else ""


def _ignore() -> None:
    """Nothing was asked for."""
