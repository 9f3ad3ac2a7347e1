"""NVT: the input of a network virtual terminal (RFC 854): lines of text, keys that edit them, and telnet commands.

No telnet option is supported, so each is refused, but only once (RFC 855; answering answers makes loops, see RFC 1143). Nothing
here knows sockets: the gateway feeds bytes, and sends the answers that it gets, in their place among the lines.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import repeat
from typing import NamedTuple, TypeAlias

from wcwidth import grapheme_boundary_before

from lanchat.gateways.json_objects import MAX_LOOKS, NO_FRAME, Frame
from lanchat.gateways.lines import Lines
from lanchat.protocol.errors import TooBig

_IAC, _SB, _AYT, _EOF = b"\xff", b"\xff\xfa", b"\xf6", b"\xec"
#: How an option is refused: WONT answers DO, and DONT answers WILL.
_REFUSAL = {b"\xfd": b"\xfc", b"\xfb": b"\xfe"}
#: DO TIMING-MARK (RFC 860) asks for an answer when all before it has been served; `telnet` shows nothing until it comes.
_TIMING_MARK = b"\xfd\x06"
_BACKSPACE, _DEL, _KILL, _EOT = b"\b", b"\x7f", b"\x15", b"\x04"
#: Commands that stand for a byte or a key: IAC for itself, EC for backspace, EL for Ctrl-U, as do the interrupts (IP, BRK,
#: SUSP, ABORT). The others mean nothing in a chat: NOP, DM, AO, GA.
_TYPED = {_IAC: _IAC, b"\xf7": _DEL, **dict.fromkeys((b"\xf8", b"\xf4", b"\xf3", b"\xed", b"\xee"), _KILL)}
#: Characters that may be erased in one line, at most.
MAX_ERASED = 256
#: Code points that are looked at to find where a character begins; and the one that joins emoji into one character.
MAX_CODE_POINTS, _JOINER = 64, "\u200d"
#: The answer to AYT, "Are You There".
_HERE = b"* lanchat is here.\r\n"

#: Ctrl-D, or a telnet command: a subnegotiation up to its end; WILL, WONT, DO or DONT with an option; or one byte. If the
#: command is cut, `inside` matches (the last byte in a subnegotiation, if it may be half of its end) or `begun` (a first byte).
#: The pattern matches at each IAC, whatever follows, so it never backtracks.
_COMMAND = re.compile(
    rb"\x04|\xff(?:\xfa(?:[^\xff]+|\xff[^\xf0])*(?:\xff\xf0|(?P<inside>\xff?)\Z)"
    rb"|(?P<option>[\xfb-\xfe].)|(?P<one>[^\xfa-\xfe])|(?P<begun>[\xfb-\xfe]?)\Z)",
    re.DOTALL,
)
#: The keys that erase: Ctrl-U and Ctrl-C the line, backspace and DEL a character (here with the text before them).
_KILLS, _ERASERS = "\x15\x03", "\b\x7f"
_KEYS = re.compile(f"[{_KILLS}{_ERASERS}]")
_ERASURES = re.compile("([^\b\x7f]*)([\b\x7f]*)")


class Answer(NamedTuple):
    """Bytes that are to be sent back."""

    data: bytes


#: A line or the error in its place, `NO_FRAME` after a step without one, an answer to be sent, or None at the end of input.
Token: TypeAlias = Frame | Answer | None


class Terminal:
    """Splits the input of one connection into lines and answers."""

    __slots__ = ("_cut", "_inside", "_lines", "_refused")

    def __init__(self, limit: int) -> None:
        """A line may have `limit` bytes, including the keys that erase."""
        self._lines = Lines(limit)
        self._cut = b""  # a telnet command whose end is still to come
        self._inside = 0  # the length of that, if it is a subnegotiation
        self._refused: set[bytes] = set()

    def feed(self, data: bytes) -> Iterator[Token]:
        """The lines and answers that these bytes complete."""
        if not self._cut and _IAC not in data and _EOT not in data and _BACKSPACE not in data and _DEL not in data:
            return self._text(data)
        return self._with_commands(self._cut + data)

    def _with_commands(self, data: bytes) -> Iterator[Token]:
        self._cut = b""
        at = 0
        for looks, command in enumerate(_COMMAND.finditer(data), 1):
            yield from self._lines_in_steps(data[at : command.start()])
            at = command.end()
            if command["one"] == _EOF or (command[0] == _EOT and self._at_start()):
                yield None
                return
            yield from self._commanded(command)
            if looks % MAX_LOOKS == 0:
                yield NO_FRAME
        yield from self._lines_in_steps(data[at:])

    def _lines_in_steps(self, data: bytes) -> Iterator[Frame]:
        """The lines in some text; erasing many characters counts as further steps."""
        for frame in self._text(data):
            yield frame
            if isinstance(frame, bytes):
                yield from repeat(NO_FRAME, (frame.count(_BACKSPACE) + frame.count(_DEL)) // MAX_LOOKS)

    def _commanded(self, command: re.Match[bytes]) -> Iterator[Token]:
        option, one, inside = command["option"], command["one"], command["inside"]
        if option is not None:
            refusal = _REFUSAL.get(option[:1])
            if refusal and (option == _TIMING_MARK or option not in self._refused):
                self._refused.add(option)
                yield Answer(_IAC + refusal + option[1:])
        elif one == _AYT:
            yield Answer(_HERE)
        elif one is not None:
            yield from self._text(_TYPED.get(one, b""))
        elif command["begun"] is not None:
            self._cut = _IAC + command["begun"]
        elif inside is None:
            self._inside = 0
        elif self._inside < self._lines.limit:
            self._inside += len(command[0])
            self._cut = _SB + inside  # (the rest of its content is ignored)
        else:  # (too long for a subnegotiation: what comes next is text again)
            self._inside = 0
            yield self._lines.skip()

    def _at_start(self) -> bool:
        """Whether the line is empty. Otherwise Ctrl-D means nothing."""
        return not self._lines.rest or self._lines.rest.endswith((_KILL, b"\x03"))

    def _text(self, data: bytes) -> Iterator[Frame]:
        """The lines in some text. A line ends with CR LF or CR NUL (RFC 854), or with CR or LF alone."""
        return self._lines.feed(data.replace(b"\r", b"\n").replace(b"\0", b""))


def edited(line: bytes) -> str:
    """A line as whoever typed it sees it, without what was erased; "" if only blanks are left.

    A character is what a person takes for one (a grapheme cluster, UAX 29). As finding these takes time, `TooBig` is raised if
    too many were erased.
    """
    text = line.decode(errors="replace")
    if _KEYS.search(text) is None:
        return text
    text = text[max(map(text.rfind, _KILLS)) + 1 :]
    if sum(map(text.count, _ERASERS)) > MAX_ERASED:
        raise TooBig(f"That line was ignored: more than {MAX_ERASED} characters of it were erased. Type it again.")
    shown: list[str] = []
    for typed, keys in _ERASURES.findall(text):
        shown += typed
        for _ in keys:
            del shown[-_last(shown) :]
    text = "".join(shown)
    return "" if text.isspace() else text


def _last(shown: list[str]) -> int:
    """How many code points the last character has. One with more than anybody would write is erased in parts."""
    if not shown or shown[-1].isascii():
        return 1
    if shown[-2:-1] != [_JOINER] and grapheme_boundary_before("".join(shown[-2:]), 2) == 1:
        return 1
    near = "".join(shown[-MAX_CODE_POINTS:])
    return len(near) - grapheme_boundary_before(near, len(near))
