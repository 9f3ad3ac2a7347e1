"""Formats lists of names or rows that may not fit into one packet, and says how to ask for the rest."""

from __future__ import annotations

import json
from collections.abc import Iterable
from itertools import accumulate
from typing import TypeVar

import msgspec

from lanchat.protocol.packet import MAX_MSG, MAX_PACKET

T = TypeVar("T")

#: Bytes that are set aside: for the parts of a packet beside the list, and for the words of its text beside the rows.
_FRAME, _WORDS = 2048, 512
#: Stands between two names in a list; no name contains it.
SEPARATOR = ", "
#: The answer to `after:N` when there are at most N.
NO_MORE = "There are no more."


def escaped_size(text: str) -> int:
    """The number of bytes that a text takes in a packet of ASCII."""
    return len(json.dumps(text)) - 2


def fitting_names(names: list[str], max_bytes: int) -> list[str]:
    """As many of the names, from the first on, as fit into `max_bytes` of a packet, separators included."""
    line = SEPARATOR.join([*names, ""])
    if line.isascii():  # the common case: nothing is escaped
        return names[: line[:max_bytes].count(SEPARATOR)]
    ends = accumulate(escaped_size(name) + len(SEPARATOR) for name in names)
    return [name for name, end in zip(names, ends, strict=True) if end <= max_bytes]


def names_and_more(names: list[str], total: int, after: int = 0, command: str = "") -> str:
    """The names as text, and how many more there are: "ann, bob, ... and 3 more: /list after:2".

    These are the names after the first `after` of `total`; `command` is the command that shows the rest, or "".
    """
    text, shown = SEPARATOR.join(names), after + len(names)
    return text if shown >= total else f"{text}, ... and {total - shown} more{command and f': {command} after:{shown}'}"


def fitting_rows(rows: Iterable[tuple[str, T]]) -> tuple[list[str], list[T]]:
    """The rows that fit into one packet, which has each twice: as a line of its text and as data. Returns both lists."""
    lines: list[str] = []
    data: list[T] = []
    text_bytes, packet_bytes = _WORDS, _FRAME
    for line, row in rows:
        text_bytes += len(line.encode()) + 1
        packet_bytes += len(msgspec.json.encode(line)) + len(msgspec.json.encode(row)) + 1
        if text_bytes > MAX_MSG or packet_bytes > MAX_PACKET:
            break
        lines.append(line)
        data.append(row)
    return lines, data


def more_line(total: int, shown: int, command: str) -> list[str]:
    """A line that says how many rows were not shown, and how to get them with `command`; empty if all `total` were shown."""
    if shown >= total:
        return []
    return [f"... and {total - shown} more{command and f': {command} after:{shown}'}"]


def online_users(names: list[str], total: int, prefix: str, after: int = 0, command: str = "") -> str:
    """The text of `/list`: `names` are those of the other users online, of `total`, that begin with `prefix`.

    `after` and `command` are as for `names_and_more`.
    """
    if not total:
        return "No other user has a name like that." if prefix else "You are the only active user!"
    if not names:
        return NO_MORE
    return f"Online users ({total}): {names_and_more(names, total, after, command)}"
