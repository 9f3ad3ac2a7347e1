"""Lines: the reader of packets that are lines."""

from __future__ import annotations

from collections.abc import Iterator

from lanchat.gateways.json_objects import NO_FRAME, Frame, Objects, Reader
from lanchat.protocol.errors import LineTooBig
from lanchat.protocol.packet import MAX_PACKET

#: Seconds of silence that end an object that has no newline.
END_SECONDS = 0.1
#: Bytes of white space behind such an object, at most.
MAX_BLANKS = 64
#: More bytes than any rest has.
_FOR_GOOD = 2**62


class Lines(Reader):
    """Reads lines of at most `limit` bytes that end with LF or CR LF. Blank lines are left out, too long ones are errors."""

    __slots__ = ("_looked", "_objects", "limit", "skipping", "strict")

    def __init__(self, limit: int = MAX_PACKET) -> None:
        super().__init__()
        self.limit = limit
        #: Whether an object without a newline is only a line that was cut, as for capable clients.
        self.strict = False
        #: Whether the rest of a line that is too long is being skipped.
        self.skipping = False
        # Looks for objects in `rest` when there is silence; and the length of `rest` when that was done last.
        self._objects: Objects | None = None
        self._looked = 0

    def block(self, data: bytes) -> bytes | None:
        """The lines that these bytes complete, in one piece; None if one may be too long, so that `feed` must be used."""
        if self.skipping or len(self.rest) + len(data) > self.limit:
            return None
        lines, newline, rest = data.rpartition(b"\n")
        if newline:
            lines = self._taken() + lines + newline
        self._keep(rest)
        return lines

    def feed(self, data: bytes) -> Iterator[Frame]:
        """The lines that these bytes complete, without their ends, and an error for each that is too long."""
        lines, newline, rest = data.rpartition(b"\n")
        for line in (self._taken() + lines).split(b"\n") if newline else ():
            if self.skipping:
                self.skipping = False
            elif len(line) > self.limit + line.endswith(b"\r"):
                yield self._too_big()
            elif line and not line.isspace():
                yield line.removesuffix(b"\r")
        if not self.skipping:
            self._keep(rest)
            if len(self.rest) > self.limit + 1:
                yield self.skip()

    def skip(self) -> LineTooBig:
        """Skip the line that has begun, and return the error for it."""
        self._taken()
        self.skipping = True
        return self._too_big()

    @property
    def patience(self) -> float | None:
        """Seconds of silence that end an object without a newline, as some clients send them; None if there is none."""
        if self.strict or len(self.rest) <= self._looked:
            return None
        return END_SECONDS if self.rest[-MAX_BLANKS:].rstrip().endswith(b"}") else None

    def silence(self) -> Iterator[Frame]:
        """The objects at the beginning of the rest. What is no object, or an incomplete one, waits for its newline."""
        if self._objects is None:
            self._objects = Objects(self.limit + 1)
            self._objects.rest = self.rest = bytearray(self.rest)  # (the same bytes for both)
        frame: Frame | None = NO_FRAME
        while frame is not None and self._objects.at_object:
            frame = self._objects.next()
            if frame is not None:
                yield frame
        self._looked = len(self.rest) if frame is None or not self.rest.strip() else _FOR_GOOD

    def _keep(self, data: bytes) -> None:
        """Keep bytes that wait for their newline. The time that takes does not depend on how much waits already."""
        if not self.rest:
            self.rest, self._objects, self._looked = data, None, 0
        elif data:
            if isinstance(self.rest, bytes):
                self.rest = bytearray(self.rest)
            self.rest += data

    def _taken(self) -> bytes:
        """Remove and return the bytes that waited for their newline."""
        rest, self.rest = bytes(self.rest), b""
        self._objects, self._looked = None, 0
        return rest

    def _too_big(self) -> LineTooBig:
        return LineTooBig(f"A line has at most {self.limit} bytes; the rest of this one was skipped.")


def split(block: bytes) -> Iterator[bytes]:
    """Split whole lines; their ends and blank lines are left out."""
    return (line.removesuffix(b"\r") for line in block.split(b"\n") if line and not line.isspace())
