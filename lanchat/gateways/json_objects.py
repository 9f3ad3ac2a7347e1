"""JSON objects: the reader of JSON objects without newlines between them; and the base class of the readers of bytes."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import TypeAlias

from lanchat.protocol.errors import BadJson, LineTooBig
from lanchat.protocol.packet import MAX_PACKET

#: The bytes of a JSON text, or the error that stands in their place.
Frame: TypeAlias = bytes | LineTooBig | BadJson

#: Seconds of silence inside an object after which it is given up.
STUCK_SECONDS = 1.0
#: How many braces and quotes one step looks at; a packet has 22. A step counts as a frame, whether or not it completes one, so
#: that work on bytes that make no frame is charged, and other connections have their turn in between.
MAX_LOOKS = 32
#: The result of a step that completed no frame.
NO_FRAME = b""

_BLANKS = re.compile(rb"\s*")
_OUTSIDE = re.compile(rb'[{}"]')
#: The inside of a string, up to its end, a line break, or a backslash before a line break. It matches everywhere.
_INSIDE = re.compile(rb'(?:[^"\\\n]+|\\[^\n])*')


class Reader(ABC):
    """Splits bytes into frames. It keeps what is not complete, and names the reader that goes on from there."""

    __slots__ = ("rest", "successor")  # as has Lines: each client has one for as long as it stays

    def __init__(self) -> None:
        #: The bytes that came and are not a frame yet.
        self.rest: bytes | bytearray = b""
        #: The reader that goes on with `rest`, once that is decided.
        self.successor: Reader | None = None

    @abstractmethod
    def feed(self, data: bytes) -> Iterator[Frame]:
        """The frames that these bytes complete."""

    @property
    @abstractmethod
    def patience(self) -> float | None:
        """The seconds of silence after which to ask for `silence`; None for never."""

    @abstractmethod
    def silence(self) -> Iterator[Frame]:
        """The frames that are complete because nothing came for `patience` seconds."""


class Objects(Reader):
    """Reads JSON objects without newlines between them. An object ends where its braces outside of strings balance."""

    rest: bytearray  # always the same one, as removing bytes from either end is quick

    def __init__(self, limit: int = MAX_PACKET) -> None:
        super().__init__()
        self.rest = bytearray()
        self.limit = limit
        self._at = 0  # how far the rest has been looked at; no byte is looked at twice
        self._depth = 0
        self._in_string = False
        self._skipping = False  # inside an object over the limit
        self._junk = False  # after an error, until the next object

    @property
    def inside(self) -> bool:
        """Whether an object has begun and not ended yet."""
        return self._depth > 0

    @property
    def at_object(self) -> bool:
        """Whether the rest begins with an object, or inside one, and not with text outside of objects."""
        return self._depth > 0 or self.rest.startswith(b"{", _BLANKS.match(self.rest).end())  # type: ignore[union-attr]  # it always matches

    def feed(self, data: bytes) -> Iterator[Frame]:
        """The objects that these bytes complete."""
        self.rest += data
        while self.successor is None and self.rest and (frame := self.next()) is not None:
            yield frame

    def next(self) -> Frame | None:
        """The next object, or an error; `NO_FRAME` after a step without either; None if more bytes are needed."""
        frame = None if self._depth else self._text_outside()
        return self._object() if frame is None and self._depth else frame

    @property
    def patience(self) -> float | None:
        """Seconds of silence after which an object that has begun is given up."""
        return STUCK_SECONDS if self.inside else None

    def silence(self) -> Iterator[Frame]:
        """The error for an object that did not end."""
        self._begin_junk(len(self.rest))
        yield BadJson("The packet was ignored: its braces are not balanced.")

    def _text_outside(self) -> Frame | None:
        """Skip to the next object. Returns an error if there was text before it, once until the next object."""
        start = self.rest.find(b"{")
        fault = False
        if start:
            end = len(self.rest) if start < 0 else start
            fault = not self._junk and _BLANKS.match(self.rest).end() < end  # type: ignore[union-attr]  # it always matches
            del self.rest[:end]
        self._junk = start < 0 and (self._junk or fault)
        self._at, self._depth = (0, 0) if start < 0 else (1, 1)
        return BadJson("Text outside of a packet was skipped.") if fault else None

    def _object(self) -> Frame | None:
        """Go on through an object, and return its bytes if it ends; otherwise as `next`."""
        for _ in range(MAX_LOOKS):
            match = _INSIDE.match(self.rest, self._at) if self._in_string else _OUTSIDE.search(self.rest, self._at)
            at = len(self.rest) if match is None else match.end() if self._in_string else match.start()
            char = self.rest[at : at + 1]
            if not char or (char == b"\\" and at + 1 == len(self.rest)):  # (the escaped character is still to come)
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
        """Skip an object that has a line break in a string."""
        self._begin_junk(at + 1)
        return BadJson("The packet was skipped: in JSON, a line break inside a string is written \\n.")

    def _wait(self) -> Frame | None:
        """Wait for more bytes, and keep those of the object, unless there are too many."""
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
        return LineTooBig(f"A packet has at most {self.limit} bytes; the rest of this one was skipped.")

    def _drop(self, upto: int) -> None:
        del self.rest[:upto]
        self._at -= upto

    def _begin_junk(self, upto: int) -> None:
        del self.rest[:upto]
        self._at = self._depth = 0
        self._in_string = self._skipping = False
        self._junk = True
