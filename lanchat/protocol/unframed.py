"""Encodes packets for unframed clients, which read each with one `recv` (docs/protocol.md, "Unframed clients")."""

from __future__ import annotations

import re
from json import encoder

#: Encode a text as a JSON string in ASCII, with its quotes.
_ascii = encoder.encode_basestring_ascii
#: The first of the two escapes (surrogates) of a character outside the BMP, which must stay in one packet.
_HALF = re.compile(r"\\u[dD][89abAB]")


def encode(name: str, ip: str, to: str, msg: str, max_bytes: int) -> tuple[bytes, ...]:
    """Encode a packet as ASCII: one packet, or several parts of at most `max_bytes` bytes each, newlines included."""
    before, text = f'{{"from":{{"name":{_ascii(name)},"ip":{_ascii(ip)}}},"to":{_ascii(to)},"msg":"', _ascii(msg)[1:-1]
    after = '"}\n'
    whole = f"{before}{text}{after}"
    if len(whole) <= max_bytes:
        return (whole.encode(),)
    part_bytes = max_bytes - len(before) - len(after) - len("(/) ")
    digits = 1
    while len(str(len(parts := _split(text, part_bytes - 2 * digits)))) > digits:
        digits += 1
    return tuple(f"{before}({n}/{len(parts)}) {part}{after}".encode() for n, part in enumerate(parts, 1))


def _split(escaped: str, max_bytes: int) -> list[str]:
    """Cut an escaped text into parts of at most `max_bytes` bytes; no character is split."""
    parts, start = [], 0
    while len(escaped) - start > max_bytes:
        end = _boundary(escaped, start, start + max_bytes)
        parts.append(escaped[start:end])
        start = end
    return [*parts, escaped[start:]]


def _boundary(escaped: str, start: int, end: int) -> int:
    """The end of the last whole character between `start`, where one begins, and `end`."""
    at = escaped.rfind("\\", start, end)
    if at >= 0 and _begins(escaped, start, at) and at + (6 if escaped[at + 1] == "u" else 2) > end:
        end = at
    if _HALF.match(escaped, end - 6, end) and _begins(escaped, start, end - 6):
        end -= 6
    return end


def _begins(escaped: str, start: int, at: int) -> bool:
    """Whether the backslash at `at` begins an escape, and is not the second of an escaped backslash."""
    before = escaped[start : at + 1]
    return (len(before) - len(before.rstrip("\\"))) % 2 == 1
