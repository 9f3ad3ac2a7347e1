"""Framing: from bytes to frames, however TCP cut them (docs/protocol.md, "Framing" and "Unframed clients").

A frame is the bytes of one JSON text, or an error that stands in their place. There are three readers (for the name, for lines
and for objects), and one takes over from another. They know no sockets and no clock: the gateway feeds bytes, and reports
when nothing came for as many seconds as `patience` says.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from lanchat.gateways.json_objects import Frame, Objects, Reader
from lanchat.gateways.lines import END_SECONDS, Lines

#: Bytes in which a name must have ended. 32 characters fit, and enough more for a clear answer to a longer name.
MAX_OPENING = 512

_NAME_END = re.compile(rb"[\n{]")


class NameReader(Reader):
    """Reads the name, which ends at a newline, a brace, or by silence."""

    rest: bytes

    def __init__(self) -> None:
        super().__init__()
        self._name_received = False

    def feed(self, data: bytes) -> Iterator[Frame]:
        """The name, if these bytes complete it."""
        if self._name_received:
            self.rest += data
            self._settle()
            return
        self.rest = (self.rest + data).lstrip()  # (blank lines before the name are ignored)
        if end := _NAME_END.search(self.rest):
            name, framed = self.rest[: end.start()], end[0] == b"\n"
            self.rest = self.rest[end.end() if framed else end.start() :]
            self.successor = Lines() if framed else Objects()
            yield name
        elif len(self.rest) > MAX_OPENING:
            yield self.rest

    @property
    def patience(self) -> float | None:
        """Seconds of silence that end a name; None if nothing came yet."""
        return END_SECONDS if self.rest and not self._name_received else None

    def silence(self) -> Iterator[Frame]:
        """The name, ended by silence. Whether the client sends lines shows in what comes next."""
        name, self.rest = self.rest, b""
        self._name_received = True
        yield name

    def _settle(self) -> None:
        """Choose the next reader: a newline that comes first was only late, and anything else is from an unframed client."""
        if self.rest.startswith((b"\n", b"\r\n")):
            self.successor = Lines()
        elif self.rest != b"\r":
            self.successor = Objects()


class Framing:
    """Splits the input of one JSON connection into frames: first its name, then packets."""

    def __init__(self) -> None:
        self._reader: Reader = NameReader()

    @property
    def lines(self) -> Lines | None:
        """The reader of lines, once it has taken over, which is for good; otherwise None."""
        return self._reader if type(self._reader) is Lines else None  # (isinstance is slow with an ABC)

    @property
    def framed(self) -> bool:
        """Whether the client is known to read lines. Once it is, that does not change."""
        return type(self._reader.successor or self._reader) is Lines

    @property
    def patience(self) -> float | None:
        """The seconds of silence after which to ask for `silence`; None for never."""
        return self._reader.patience

    def feed(self, data: bytes) -> Iterator[Frame]:
        """The frames that these bytes complete. The first one of a connection is its name."""
        yield from self._reader.feed(data)
        while self._reader.successor is not None:
            rest, self._reader = self._reader.rest, self._reader.successor
            if rest:
                yield from self._reader.feed(bytes(rest))

    def silence(self) -> Iterator[Frame]:
        """The frames that are complete because nothing came for `patience` seconds."""
        yield from self._reader.silence()

    def become_framed(self) -> None:
        """Read only lines that end with a newline from now on, as the client is capable."""
        reader = self._reader.successor or self._reader
        if not isinstance(reader, Lines):
            reader = self._reader.successor = Lines()
        reader.strict = True
