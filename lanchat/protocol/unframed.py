"""How a packet is written for the first clients, which read each with one `recv` (docs/protocol.md, "Unframed clients")."""

from __future__ import annotations

import re
from json import encoder

#: A text as JSON writes it in ASCII, with its quotes.
_ascii = encoder.encode_basestring_ascii
#: Such a client reads the two halves of a character outside the BMP together, or it reads no character. This is the first.
_HALF = re.compile(r"\\u[dD][89abAB]")


def written(name: str, ip: str, to: str, msg: str, most: int) -> tuple[bytes, ...]:
    """The packet in ASCII, in as many packets of at most `most` bytes as it takes, each with its newline."""
    before, text = f'{{"from":{{"name":{_ascii(name)},"ip":{_ascii(ip)}}},"to":{_ascii(to)},"msg":"', _ascii(msg)[1:-1]
    after = '"}\n'
    whole = f"{before}{text}{after}"
    if len(whole) <= most:
        return (whole.encode(),)
    room = most - len(before) - len(after) - len("(/) ")
    digits = 1
    while len(str(len(parts := _split(text, room - 2 * digits)))) > digits:
        digits += 1
    return tuple(f"{before}({n}/{len(parts)}) {part}{after}".encode() for n, part in enumerate(parts, 1))


def _split(escaped: str, room: int) -> list[str]:
    """Cut a text, as it is written in an ASCII packet, into parts of at most `room` bytes; no character is cut in two."""
    parts, start = [], 0
    while len(escaped) - start > room:
        end = _boundary(escaped, start, start + room)
        parts.append(escaped[start:end])
        start = end
    return [*parts, escaped[start:]]


def _boundary(escaped: str, start: int, end: int) -> int:
    """The end of the last character that is whole between these two places, the first of which is such an end."""
    at = escaped.rfind("\\", start, end)
    if at >= 0 and _begins(escaped, start, at) and at + (6 if escaped[at + 1] == "u" else 2) > end:
        end = at
    if _HALF.match(escaped, end - 6, end) and _begins(escaped, start, end - 6):
        end -= 6
    return end


def _begins(escaped: str, start: int, at: int) -> bool:
    """Whether this backslash begins something, and is not the second of two."""
    before = escaped[start : at + 1]
    return (len(before) - len(before.rstrip("\\"))) % 2 == 1
