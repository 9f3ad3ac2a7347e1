"""Listing: names in one line of text, or rows of it, as many as fit into one packet; and how to ask for the rest."""

from __future__ import annotations

import json
from collections.abc import Iterable
from itertools import accumulate
from typing import TypeVar

import msgspec

from lanchat.protocol.packet import MAX_MSG, MAX_PACKET

T = TypeVar("T")

#: What a packet has besides what is listed in it, and a text besides its rows: bytes, at the most.
_FRAME, _WORDS = 2048, 512
#: What is between two names in a list; no name has it.
BETWEEN_NAMES = ", "
#: What is told if somebody asks for what comes after more than there are.
NO_MORE = "There are no more."


def escaped_size(text: str) -> int:
    """How many bytes a text takes inside an ASCII packet."""
    return len(json.dumps(text)) - 2


def as_fit(names: list[str], room: int) -> list[str]:
    """As many of the names as fit into so many bytes of a packet, with what comes between them."""
    line = BETWEEN_NAMES.join([*names, ""])
    if line.isascii():  # the common case: no character of a name is escaped
        return names[: line[:room].count(BETWEEN_NAMES)]
    ends = accumulate(escaped_size(name) + len(BETWEEN_NAMES) for name in names)
    return [name for name, end in zip(names, ends, strict=True) if end <= room]


def and_more(names: list[str], total: int, after: int = 0, ask: str = "") -> str:
    """The names as text, and how many more there are after these and those `after` which they come; `ask` tells these."""
    text, shown = BETWEEN_NAMES.join(names), after + len(names)
    return text if shown >= total else f"{text}, ... and {total - shown} more{ask and f': {ask} after:{shown}'}"


def fitting(rows: Iterable[tuple[str, T]]) -> tuple[list[str], list[T]]:
    """As many of these rows as fit into one packet, in which each is there as a line of the text and as data."""
    lines: list[str] = []
    data: list[T] = []
    words, together = _WORDS, _FRAME
    for line, row in rows:
        words += len(line.encode()) + 1
        together += len(msgspec.json.encode(line)) + len(msgspec.json.encode(row)) + 1
        if words > MAX_MSG or together > MAX_PACKET:
            break
        lines.append(line)
        data.append(row)
    return lines, data


def rest(total: int, shown: int, ask: str) -> list[str]:
    """A line about what was not shown yet of a list, if there is anything; `ask` is the command that tells it."""
    if shown >= total:
        return []
    return [f"... and {total - shown} more{ask and f': {ask} after:{shown}'}"]


def online(names: list[str], total: int, prefix: str, after: int = 0, ask: str = "") -> str:
    """Who is here besides somebody, in words; `prefix` is what their names should begin with, the rest as for `and_more`."""
    if not total:
        return "Nobody else has such a name." if prefix else "You are the only active user!"
    if not names:
        return NO_MORE
    return f"Online users ({total}): {and_more(names, total, after, ask)}"
