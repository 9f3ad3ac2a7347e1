"""What a request for a file asks for, besides its name: a part of it, or only what has changed (RFC 9110, 13 and 14)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

#: Matches a header Range with one range of bytes.
_RANGE = re.compile(r"bytes=[ \t]*(?P<first>\d{0,19})-(?P<last>\d{0,19})[ \t]*", re.IGNORECASE)


class Part(NamedTuple):
    """A part of a file: from its byte `start` (the first is 0) to the byte before `end`."""

    start: int
    end: int


class Unsatisfiable(Exception):
    """The part that was asked for is not there, as the file is shorter."""


def asked_part(header: Sequence[str], size: int) -> Part | None:
    """The part that the values of a header Range ask for; None for all of a file, which has `size` bytes.

    Several ranges, and what is no range of bytes, are answered with all, as is allowed (14.2). Raises `Unsatisfiable`.
    """
    match = _RANGE.fullmatch(header[0]) if len(header) == 1 else None
    if match is None or not (match["first"] or match["last"]):
        return None
    if not match["first"]:  # the last so many bytes
        start, end = max(size - int(match["last"]), 0), size
    else:
        start, end = int(match["first"]), min(int(match["last"] or size) + 1, size)
        if match["last"] and int(match["last"]) < start:
            return None  # (it is no range)
    if start >= end:
        raise Unsatisfiable
    return Part(start, end)


def is_known(header: Sequence[str], tag: str) -> bool:
    """Whether the values of a header If-None-Match have this tag, which is in quotes: the client has the file already."""
    tags = [one.strip().removeprefix("W/") for value in header for one in value.split(",")]
    return tag in tags or "*" in tags


def is_unchanged(header: Sequence[str], tag: str) -> bool:
    """Whether a part may be sent by the values of a header If-Range: there is none, or it has the tag of the file as it is.

    A date is taken for another file, as no dates are told.
    """
    return not header or header == [tag]
