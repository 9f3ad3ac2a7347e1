"""Texts that programs send, as they are said in a room: tidy, with links that people can read, and not too long."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from lanchat.protocol.packet import MAX_MSG, visible

#: How many members of a list or an object in JSON are read: far more than fit into a message.
MOST_MEMBERS = 100
#: How much of a text is looked at, in characters: with markup it may be longer than it is when it is said.
MOST_CHARACTERS = 65_536
#: The longest name that a sender may give itself, in characters.
MOST_LABEL = 64
#: Stands at the end of a text that was too long.
CUT = f"... (The rest was cut: a message has at most {MAX_MSG:,} bytes.)"

#: Colours and movements of a terminal (ECMA-48, 5.4): they come from logs.
_ESCAPES = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]")
_LINE_ENDS = re.compile("\r\n|[\r\v\f\x1c-\x1e\x85\u2028\u2029]")
#: Control characters other than the tab and the newline, and halves of characters, which JSON can hold but UTF-8 can't.
_NO_TEXT = re.compile("[\x00-\x08\x0b-\x1f\x7f\ud800-\udfff]")
_EMPTY_LINES = re.compile("\n{3,}")


def tidy(text: str) -> str:
    r"""A text with `\n` at the ends of lines, no blanks there, at most one empty line in a row, and no control characters."""
    if text.isprintable():
        return text.rstrip()
    text = _NO_TEXT.sub("", _LINE_ENDS.sub("\n", _ESCAPES.sub("", text)))
    return _EMPTY_LINES.sub("\n\n", "\n".join(map(str.rstrip, text.split("\n")))).strip("\n")


def clipped(text: str) -> str:
    """A text of which no more is there than is looked at; what was longer ends with `CUT`."""
    return text if len(text) <= MOST_CHARACTERS else f"{text[:MOST_CHARACTERS]}\n{CUT}"


def cut(text: str, most: int = MAX_MSG) -> str:
    """A text of at most `most` bytes of UTF-8; one that was longer ends with `CUT`."""
    data = text.encode()
    if len(data) <= most:
        return text
    return data[: most - len(CUT) - 1].decode(errors="ignore").rstrip() + "\n" + CUT


def link(label: str, url: str) -> str:
    """A link as people read it: `label (url)`, or the one of both that is there. Nothing is ever fetched from it."""
    label, url = " ".join(label.split()), url.strip()
    if not label or label == url or not url:
        return url or label
    return f"{label} ({url})"


def words(value: Any) -> str:
    """The text of a member of JSON: a string, a number, or an object with a member `text` (Slack); "" for all else."""
    if isinstance(value, dict):
        value = value.get("text")
    if isinstance(value, str):
        return clipped(value)
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else ""


def line(value: Any) -> str:
    """The text of a member of JSON, on one line."""
    return " ".join(tidy(words(value)).split())


def objects(value: Any) -> list[dict[str, Any]]:
    """The first objects in a list; none if it is no list (a member may be null, missing, or of another type)."""
    return [member for member in value[:MOST_MEMBERS] if isinstance(member, dict)] if isinstance(value, list) else []


def label_of(value: Any) -> str:
    """The name that a sender gave itself, on one line and not too long; "" if none."""
    return visible(line(value)[: 2 * MOST_LABEL])[:MOST_LABEL].strip()


class Gathered:
    """A text that is put together from parts, each on lines of its own."""

    def __init__(self) -> None:
        self._parts: dict[str, None] = {}
        self._size = 0

    @property
    def is_full(self) -> bool:
        """Whether there is more than a message takes, so that no more has to be looked for."""
        return self._size > MAX_MSG + 1  # (the newline after the last part is none of the text)

    def add(self, part: str) -> None:
        """Add a part, unless it is empty, or there already (senders repeat themselves), or there is enough."""
        part = tidy(part)
        if part.strip() and not self.is_full and part not in self._parts:
            self._parts[part] = None
            self._size += len(part.encode()) + 1

    def add_all(self, parts: Iterable[str]) -> None:
        """Add parts until there is enough; what follows is not even made."""
        for part in parts:
            if self.is_full:
                return
            self.add(part)

    def __bool__(self) -> bool:
        return bool(self._parts)

    def __str__(self) -> str:
        return "\n".join(self._parts)
