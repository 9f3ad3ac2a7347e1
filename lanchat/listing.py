"""Listing: names in one line of text, as many as there is room for."""

from __future__ import annotations

from itertools import accumulate

from lanchat.packet import escaped_size

#: What is between two names in a list; no name has it.
BETWEEN_NAMES = ", "


def as_fit(names: list[str], room: int) -> list[str]:
    """As many of the names as fit into so many bytes of a packet, with what comes between them."""
    line = BETWEEN_NAMES.join([*names, ""])
    if line.isascii():  # the common case: no character of a name is escaped
        return names[: line[:room].count(BETWEEN_NAMES)]
    ends = accumulate(escaped_size(name) + len(BETWEEN_NAMES) for name in names)
    return [name for name, end in zip(names, ends, strict=True) if end <= room]


def and_more(names: list[str], total: int) -> str:
    """The names as text, and how many more there are."""
    more = total - len(names)
    return BETWEEN_NAMES.join(names) + (f", ... and {more} more" if more else "")


def online(names: list[str], total: int, prefix: str) -> str:
    """Who is here besides somebody, in words; `prefix` is what their names should begin with."""
    if not total:
        return "Nobody else has such a name." if prefix else "You are the only active user!"
    return f"Online users ({total}): {and_more(names, total)}"
