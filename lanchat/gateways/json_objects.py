"""Objects: the reader of JSON objects with nothing between them; and what all readers of bytes have in common."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import TypeAlias

from lanchat.protocol.errors import BadJson, LineTooBig
from lanchat.protocol.packet import MAX_PACKET

Frame: TypeAlias = bytes | LineTooBig | BadJson

#: Seconds of silence inside an object that show that its end will not come.
STUCK_SECONDS = 1.0
#: Braces, and beginnings and ends of strings, that one step looks at: a packet has 22. A step counts as a frame, whether or
#: not it completes one, so that bytes of which nothing comes are charged, and others have their turn in between.
MAX_LOOKS = 32
#: What stands for a frame after a step that completed none.
NO_FRAME = b""

_BLANKS = re.compile(rb"\s*")
_OUTSIDE = re.compile(rb'[{}"]')
#: What goes on inside a string: up to its end, a line break, or a backslash that escapes neither. It matches everywhere.
_INSIDE = re.compile(rb'(?:[^"\\\n]+|\\[^\n])*')


class Reader(ABC):
    """What the three have in common: bytes that are waiting for more, and who reads on."""

    __slots__ = ("rest", "successor")  # and Lines has its own: there is one for each client, as long as it stays

    def __init__(self) -> None:
        #: What has come and is not a frame yet.
        self.rest: bytes | bytearray = b""
        #: Who reads on from `rest`, once that is decided.
        self.successor: Reader | None = None

    @abstractmethod
    def feed(self, data: bytes) -> Iterator[Frame]:
        """The frames that these bytes complete."""

    @property
    @abstractmethod
    def patience(self) -> float | None:
        """After how many seconds of silence `silence` has something to tell; None for never."""

    @abstractmethod
    def silence(self) -> Iterator[Frame]:
        """The frames that silence completes."""


class Objects(Reader):
    """JSON objects with nothing between them: one ends where its braces balance outside strings."""

    rest: bytearray  # always the same one: to take from either end of it takes no longer than what is taken

    def __init__(self, limit: int = MAX_PACKET) -> None:
        super().__init__()
        self.rest = bytearray()
        self.limit = limit
        self._at = 0  # how far the rest has been looked through: no byte is looked at twice
        self._depth = 0
        self._in_string = False
        self._skipping = False  # inside an object over the limit
        self._junk = False  # after an error, until the next object

    @property
    def inside(self) -> bool:
        """Whether an object has begun and not ended."""
        return self._depth > 0

    @property
    def at_object(self) -> bool:
        """Whether what comes next is an object, or the rest of one, and no text outside of any."""
        return self._depth > 0 or self.rest.startswith(b"{", _BLANKS.match(self.rest).end())  # type: ignore[union-attr]  # it always matches

    def feed(self, data: bytes) -> Iterator[Frame]:
        """The objects that these bytes complete."""
        self.rest += data
        while self.successor is None and self.rest and (frame := self.next()) is not None:
            yield frame

    def next(self) -> Frame | None:
        """The next object, or an error; `NO_FRAME` after some work without either; None where bytes are wanting."""
        frame = None if self._depth else self._text_outside()
        return self._object() if frame is None and self._depth else frame

    @property
    def patience(self) -> float | None:
        """An object that has begun should end."""
        return STUCK_SECONDS if self.inside else None

    def silence(self) -> Iterator[Frame]:
        """There was silence inside an object: what there is of it is given up."""
        self._begin_junk(len(self.rest))
        yield BadJson("The packet did not end: its braces are not balanced. Nothing was done with it.")

    def _text_outside(self) -> Frame | None:
        """Go to the next object; an error for text before it, once for each run of it."""
        start = self.rest.find(b"{")
        fault = False
        if start:
            end = len(self.rest) if start < 0 else start
            fault = not self._junk and _BLANKS.match(self.rest).end() < end  # type: ignore[union-attr]  # it always matches
            del self.rest[:end]
        self._junk = start < 0 and (self._junk or fault)
        self._at, self._depth = (0, 0) if start < 0 else (1, 1)
        return BadJson("There is text outside of a packet; it was skipped.") if fault else None

    def _object(self) -> Frame | None:
        """Go on through the object; its bytes when it ends. The rest is as for `next`."""
        for _ in range(MAX_LOOKS):
            match = _INSIDE.match(self.rest, self._at) if self._in_string else _OUTSIDE.search(self.rest, self._at)
            at = len(self.rest) if match is None else match.end() if self._in_string else match.start()
            char = self.rest[at : at + 1]
            if not char or (char == b"\\" and at + 1 == len(self.rest)):  # (what it escapes is still to come)
                self._at = at
                return self._wait()
            if at >= self.limit and not self._skipping:
                return self._skip(at)
            self._at = at + 1
            if char == b'"':
                self._in_string = not self._in_string
            elif char in b"\\\n":
                return self._broken(at + (char == b"\\"))
            else:
                self._depth += 1 if char == b"{" else -1
                if not self._depth:
                    return self._ended()
        return NO_FRAME

    def _broken(self, at: int) -> BadJson:
        """There is a line break in a string."""
        self._begin_junk(at + 1)
        return BadJson("A line break inside a string is written \\n in JSON; the packet was skipped.")

    def _wait(self) -> Frame | None:
        """Bytes are wanting; what has been looked through is kept, unless it is over the limit."""
        if len(self.rest) > self.limit and not self._skipping:
            return self._skip(self._at)
        if self._skipping:
            self._drop(self._at)
        return None

    def _ended(self) -> bytes:
        whole = NO_FRAME if self._skipping else bytes(self.rest[: self._at])
        self._skipping = False
        del self.rest[: self._at]
        self._at = 0
        return whole

    def _skip(self, upto: int) -> LineTooBig:
        self._skipping = True
        self._drop(upto)
        return LineTooBig(f"A packet is at most {self.limit} bytes; the rest of this one is skipped.")

    def _drop(self, upto: int) -> None:
        del self.rest[:upto]
        self._at -= upto

    def _begin_junk(self, upto: int) -> None:
        del self.rest[:upto]
        self._at = self._depth = 0
        self._in_string = self._skipping = False
        self._junk = True
