"""The lines of IRC: splitting one that came, and writing one (RFC 1459, 2.3; IRCv3 "Message Tags")."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple

from lanchat.protocol.errors import ChatError
from lanchat.protocol.packet import visible

#: The bytes of a line without its tags and its end, at most; and those of the tags of a client, with the `@` and the space.
MAX_LINE, MAX_TAGS = 510, 4096
#: What a client may send as one line.
MAX_INPUT = MAX_TAGS + MAX_LINE
#: The end of a line; and the control characters, of which no others are in an ordinary text.
END, CONTROLS = "\r\n", bytes([*range(32), 127])

#: The bytes of a parameter that repeats what a client wrote, at most.
MAX_MIDDLE = 300

#: How characters are written in the value of a tag.
_ESCAPES = {";": r"\:", " ": r"\s", "\\": r"\\", "\r": r"\r", "\n": r"\n"}
_UNESCAPES = {written[1]: char for char, written in _ESCAPES.items()}
_ESCAPED = re.compile(r"[; \\\r\n\0]")
_ESCAPE = re.compile(r"\\(.?)", re.DOTALL)
# Colours with their numbers, other codes, and the character that CTCP is written with.
_FORMATTING = re.compile(
    "\x03(?:[0-9]{1,2}(?:,[0-9]{1,2})?)?|\x04(?:[0-9A-Fa-f]{6}(?:,[0-9A-Fa-f]{6})?)?|[\x01\x02\x0f\x11\x16\x1d-\x1f]"
)
#: What can't be a part of a line.
_UNSENDABLE = re.compile("[\0\r\n]")
#: Commands and numerics whose last parameter is a text or a list. It always has a colon before it, which some clients need.
_WITH_TEXT = frozenset(
    {
        "CAP",
        "PRIVMSG",
        "NOTICE",
        "TOPIC",
        "PART",
        "QUIT",
        "KICK",
        "ERROR",
        "AWAY",
        "SETNAME",
        "302",
        "303",
        "319",
        "332",
        "353",
        "730",
        "731",
        "732",
    }
)


class BadLine(ChatError):
    """A line is too long, or has bytes that no line of IRC has."""

    code = "BAD_LINE"


class LineTooLong(BadLine):
    """A line, or its tags, is too long."""

    code = "TOO_BIG"


class InvalidUtf8(BadLine):
    """A line is not UTF-8."""

    code = "INVALID_UTF8"
    #: Its tags.
    tags: dict[str, str] | None = None


class Message(NamedTuple):
    """A line that came from a client."""

    #: In upper case.
    command: str
    params: list[str]
    #: By name, without escapes; None if there are none.
    tags: dict[str, str] | None = None


def parse(data: bytes) -> Message:
    """Split a line without its end. Its source is left out, as the server knows who sent it. Raises `BadLine`."""
    try:
        text = data.decode()
    except UnicodeDecodeError:
        error = InvalidUtf8("Your message has bytes that are not UTF-8. Set your client to UTF-8.")
        error.tags = parse(data.decode(errors="ignore").encode()).tags
        raise error from None
    if "\0" in text or "\r" in text:
        raise BadLine("A line can't have NUL or CR in it.")
    tags = None
    if text[:1] == "@":
        written, _, text = text.partition(" ")
        if len(data) > MAX_LINE and len(written.encode()) >= MAX_TAGS:
            raise LineTooLong("Your tags are too long.")
        tags = parse_tags(written[1:])
    text = text.lstrip(" ")
    if len(text) * 4 > MAX_LINE and len(text.encode()) > MAX_LINE:
        raise LineTooLong("Input line was too long")
    if text[:1] == ":":
        text = text.partition(" ")[2]
    head, colon, last = f" {text}".partition(" :")
    words = [word for word in head.split(" ") if word]
    params = words[1:]
    if colon:
        params.append(last)
    return Message(words[0].upper() if words else "", params, tags)


def parse_tags(written: str) -> dict[str, str]:
    """Tags by name, of what is written between the `@` and the space."""
    tags = {}
    for tag in written.split(";"):
        name, _, value = tag.partition("=")
        if name:
            tags[name] = _ESCAPE.sub(lambda found: _UNESCAPES.get(found[1], found[1]), value) if "\\" in value else value
    return tags


def unformatted(text: str) -> str:
    """A text without formatting (https://modern.ircdocs.horse/formatting), and without what could begin or end CTCP."""
    return text if text.isprintable() else _FORMATTING.sub("", text)


def line(command: str, *params: str, source: str = "", tags: Mapping[str, str] | None = None) -> bytes:
    """Write a line with its end. Only the last parameter may be empty or have spaces; what can't be sent becomes a space.

    What is too long for a line is cut, as people may use characters of several bytes each.
    """
    words = [command, *params]
    has_text = command in _WITH_TEXT and (len(params) > 1 or command != "PART")  # (it is the one whose text may be missing)
    if params and (has_text or not (last := params[-1]) or " " in last or last[0] == ":"):
        words[-1] = f":{params[-1]}"
    text = _UNSENDABLE.sub(" ", " ".join(words))
    data = cut(f":{source} {text}\r\n".encode() if source else f"{text}\r\n".encode())
    return written_tags(tags).encode() + data if tags else data


def cut(data: bytes) -> bytes:
    """A line without tags, cut between characters if it is too long."""
    if len(data) <= MAX_LINE + len(END):
        return data
    return data[:MAX_LINE].decode(errors="ignore").encode() + END.encode()


def middle(text: str) -> str:
    """What a client wrote, as a parameter of an answer that need not be its last one: not too long, and without spaces."""
    shown = visible(text[:MAX_MIDDLE]).encode()[:MAX_MIDDLE].decode(errors="ignore")
    return shown.replace(" ", "_").lstrip(":") or "*"


def written_tags(tags: Mapping[str, str]) -> str:
    """Tags as they are written before a line, with the `@` and the space."""
    return f"@{';'.join(f'{name}={escape(value)}' if value else name for name, value in tags.items())} "


def escape(value: str) -> str:
    """The value of a tag as it is written. There is no way to write NUL."""
    return _ESCAPED.sub(lambda found: _ESCAPES.get(found[0], ""), value)


def split_tags(written: bytes) -> tuple[dict[str, str], bytes]:
    """The tags of a line that the server has written, and what follows them."""
    if not written.startswith(b"@"):
        return {}, written
    tags, _, rest = written.partition(b" ")
    return parse_tags(tags.decode()[1:]), rest
