"""Tags: what clients attach to a message for other clients, and the server passes on without knowing what it means.

They are the client-only tags of IRCv3 ("Message Tags"); programs that send packets have them in `x.tags`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from lanchat.protocol.errors import BadPacket

#: Bytes of all tags of a message, as IRC writes them, at most.
MAX_TAGS = 4094

_NAME = re.compile(r"\+(?:[A-Za-z0-9.-]+/)?[A-Za-z0-9-]+")
#: Control characters that no value has. (Ends of lines are none of them: IRC has a way to write those.)
_CONTROL = re.compile(r"[\0-\x09\x0b\x0c\x0e-\x1f\x7f-\x9f]")
_ESCAPED = re.compile(r"[; \\\r\n]")


def is_tag(name: str, value: str) -> bool:
    """Whether there can be a tag with this name and value."""
    return _NAME.fullmatch(name) is not None and _CONTROL.search(value) is None


def check_tags(tags: Mapping[str, str]) -> None:
    """Raise `BadPacket` if a message can't have these tags."""
    size = -1
    for name, value in tags.items():
        if not is_tag(name, value):
            raise BadPacket("That is not a packet: a tag is like +typing or +example.org/mood, without control characters.")
        size += 1 + len(name) + bool(value) + len(value.encode()) + len(_ESCAPED.findall(value))
    if size > MAX_TAGS:
        raise BadPacket(f"That is not a packet: x.tags has at most {MAX_TAGS} bytes; this has {size}.")
