"""Splits what comes on stdin into messages."""

from __future__ import annotations

import contextlib
import locale
from collections.abc import Iterable
from enum import Enum

from lanchat.client.interfaces import NotSent


class InputMode(Enum):
    """What the lines of stdin may be."""

    TYPED = "as a person would type them: commands, @NAME TEXT, #ROOM TEXT, or text"
    TEXT = "text and nothing else; what looks like a command with a password is refused"
    ANY_TEXT = "text and nothing else, whatever it looks like"


def decoded(data: bytes) -> str:
    """Decode a line as UTF-8, else by the locale's encoding. Raises `NotSent`."""
    encodings = dict.fromkeys(("utf-8", locale.getpreferredencoding(False)))
    for encoding in encodings:
        with contextlib.suppress(UnicodeDecodeError, LookupError):
            return data.decode(encoding)
    raise NotSent("it is not UTF-8. Convert it with iconv, or set LC_ALL to its encoding.")


class LineSplitter:
    """Splits bytes into lines. Of a line that is over the limit (in bytes) nothing is kept."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._rest = b""
        self._skipping = False

    def feed(self, data: bytes) -> Iterable[bytes | None]:
        """The lines that these bytes complete, without their ends; None for one that was too long."""
        *lines, rest = (self._rest + data).split(b"\n")
        for line in lines:
            yield None if self._skipping or len(line) > self._limit else line.removesuffix(b"\r")
            self._skipping = False
        self._skipping = self._skipping or len(rest) > self._limit
        self._rest = b"" if self._skipping else rest

    def end(self) -> Iterable[bytes | None]:
        """The last line, if it has no newline."""
        return self.feed(b"\n") if self._rest or self._skipping else ()


class WholeInput:
    """Takes all bytes as one message. If they are over the limit (in bytes) nothing is kept."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._data = b""

    def feed(self, data: bytes) -> Iterable[bytes | None]:
        """Collect bytes; no message is complete before the end."""
        self._data = (self._data + data)[: self._limit + 1]
        return ()

    def end(self) -> Iterable[bytes | None]:
        """The whole input without the newline at its end; None if it was too long."""
        text = self._data.replace(b"\r\n", b"\n").removesuffix(b"\n")
        yield None if len(self._data) > self._limit else text
