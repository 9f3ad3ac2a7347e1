"""What a line that somebody typed means: one grammar for telnet, the terminal and scripts (docs/protocol.md, "Typed lines").

It is settled by the line alone, and not by who is online or which rooms there are: a line for a room or a person that does
not exist is refused by the server, and never said to everyone instead.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from typing import NamedTuple

from lanchat.protocol.errors import Usage
from lanchat.protocol.packet import BLANK_LETTERS, EVERYONE

#: Commands whose arguments are passwords, and commands whose arguments are said to others.
SECRET = frozenset({"/login", "/register", "/password"})
SAYING = frozenset({"/pm", "/shout", "/say"})

# What marks the beginning of a line, and what keyboards and editors write in its place.
_MARKS = {
    "/": "/\N{FULLWIDTH SOLIDUS}\N{FRACTION SLASH}\N{DIVISION SLASH}\N{BIG SOLIDUS}\N{MATHEMATICAL RISING DIAGONAL}"
    "\N{BOX DRAWINGS LIGHT DIAGONAL UPPER RIGHT TO LOWER LEFT}",
    "#": "#\N{FULLWIDTH NUMBER SIGN}\N{SMALL NUMBER SIGN}",
    "@": "@\N{FULLWIDTH COMMERCIAL AT}\N{SMALL COMMERCIAL AT}",
}
_MARK_OF = {char: mark for mark, chars in _MARKS.items() for char in chars}
#: Categories of Unicode that show nothing by themselves: blanks, controls, invisible marks, and bytes that are no text.
_UNSEEN = frozenset({"Zs", "Zl", "Zp", "Cc", "Cf", "Cs", "Mn", "Me"})
#: Characters of other categories that show nothing either, and what stands for a byte that could not be decoded.
_FILLERS = frozenset(BLANK_LETTERS + "\N{REPLACEMENT CHARACTER}")
#: What an arrow key or the like leaves in a line where nothing edits it, after an escape.
_KEY = r"(?:\[[0-9;?]*[A-Za-z~]|O[A-Za-z])"
_BLANK = re.compile(r"\s")
#: A command with a password, after its slash, even if a blank follows that; also as other chats call it.
_SECRET = re.compile(r"\s*(?:login|register|password|auth|identify|pass|passwd|signin|signup)(?![^\W_])", re.IGNORECASE)
#: Characters in which that must show.
_SECRET_SIZE = 64

#: How lines are typed, for whoever asks for help where they are.
HERE = (
    "Here: @NAME TEXT or #ROOM TEXT says something there; /to NAME or /to #ROOM makes every line go there, /to alone to "
    "everyone again; /say TEXT says a text as it is, whatever it begins with"
)
#: The part of the server's help that a beginner needs: people who type `/help` alone are shown it.
TALK = "talk"
#: What people are told who may look for what was said to everyone.
NOT_KEPT = "Messages to everyone are not kept; use a room."
SAY_IT = "To say a text as it is, write /say before it"


class Unclear(Usage):
    """A line that nobody was sent; `str()` of it says why, and what to write instead, and repeats nothing of the line."""


class Typed(NamedTuple):
    """A line that was understood.

    `to` is a command in lower case ("/join"), a user, a room ("#ops"), or "" for whoever is the target where it was typed.
    """

    to: str
    text: str


def parse(line: str) -> Typed:
    """What a line means, or a pasted text of several lines. Raises `Unclear`. A blank line is a text like any other.

    `/WORD ARGUMENTS` is a command, whatever blanks, invisible characters or other kind of slash stand before it; `//TEXT`
    and `/say TEXT` say a text; `@NAME TEXT` and `#ROOM TEXT` say it to one person, or in one room.
    """
    if line[:1].isascii() and line[:1].isalnum() and len(line.splitlines()) == 1:
        return Typed("", line)  # nearly all lines
    start = _start(line)
    mark, rest = _mark(line, start), line[start:]
    if mark == "/" and _mark(rest, 1) != "/":
        return _command(rest)
    if mark in ("@", "#"):
        return _for_one(str(mark), rest)
    return Typed("", _text(line))


def target(text: str) -> str:
    """Whom `/to` and `--to` mean: a user, with or without `@`, a room, or everyone if there is nothing. Raises `Unclear`."""
    name = text[_start(text) :].rstrip()
    if not name:
        return EVERYONE
    mark = _mark(name, 0)
    if mark == "@" and len(name) > 1:
        name = name[1:]
    elif mark == "#":
        name = f"#{name[1:]}"
    if _BLANK.search(name) or name == "#" or _mark(name, 0) in ("/", "@"):
        raise Unclear("That is no user and no room: write NAME, @NAME or #ROOM.")
    return name


def check_no_secret(text: str) -> None:
    """Raise `Unclear` if a line of a text looks like a command with a password, which was hardly meant to be read."""
    if _has_secret(text):
        raise Unclear(
            "It looks like a command with a password, which others would read. To say it all the same, begin with //."
        )


def shows_secret(line: str) -> bool:
    """Whether a password may stand in what was typed, wherever it was to go: such a line is not remembered."""
    try:
        typed = parse(line)
    except Unclear:
        return any(_looks_secret(text) for part in line.splitlines() for text in (part, *part.split(maxsplit=2)[1:]))
    return typed.to in SECRET or _has_secret(typed.text)


def _command(rest: str) -> Typed:
    word, text = _split(rest)
    # No command is longer, and to normalize a long text may take long.
    command = f"/{unicodedata.normalize('NFKC', word[1:]) if len(word) <= _SECRET_SIZE else word[1:]}".lower()
    if command not in SECRET and _looks_secret(rest):
        raise Unclear("That looks like a command with a password, and is none: write /login PASSWORD, or /password OLD NEW.")
    if command in SAYING:
        said = text if command != "/pm" else _split(text.lstrip())[1]
        if command == "/say":
            if not said.strip():
                raise Unclear("Usage: /say TEXT (say a text as it is, whatever it begins with)")
            return Typed("", text)
        check_no_secret(said)
    elif len(rest.strip().splitlines()) > 1:
        raise Unclear(f"A command is one line, and this is several. {SAY_IT}.")
    if command == "/help" and not text.strip():
        return Typed(command, TALK)
    return Typed(command, text)


def _for_one(mark: str, rest: str) -> Typed:
    """A text for one person or one room."""
    word, text = _split(rest)
    name = word[1:]
    if not name or not text.strip() or _mark(name, 0):
        whom = "person: @NAME TEXT" if mark == "@" else "room: #ROOM TEXT"
        raise Unclear(f"Nobody got that: a line that begins with {mark} is for one {whom}. {SAY_IT}.")
    return Typed(name if mark == "@" else f"#{name}", _text(text))


def _text(text: str) -> str:
    """What is said; two slashes at its beginning stand for one."""
    start = _start(text)
    if _mark(text, start) == "/" and _mark(text, start + 1) == "/":
        said = text[start + 1 :]
        check_no_secret("\n".join(said.splitlines()[1:]))
        return said
    check_no_secret(text)
    return text


def _split(text: str) -> tuple[str, str]:
    """The first word, and what follows the blank after it."""
    word, *rest = _BLANK.split(text, maxsplit=1)
    return word, rest[0] if rest else ""


def _mark(text: str, at: int) -> str | None:
    return _MARK_OF.get(text[at : at + 1])


def _start(text: str) -> int:
    """Where the first character is that can be seen; the length of the text if there is none."""
    if " " < text[:1] < "\x7f":
        return 0
    unseen = _unseen().match(text)
    return unseen.end() if unseen else 0


@lru_cache(maxsize=1)
def _unseen() -> re.Pattern[str]:
    """Matches all that can't be seen at the beginning of a text, however much it is.

    Outside these ranges no character is unseen (Unicode 16). It is made when the first odd line comes.
    """
    chars = "".join(char for char in map(chr, (*range(0x20000), *range(0xE0000, 0xE1000))) if _is_unseen(char))
    unseen = f"[{re.escape(chars)}]*"  # an escape is one, too, so that what follows it may be the rest of a key
    return re.compile(rf"{unseen}(?:(?<=\x1b){_KEY}{unseen})*")


def _is_unseen(char: str) -> bool:
    return char.isspace() or unicodedata.category(char) in _UNSEEN or char in _FILLERS


def _has_secret(text: str) -> bool:
    return any(map(_looks_secret, text.splitlines()))


def _looks_secret(line: str) -> bool:
    start = _start(line)
    head = line[start : start + _SECRET_SIZE]
    if not head or (_mark(head, 0) != "/" and head[0] not in "\\\N{FULLWIDTH REVERSE SOLIDUS}"):
        return False
    shown = "".join(char for char in head[1:] if char.isspace() or not _is_unseen(char))
    return _SECRET.match(unicodedata.normalize("NFKC", shown)) is not None
