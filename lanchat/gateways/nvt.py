"""NVT: what a network virtual terminal sends (RFC 854): lines of text, keys that edit them, and requests of telnet's own.

No option of telnet's is supported, so each is refused, once (RFC 855; RFC 1143 tells how answers to answers make loops).
Nothing here knows a socket: the gateway feeds bytes, and sends the answers that it is handed, in their place among the lines.
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
#: What an option is refused with: WONT what we are to DO, DONT what the far end WILL.
_REFUSAL = {b"\xfd": b"\xfc", b"\xfb": b"\xfe"}
#: DO TIMING-MARK (RFC 860) asks for an answer behind all that came before it: `telnet` shows nothing until that is there.
_TIMING_MARK = b"\xfd\x06"
_BACKSPACE, _DEL, _KILL, _EOT = b"\b", b"\x7f", b"\x15", b"\x04"
#: Commands that stand for a byte or a key: IAC for itself; EC erases a character; EL the line, as do the interrupts (IP, BRK,
#: SUSP, ABORT). What is not here is no concern of a chat's: NOP, DM, AO, GA.
_TYPED = {_IAC: _IAC, b"\xf7": _DEL, **dict.fromkeys((b"\xf8", b"\xf4", b"\xf3", b"\xed", b"\xee"), _KILL)}
#: Characters that may be erased in a line.
MAX_ERASED = 256
#: Code points that are looked at to find where a character begins; what makes one of two emoji.
MAX_CODE_POINTS, _JOINER = 64, "\u200d"
#: What whoever asks "Are You There" is told.
_HERE = b"* lanchat is here.\r\n"

#: Ctrl-D, or a command of telnet's: a subnegotiation up to its end; WILL, WONT, DO or DONT with an option; or one byte.
#: Where it is cut, `inside` or `begun` match: the last byte in a subnegotiation, if that may be half of its end; a first byte.
#: It matches at each IAC, whatever follows, so it never goes back: it takes no longer than the bytes are long.
_COMMAND = re.compile(
    rb"\x04|\xff(?:\xfa(?:[^\xff]+|\xff[^\xf0])*(?:\xff\xf0|(?P<inside>\xff?)\Z)"
    rb"|(?P<option>[\xfb-\xfe].)|(?P<one>[^\xfa-\xfe])|(?P<begun>[\xfb-\xfe]?)\Z)",
    re.DOTALL,
)
#: The keys that erase: Ctrl-U and Ctrl-C the line; backspace and DEL a character, here with the text before them.
_KILLS, _ERASERS = "\x15\x03", "\b\x7f"
_KEYS = re.compile(f"[{_KILLS}{_ERASERS}]")
_ERASURES = re.compile("([^\b\x7f]*)([\b\x7f]*)")


class Answer(NamedTuple):
    """What is to be sent back."""

    data: bytes


#: What comes in: a line or an error in its place, `NO_FRAME` after some work without one, an answer; None: the input is over.
Token: TypeAlias = Frame | Answer | None


class Terminal:
    """The input of one connection."""

    __slots__ = ("_cut", "_inside", "_lines", "_refused")

    def __init__(self, limit: int) -> None:
        """A line may have so many bytes, those that erase included."""
        self._lines = Lines(limit)
        self._cut = b""  # a command whose end is still to come
        self._inside = 0  # how long that is, if it is a subnegotiation
        self._refused: set[bytes] = set()

    def feed(self, data: bytes) -> Iterator[Token]:
        """What these bytes complete."""
        if not self._cut and _IAC not in data and _EOT not in data and _BACKSPACE not in data and _DEL not in data:
            return self._text(data)
        return self._with_commands(self._cut + data)

    def _with_commands(self, data: bytes) -> Iterator[Token]:
        self._cut = b""
        at = 0
        for looks, command in enumerate(_COMMAND.finditer(data), 1):
            yield from self._weighed(data[at : command.start()])
            at = command.end()
            if command["one"] == _EOF or (command[0] == _EOT and self._at_start()):
                yield None
                return
            yield from self._obeyed(command)
            if looks % MAX_LOOKS == 0:
                yield NO_FRAME
        yield from self._weighed(data[at:])

    def _weighed(self, data: bytes) -> Iterator[Frame]:
        """Text; to erase is work, too."""
        for frame in self._text(data):
            yield frame
            if isinstance(frame, bytes):
                yield from repeat(NO_FRAME, (frame.count(_BACKSPACE) + frame.count(_DEL)) // MAX_LOOKS)

    def _obeyed(self, command: re.Match[bytes]) -> Iterator[Token]:
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
            self._cut = _SB + inside  # of what is inside nothing else matters
        else:  # that is none: what comes next is text again
            self._inside = 0
            yield self._lines.skip()

    def _at_start(self) -> bool:
        """Whether nothing has been typed since the last line; elsewhere Ctrl-D means nothing."""
        return not self._lines.rest or self._lines.rest.endswith((_KILL, b"\x03"))

    def _text(self, data: bytes) -> Iterator[Frame]:
        """A line ends with CR LF or CR NUL (RFC 854), or with one of the two."""
        return self._lines.feed(data.replace(b"\r", b"\n").replace(b"\0", b""))


def edited(line: bytes) -> str:
    """A line as whoever typed it sees it, without what was erased; "" if nothing but blanks is left.

    A character is what a person takes for one (UAX 29). Raises `TooBig`, as to find these takes time.
    """
    text = line.decode(errors="replace")
    if _KEYS.search(text) is None:
        return text
    text = text[max(map(text.rfind, _KILLS)) + 1 :]
    if sum(map(text.count, _ERASERS)) > MAX_ERASED:
        raise TooBig(f"More than {MAX_ERASED} characters were erased in that line, so nothing was done. Type it again.")
    shown: list[str] = []
    for typed, keys in _ERASURES.findall(text):
        shown += typed
        for _ in keys:
            del shown[-_last(shown) :]
    text = "".join(shown)
    return "" if text.isspace() else text


def _last(shown: list[str]) -> int:
    """How many code points the last character has; one that has more than anybody writes goes in parts."""
    if not shown or shown[-1].isascii():
        return 1
    if shown[-2:-1] != [_JOINER] and grapheme_boundary_before("".join(shown[-2:]), 2) == 1:
        return 1
    near = "".join(shown[-MAX_CODE_POINTS:])
    return len(near) - grapheme_boundary_before(near, len(near))
