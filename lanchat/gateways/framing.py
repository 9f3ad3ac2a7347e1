"""Framing: from bytes to frames, however TCP cut them (docs/protocol.md, "Framing" and "Unframed clients").

A frame is the bytes that one JSON text should be made of, or the error that stands in their place. There are three readers
(the opening, lines, objects) and one takes over from another. No sockets and no clock here: the gateway feeds bytes, and
says when there was silence for as long as `patience` asks for.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import TypeAlias

from lanchat.errors import BadJson, LineTooBig
from lanchat.packet import MAX_PACKET

Frame: TypeAlias = bytes | LineTooBig | BadJson

#: Seconds of silence that end a name, or an object that has no newline.
END_SECONDS = 0.1
#: Seconds of silence inside an object that show that its end will not come.
STUCK_SECONDS = 1.0
#: Bytes in which a name must have ended: room for 32 characters, and for a clear answer to a longer one.
MAX_OPENING = 512

_NAME_END = re.compile(rb"[\n{]")
_OUTSIDE = re.compile(rb'[{}"]')
_INSIDE = re.compile(rb'["\\\n]')


class Reader(ABC):
    """What the three have in common: bytes that are waiting for more, and who reads on."""

    __slots__ = ("rest", "successor")  # and Lines has its own: there is one for each client, as long as it stays

    def __init__(self) -> None:
        #: What has come and is not a frame yet.
        self.rest = b""
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


class Opening(Reader):
    """The name: up to a newline, a brace, or a silence."""

    def __init__(self) -> None:
        super().__init__()
        self._named = False

    def feed(self, data: bytes) -> Iterator[Frame]:
        """The name, or nothing yet."""
        if self._named:
            self.rest += data
            self._settle()
            return
        self.rest = (self.rest + data).lstrip()  # blank lines are no name
        if end := _NAME_END.search(self.rest):
            name, framed = self.rest[: end.start()], end[0] == b"\n"
            self.rest = self.rest[end.end() if framed else end.start() :]
            self.successor = Lines() if framed else Objects()
            yield name
        elif len(self.rest) > MAX_OPENING:
            yield self.rest

    @property
    def patience(self) -> float | None:
        """A name may be ended by silence alone."""
        return END_SECONDS if self.rest and not self._named else None

    def silence(self) -> Iterator[Frame]:
        """The name; whether the client is framed shows in what comes next."""
        name, self.rest = self.rest, b""
        self._named = True
        yield name

    def _settle(self) -> None:
        """A newline right after the silence was only late; anything else is from an unframed client."""
        if self.rest.startswith((b"\n", b"\r\n")):
            self.successor = Lines()
        elif self.rest != b"\r":
            self.successor = Objects()


class Lines(Reader):
    """Lines of at most `limit` bytes, ended by LF or CR LF; blank ones are left out, too long ones are skipped."""

    __slots__ = ("_skipping", "limit", "strict")

    def __init__(self, limit: int = MAX_PACKET) -> None:
        super().__init__()
        self.limit = limit
        #: Set for capable sessions: an object without a newline is then only a line that was cut.
        self.strict = False
        self._skipping = False

    def whole(self, data: bytes) -> bool:
        """Whether these bytes are whole lines, which need nothing of what came before, and of which none is too long."""
        return not self.rest and data.endswith(b"\n") and len(data) <= self.limit and not self._skipping

    def block(self, data: bytes) -> bytes | None:
        """The lines that these bytes complete, in one piece; None when one may be too long, and `feed` must look at each."""
        if self._skipping or len(self.rest) + len(data) > self.limit:
            return None
        whole, newline, self.rest = (self.rest + data).rpartition(b"\n")
        return whole + newline

    def feed(self, data: bytes) -> Iterator[Frame]:
        """The lines that these bytes complete."""
        *lines, self.rest = (self.rest + data).split(b"\n")
        for line in lines:
            if self._skipping:
                self._skipping = False
            elif len(line) > self.limit + line.endswith(b"\r"):
                yield self._too_big()
            elif line and not line.isspace():
                yield line.removesuffix(b"\r")
        if self._skipping:
            self.rest = b""
        elif len(self.rest) > self.limit + 1:
            self.rest, self._skipping = b"", True
            yield self._too_big()

    @property
    def patience(self) -> float | None:
        """Some clients end their name with a newline, but not their packets."""
        return END_SECONDS if self.rest and not self.strict and self.rest.rstrip().endswith(b"}") else None

    def silence(self) -> Iterator[Frame]:
        """What was left without a newline, if that is whole objects."""
        objects = Objects(self.limit)
        frames = list(objects.feed(self.rest))
        if all(isinstance(frame, bytes) for frame in frames) and not objects.inside:
            self.rest = b""
            yield from frames

    def _too_big(self) -> LineTooBig:
        return LineTooBig(f"A line is at most {self.limit} bytes; the rest of this one is skipped.")


def split(block: bytes) -> Iterator[bytes]:
    """The lines in whole ones, without their ends, and without those that are blank."""
    return (line.removesuffix(b"\r") for line in block.split(b"\n") if line and not line.isspace())


class Objects(Reader):
    """JSON objects with nothing between them: one ends where its braces balance outside strings."""

    def __init__(self, limit: int = MAX_PACKET) -> None:
        super().__init__()
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

    def feed(self, data: bytes) -> Iterator[Frame]:
        """The objects that these bytes complete."""
        self.rest += data
        while self.successor is None:
            frame = None if self._depth else self._text_outside()
            if frame is None and self._depth:
                frame = self._object()
            if frame is None:
                return
            if frame:
                yield frame

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
        between = self.rest if start < 0 else self.rest[:start]
        self.rest = b"" if start < 0 else self.rest[start:]
        fault = bool(between.strip()) and not self._junk
        self._junk = start < 0 and (self._junk or fault)
        self._at, self._depth = (0, 0) if start < 0 else (1, 1)
        return BadJson("There is text outside of a packet; it was skipped.") if fault else None

    def _object(self) -> Frame | None:
        """Go on through the object; its bytes when it ends, b"" for one that was skipped, None where bytes are wanting."""
        while match := (_INSIDE if self._in_string else _OUTSIDE).search(self.rest, self._at):
            if match.end() > self.limit and not self._skipping:
                return self._skip(match.start())
            self._at = match.end()
            char = match[0]
            if char == b'"':
                self._in_string = not self._in_string
            elif char == b"\\":
                if self._at == len(self.rest):  # what it escapes is still to come
                    self._at -= 1
                    return self._wait()
                self._at += self.rest[self._at : self._at + 1] != b"\n"  # a line break can't be escaped
            elif char == b"\n":
                self._begin_junk(self._at)
                return BadJson("A line break inside a string is written \\n in JSON; the packet was skipped.")
            else:
                self._depth += 1 if char == b"{" else -1
                if not self._depth:
                    return self._ended()
        self._at = len(self.rest)
        return self._wait()

    def _wait(self) -> Frame | None:
        """Bytes are wanting; what has been looked through is kept, unless it is over the limit."""
        if len(self.rest) > self.limit and not self._skipping:
            return self._skip(self._at)
        if self._skipping:
            self._drop(self._at)
        return None

    def _ended(self) -> bytes:
        whole = b"" if self._skipping else self.rest[: self._at]
        self._skipping = False
        self._drop(self._at)
        return whole

    def _skip(self, upto: int) -> LineTooBig:
        self._skipping = True
        self._drop(upto)
        return LineTooBig(f"A packet is at most {self.limit} bytes; the rest of this one is skipped.")

    def _drop(self, upto: int) -> None:
        self.rest = self.rest[upto:]
        self._at -= upto

    def _begin_junk(self, upto: int) -> None:
        self.rest = self.rest[upto:]
        self._at = self._depth = 0
        self._in_string = self._skipping = False
        self._junk = True


class Framing:
    """The input of one JSON connection: first its name, then packets, framed or not as the name has shown."""

    def __init__(self) -> None:
        self._reader: Reader = Opening()

    @property
    def lines(self) -> Lines | None:
        """The reader of lines, once there is nothing else to be read; it stays so."""
        return self._reader if type(self._reader) is Lines else None  # (isinstance is slow where there is an ABC)

    @property
    def framed(self) -> bool:
        """Whether the client is known to read lines; it stays so."""
        return type(self._reader.successor or self._reader) is Lines

    @property
    def patience(self) -> float | None:
        """After how many seconds of silence `silence` has something to tell; None for never."""
        return self._reader.patience

    def feed(self, data: bytes) -> Iterator[Frame]:
        """The frames that these bytes complete; the first of a connection is its name."""
        yield from self._reader.feed(data)
        while self._reader.successor is not None:
            rest, self._reader = self._reader.rest, self._reader.successor
            if rest:
                yield from self._reader.feed(rest)

    def silence(self) -> Iterator[Frame]:
        """The frames that silence completes."""
        yield from self._reader.silence()

    def become_framed(self) -> None:
        """A hello was accepted: from here on there are lines, each with its newline, whatever there was before."""
        reader = self._reader.successor or self._reader
        if not isinstance(reader, Lines):
            reader = self._reader.successor = Lines()
        reader.strict = True
