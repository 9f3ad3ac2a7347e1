"""A line editor: it takes the keys of a terminal, and produces lines and what to draw. It knows no network."""

from __future__ import annotations

import codecs
import re
from collections import deque
from collections.abc import Callable
from typing import ClassVar

from lanchat.protocol.packet import visible
from lanchat.system.columns import clear_rows, width

#: Characters in a line, and lines in the history, at most.
MAX_LINE, MAX_HISTORY = 65536, 500
#: Texts that are kept, and characters of each, to be shown again if the width of the window changes.
MAX_RECENT, MAX_TEXT = 100, 8192

#: A key, or a run of letters. The last alternatives match unknown keys. (The console of Linux sends `ESC [ [ A` for F1.)
_KEY = re.compile(r"\x1b\[\[?[0-?]*[ -/]*[@-~]|\x1bO[@-~]|\x1b[^\[O]|\r\n|[^\x00-\x1f\x7f]+|[\x00-\x1f\x7f]")
#: The beginning of a key whose rest has not come yet.
_INCOMPLETE_KEY = re.compile(r"\x1b(\[\[?[0-?]*[ -/]*|O)?$")


class Editor:
    """Edits one line at a time, with a cursor, a history, and text that is shown above the line."""

    def __init__(self, write: Callable[[str], None], entered: Callable[[str], None], columns: int) -> None:
        """`write` draws on the terminal; `entered` is called with each line, and calls `ask` for the next."""
        self._write = write
        self._entered = entered
        self.columns = columns
        #: Called at Ctrl-C, and at Ctrl-D on an empty line.
        self.interrupted: Callable[[], None] = _ignore
        self.ended: Callable[[], None] = _ignore
        self._decode = codecs.getincrementaldecoder("utf-8")("replace").decode
        self._incomplete_key = ""
        self._prompt = ""
        self._is_reading = False
        self._left_text = self._right_text = ""  # the text on both sides of the cursor
        self._row = 0  # the row of the cursor, counted from the row of the prompt
        self._history: deque[str] = deque(maxlen=MAX_HISTORY)
        self._history_offset = 0  # how many lines back in the history; 0 is the draft
        self._draft = ""  # what was typed before going back in the history
        self._search_text: str | None = None  # the text to search for in the history; None if there is no search
        self._recent: deque[str] = deque(maxlen=MAX_RECENT)  # the texts that were shown last

    def feed(self, sent: bytes) -> None:
        """Handle bytes that the terminal sent: keys, possibly in parts."""
        text = self._incomplete_key + self._decode(sent)
        incomplete = _INCOMPLETE_KEY.search(text)
        self._incomplete_key = incomplete.group()[:32] if incomplete else ""
        for key in _KEY.findall(text[: incomplete.start()] if incomplete else text):
            act = self.KEYS.get(key)
            if self._search_text is not None and self._search(key):
                continue
            if act is not None:
                act(self)
            elif key[0] >= " ":
                self._insert(key)

    def ask(self, prompt: str) -> None:
        """Show a prompt and read a line."""
        self._prompt, self._is_reading, self._row = prompt, True, 0
        self._draw()

    def show(self, text: str) -> None:
        """Show a text above the line that is being typed."""
        self._recent.append(text[-MAX_TEXT:])
        if self._is_reading:
            text = f"{self._home()}\x1b[J{text}" + ("" if text.endswith("\n") else "\n")
        self._write(text)
        if self._is_reading:
            self._row = 0
            self._draw()

    def resize(self, columns: int, rows: int) -> None:
        """Draw the line again for another size of the terminal.

        Some terminals wrap long rows again and some don't, so the place where a line of several rows begins is unknown: the
        last texts are shown again on an empty screen.
        """
        before, self.columns = self.columns, columns
        if not self._is_reading or width(self._shown_prompt + self._left_text + self._right_text) < min(before, columns):
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
    def _shown_prompt(self) -> str:
        """The text before the line."""
        return self._prompt if self._search_text is None else f"(search: {self._search_text}) "

    def _insert(self, text: str) -> None:
        text = "".join(map(_visible_char, text))[: MAX_LINE - len(self._left_text) - len(self._right_text)]
        self._left_text += text
        end = width(self._shown_prompt + self._left_text)
        if self._is_reading and not self._right_text and end % self.columns and end // self.columns == self._row:
            self._write(text)
        else:
            self._draw()

    def _draw(self) -> None:
        if not self._is_reading:
            return
        line = self._shown_prompt + self._left_text + self._right_text
        end, here = width(line), width(self._shown_prompt + self._left_text)
        drawn = f"{self._home()}\x1b[J{line}"
        if not end % self.columns:
            drawn += "\n"  # a terminal wraps only with the next character, so the cursor's place would be unknown
        self._row, column = divmod(here, self.columns)
        drawn += _move(end // self.columns - self._row, "A") + "\r" + _move(column, "C")
        self._write(drawn)

    def _home(self) -> str:
        return _move(self._row, "A") + "\r"

    def _replace(self, before: str, after: str = "") -> None:
        self._left_text, self._right_text = before, after
        self._draw()

    def _enter(self) -> None:
        line = self._left_text + self._right_text
        if line and (not self._history or self._history[-1] != line):
            self._history.append(line)
        self._leave_line("\n")
        self._entered(line)

    def _interrupt(self) -> None:
        self._leave_line("^C\n")
        self.interrupted()

    def _leave_line(self, mark: str) -> None:
        self._replace(self._left_text + self._right_text)
        self._write(mark)
        self._recent.append(f"{self._prompt}{self._left_text}{mark}"[-MAX_TEXT:])
        self._left_text = self._right_text = self._draft = ""
        self._history_offset, self._is_reading = 0, False

    def _end(self) -> None:
        if self._left_text or self._right_text:
            self._delete()
        else:
            self.ended()

    def _left(self) -> None:
        self._replace(self._left_text[:-1], self._left_text[-1:] + self._right_text)

    def _right(self) -> None:
        self._replace(self._left_text + self._right_text[:1], self._right_text[1:])

    def _to_start(self) -> None:
        self._replace("", self._left_text + self._right_text)

    def _to_end(self) -> None:
        self._replace(self._left_text + self._right_text)

    def _backspace(self) -> None:
        self._replace(self._left_text[:-1], self._right_text)

    def _delete(self) -> None:
        self._replace(self._left_text, self._right_text[1:])

    def _delete_to_end(self) -> None:
        self._replace(self._left_text)

    def _delete_to_start(self) -> None:
        self._replace("", self._right_text)

    def _delete_space_word_left(self) -> None:
        before = self._left_text.rstrip()
        self._replace(before[: before.rfind(" ") + 1], self._right_text)

    def _word_left(self) -> None:
        start = _word_length(self._left_text[::-1])
        self._replace(self._left_text[:-start], self._left_text[-start:] + self._right_text)

    def _word_right(self) -> None:
        end = _word_length(self._right_text)
        self._replace(self._left_text + self._right_text[:end], self._right_text[end:])

    def _delete_word_left(self) -> None:
        self._replace(self._left_text[: -_word_length(self._left_text[::-1])], self._right_text)

    def _delete_word_right(self) -> None:
        self._replace(self._left_text, self._right_text[_word_length(self._right_text) :])

    def _indent(self) -> None:
        self._insert(" " * 4)

    def _clear(self) -> None:
        self._write("\x1b[H\x1b[2J")
        self._row = 0
        self._draw()

    def _history_older(self) -> None:
        self._show_history(self._history_offset + 1)

    def _history_newer(self) -> None:
        self._show_history(self._history_offset - 1)

    def _show_history(self, back: int) -> None:
        if not 0 <= back <= len(self._history):
            return
        if not self._history_offset:
            self._draft = self._left_text + self._right_text
        self._history_offset = back
        self._replace(self._history[-back] if back else self._draft)

    def _begin_search(self) -> None:
        if not self._history_offset:
            self._draft = self._left_text + self._right_text
        self._search_text = ""
        self._draw()

    def _search(self, key: str) -> bool:
        """Handle a key during a search in the history; false if the key ends the search and has its usual effect."""
        search_text, back = self._search_text or "", max(self._history_offset, 1)
        if key == "\x12":
            back = self._history_offset + 1
        elif key in ("\x7f", "\x08"):
            search_text, back = search_text[:-1], 1
        elif key[0] >= " ":
            search_text += "".join(map(_visible_char, key))
        else:
            self._search_text = None
            if key == "\x07":
                self._history_offset = 0
                self._replace(self._draft)
            else:
                self._draw()
            return key == "\x07"
        self._search_text = search_text[:MAX_LINE]
        lines = list(self._history)
        found = (n for n in range(back, len(lines) + 1) if search_text in lines[-n])
        if search_text and (n := next(found, 0)):
            self._history_offset = n
            self._replace(lines[-n])
        else:
            self._draw()
        return True

    #: The effect of each key. Terminals differ in what they send for the same key.
    KEYS: ClassVar[dict[str, Callable[[Editor], None]]] = {
        key: act
        for act, keys in (
            (_enter, ("\r", "\n", "\r\n")),
            (_interrupt, ("\x03",)),
            (_end, ("\x04",)),
            (_left, ("\x1b[D", "\x1bOD", "\x02")),
            (_right, ("\x1b[C", "\x1bOC", "\x06")),
            (_history_older, ("\x1b[A", "\x1bOA", "\x10")),
            (_history_newer, ("\x1b[B", "\x1bOB", "\x0e")),
            (_to_start, ("\x1b[H", "\x1bOH", "\x1b[1~", "\x01")),
            (_to_end, ("\x1b[F", "\x1bOF", "\x1b[4~", "\x05")),
            (_backspace, ("\x7f", "\x08")),
            (_delete, ("\x1b[3~",)),
            (_delete_to_end, ("\x0b",)),
            (_delete_to_start, ("\x15",)),
            (_delete_space_word_left, ("\x17",)),
            (_word_left, ("\x1bb", "\x1b[1;5D", "\x1b[1;3D", "\x1b[5D", "\x1bOd")),
            (_word_right, ("\x1bf", "\x1b[1;5C", "\x1b[1;3C", "\x1b[5C", "\x1bOc")),
            (_delete_word_left, ("\x1b\x7f", "\x1b\x08")),
            (_delete_word_right, ("\x1bd",)),
            (_begin_search, ("\x12",)),
            (_indent, ("\t",)),
            (_clear, ("\x0c",)),
        )
        for key in keys
    }


def _word_length(text: str) -> int:
    """The length of a text up to the end of its first word; 1 at least."""
    start = next((n for n, char in enumerate(text) if char.isalnum()), len(text))
    return max(1, next((n for n in range(start, len(text)) if not text[n].isalnum()), len(text)))


def _visible_char(char: str) -> str:
    """A character as it goes into the line: invisible ones are left out, unusual spaces become a space."""
    shown = visible(char)
    return shown if len(shown) == 1 else ""


def _move(steps: int, direction: str) -> str:
    return f"\x1b[{steps}{direction}" if steps else ""


def _ignore() -> None:
    """Do nothing."""
