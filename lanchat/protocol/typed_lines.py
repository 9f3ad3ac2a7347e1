"""Parses a line that a user typed: one grammar for telnet, the terminal and scripts (docs/protocol.md, "Typed lines").

The meaning depends on the line alone, and not on who is online or which rooms exist: a line for a user or room that does not
exist is refused by the server, and never sent to everyone instead.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from typing import NamedTuple

from lanchat.protocol.errors import Usage
from lanchat.protocol.packet import BLANK_LETTERS, EVERYONE

#: Commands whose arguments are passwords, and commands that are messages to others.
SECRET_COMMANDS = frozenset({"/login", "/register", "/password"})
SAYING_COMMANDS = frozenset({"/pm", "/shout", "/say", "/me", "/notice", "/reply"})
#: Commands with a text that others read besides: all of it, or what follows the first word, may not look like a password. That
#: of `/edit` may have several lines, as a message may.
_SHOWN_COMMANDS = frozenset({"/edit", "/react", "/away"})
_SEVERAL_LINES = SAYING_COMMANDS | {"/edit"}

# The marks at the beginning of a line, and the characters that keyboards and editors put in their place.
_MARKS = {
    "/": "/\N{FULLWIDTH SOLIDUS}\N{FRACTION SLASH}\N{DIVISION SLASH}\N{BIG SOLIDUS}\N{MATHEMATICAL RISING DIAGONAL}"
    "\N{BOX DRAWINGS LIGHT DIAGONAL UPPER RIGHT TO LOWER LEFT}",
    "#": "#\N{FULLWIDTH NUMBER SIGN}\N{SMALL NUMBER SIGN}",
    "@": "@\N{FULLWIDTH COMMERCIAL AT}\N{SMALL COMMERCIAL AT}",
}
_MARK_OF = {char: mark for mark, chars in _MARKS.items() for char in chars}
#: Unicode categories that show nothing by themselves: blanks, controls, invisible marks, and undecodable bytes.
_UNSEEN = frozenset({"Zs", "Zl", "Zp", "Cc", "Cf", "Cs", "Mn", "Me"})
#: Characters of other categories that show nothing, and the replacement for a byte that could not be decoded.
_FILLERS = frozenset(BLANK_LETTERS + "\N{REPLACEMENT CHARACTER}")
#: What an arrow key or the like leaves after an escape in a line that is typed without an editor.
_KEY = r"(?:\[[0-9;?]*[A-Za-z~]|O[A-Za-z])"
_BLANK = re.compile(r"\s")
#: A command with a password, without its slash, possibly after blanks; also under the names that other chats give it.
_SECRET = re.compile(r"\s*(?:login|register|password|auth|identify|pass|passwd|signin|signup)(?![^\W_])", re.IGNORECASE)
#: Commands about a conversation, and the arguments with which they leave out which: then it is the current recipient's.
_OF_TARGET = {"/read": ("",), "/notify": ("on", "off")}
#: How many characters of a line are searched for such a command.
_SECRET_SIZE = 64

#: An explanation of typed lines, for users who ask for help in a dialect that has them.
TYPING_HELP = (
    "Here: @NAME TEXT or #ROOM TEXT sends to a person or a room; /to NAME or /to #ROOM sends all further lines there, "
    "/to alone to everyone; /me TEXT says what you do; /say TEXT sends any text as it is"
)
#: The topic of `/help` for beginners, which `/help` alone shows to people.
BEGINNERS_HELP = "talk"
#: Told to users who may look for messages to everyone.
NOT_KEPT = "Messages to everyone are not stored; use a room."
HOW_TO_SAY = "To send it as text, write /say before it"


class UnclearLine(Usage):
    """A line that was not sent to anybody. The text says why and what to write instead; it repeats nothing of the line."""


class TypedLine(NamedTuple):
    """A line that was parsed.

    `to` is a command in lower case ("/join"), a user, a room ("#ops"), or "" for the current recipient (`Destination`).
    """

    to: str
    text: str


def parse(line: str) -> TypedLine:
    """Parse a line, or a pasted text of several lines. Raises `UnclearLine`. A blank line is a text like any other.

    `/WORD ARGUMENTS` is a command, even after blanks or invisible characters, or with another kind of slash; `//TEXT` and `/say
    TEXT` send a text as it is; `@NAME TEXT` and `#ROOM TEXT` send it to one user or room.
    """
    if line[:1].isascii() and line[:1].isalnum() and len(line.splitlines()) == 1:
        return TypedLine("", line)  # the usual case
    start = _start(line)
    mark, rest = _mark(line, start), line[start:]
    if mark == "/" and _mark(rest, 1) != "/":
        return _command(rest)
    if mark in ("@", "#"):
        return _for_one(str(mark), rest)
    return TypedLine("", _text(line))


def lacks_target(typed: TypedLine) -> bool:
    """Whether a line leaves out whom or what it is for, which is then the current recipient (`completed`)."""
    return typed.to in ("", "/me") or typed.text.strip().lower() in _OF_TARGET.get(typed.to, ())


def completed(typed: TypedLine, target: str) -> TypedLine:
    """The line with what it leaves out, for the current recipient `target`. Raises `UnclearLine`."""
    to, text = typed
    if not lacks_target(typed):
        return typed
    if not to:
        return TypedLine(target, text)
    if to == "/me":
        if not text.strip():
            raise UnclearLine("Usage: /me TEXT (say what you do: /me waves)")
        return TypedLine(to, f"{target} {text}")
    if target.lower() == EVERYONE.lower():
        return typed  # no conversation: the server says what to write
    return TypedLine(to, f"{target if target.startswith('#') else f'@{target}'} {text.strip()}".rstrip())


def parse_target(text: str) -> str:
    """Parse the argument of `/to` or `--to`: a user (`@` is optional), a room, or everyone if blank. Raises `UnclearLine`."""
    name = text[_start(text) :].rstrip()
    if not name:
        return EVERYONE
    mark = _mark(name, 0)
    if mark == "@" and len(name) > 1:
        name = name[1:]
    elif mark == "#":
        name = f"#{name[1:]}"
    if _BLANK.search(name) or name == "#" or _mark(name, 0) in ("/", "@"):
        raise UnclearLine("That is neither a user nor a room: write NAME, @NAME or #ROOM.")
    return name


def check_no_secret(text: str) -> None:
    """Raise `UnclearLine` if a line of a text looks like a command with a password, which others should not read."""
    if _has_secret(text):
        raise UnclearLine(
            "That looks like a command with a password, which others would read. To send it anyway, begin with //."
        )


def may_have_secret(line: str) -> bool:
    """Whether a typed line may contain a password, whatever it was meant for: such a line is not put into the history."""
    try:
        typed = parse(line)
    except UnclearLine:
        return any(_looks_secret(text) for part in line.splitlines() for text in (part, *part.split(maxsplit=2)[1:]))
    return typed.to in SECRET_COMMANDS or _has_secret(typed.text)


def _command(rest: str) -> TypedLine:
    """Parse a line that begins with one slash."""
    word, text = _split(rest)
    # No command is longer, and normalizing a long text takes long.
    command = f"/{unicodedata.normalize('NFKC', word[1:]) if len(word) <= _SECRET_SIZE else word[1:]}".lower()
    if command not in SECRET_COMMANDS and _looks_secret(rest):
        raise UnclearLine("That looks like a misspelled command with a password: write /login PASSWORD, or /password OLD NEW.")
    if command == "/say":
        if not text.strip():
            raise UnclearLine("Usage: /say TEXT (send any text as it is)")
        return TypedLine("", text)
    if command in SAYING_COMMANDS or command in _SHOWN_COMMANDS:
        check_no_secret(_split(text.lstrip())[1])
        if command != "/pm":
            check_no_secret(text)
    if command not in _SEVERAL_LINES and len(rest.strip().splitlines()) > 1:
        raise UnclearLine(f"A command is a single line, and this has several. {HOW_TO_SAY}.")
    if command == "/help" and not text.strip():
        return TypedLine(command, BEGINNERS_HELP)
    return TypedLine(command, text)


def _for_one(mark: str, rest: str) -> TypedLine:
    """Parse a line with a text for one user or one room."""
    word, text = _split(rest)
    name = word[1:]
    if not name or not text.strip() or _mark(name, 0):
        whom = "person: @NAME TEXT" if mark == "@" else "room: #ROOM TEXT"
        raise UnclearLine(f"Nobody got that: a line that begins with {mark} goes to one {whom}. {HOW_TO_SAY}.")
    return TypedLine(name if mark == "@" else f"#{name}", _text(text))


def _text(text: str) -> str:
    """The text that is sent; two slashes at its beginning become one."""
    start = _start(text)
    if _mark(text, start) == "/" and _mark(text, start + 1) == "/":
        message = text[start + 1 :]
        check_no_secret("\n".join(message.splitlines()[1:]))
        return message
    check_no_secret(text)
    return text


def _split(text: str) -> tuple[str, str]:
    """The first word, and what follows the blank after it."""
    word, *rest = _BLANK.split(text, maxsplit=1)
    return word, rest[0] if rest else ""


def _mark(text: str, at: int) -> str | None:
    return _MARK_OF.get(text[at : at + 1])


def _start(text: str) -> int:
    """The index of the first visible character; the length of the text if there is none."""
    if " " < text[:1] < "\x7f":
        return 0
    unseen = _unseen().match(text)
    return unseen.end() if unseen else 0


@lru_cache(maxsize=1)
def _unseen() -> re.Pattern[str]:
    """Matches the invisible characters at the beginning of a text, and keys after an escape (`_KEY`).

    Outside these ranges no character is invisible (Unicode 16). It is compiled when the first odd line comes.
    """
    chars = "".join(char for char in map(chr, (*range(0x20000), *range(0xE0000, 0xE1000))) if _is_unseen(char))
    unseen = f"[{re.escape(chars)}]*"  # an escape is invisible itself; what follows it may be a key
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
