"""Framing: from bytes to frames, however TCP cut them (docs/protocol.md, "Framing" and "Unframed clients").

A frame is the bytes that one JSON text should be made of, or the error that stands in their place. There are three readers
(the opening, lines, objects) and one takes over from another. No sockets and no clock here: the gateway feeds bytes, and
says when there was silence for as long as `patience` asks for.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from lanchat.gateways.json_objects import Frame, Objects, Reader
from lanchat.gateways.lines import END_SECONDS, Lines

#: Bytes in which a name must have ended: room for 32 characters, and for a clear answer to a longer one.
MAX_OPENING = 512

_NAME_END = re.compile(rb"[\n{]")


class NameReader(Reader):
    """The name: up to a newline, a brace, or a silence."""

    rest: bytes

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


class Framing:
    """The input of one JSON connection: first its name, then packets, framed or not as the name has shown."""

    def __init__(self) -> None:
        self._reader: Reader = NameReader()

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
                yield from self._reader.feed(bytes(rest))

    def silence(self) -> Iterator[Frame]:
        """The frames that silence completes."""
        yield from self._reader.silence()

    def become_framed(self) -> None:
        """A hello was accepted: from here on there are lines, each with its newline, whatever there was before."""
        reader = self._reader.successor or self._reader
        if not isinstance(reader, Lines):
            reader = self._reader.successor = Lines()
        reader.strict = True
