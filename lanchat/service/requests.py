"""Requests to a running server over its control socket (`lanchat.service.control`), and the answers, as msgspec structs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import msgspec

#: For programs, beside the codes of the wire: what is configured is wrong.
MISTAKES = "MISTAKES"
RoleName = Literal["user", "moderator", "operator"]
#: Is told how much is done, from 0 to 1, and what is going on.
Tell = Callable[[float, str], object]


class Request(msgspec.Struct, tag_field="do", forbid_unknown_fields=True):
    """What is to be done."""

    name: str


class Add(Request, tag="add"):
    """Make an account."""

    password: str
    role: RoleName = "user"
    #: Even if its name looks like another account's.
    force: bool = False


class SetPassword(Request, tag="passwd"):
    """Give it another password."""

    password: str


class SetRole(Request, tag="role"):
    """Let it do more, or less."""

    role: RoleName


class Remove(Request, tag="remove"):
    """The account goes; what was said with it stays."""


class Purge(Request, tag="purge"):
    """The account goes, and all that was said with it, and with others that had its name and were removed."""


class Note(Request, tag="note"):
    """The administrator's command did this by itself: `name` says what. It is only noted."""


class Reload(Request, tag="reload"):
    """What can be read again while the server runs is."""

    name: str = ""


class Status(Request, tag="status"):
    """How the server is, and where it listens. Nothing is noted in the log."""

    name: str = ""


class Done(msgspec.Struct, tag_field="is", tag="done"):
    """It was done: in words, and for programs."""

    text: str
    facts: dict[str, Any]


class Failed(msgspec.Struct, tag_field="is", tag="failed"):
    """It was not done, or not wholly; why, with a code as on the wire.

    Where several things are wrong they are told one by one, too. `facts` are for programs, of what was done.
    """

    text: str
    code: str
    mistakes: list[str] = []
    facts: dict[str, Any] = {}


class Progress(msgspec.Struct, tag_field="is", tag="progress"):
    """How far it is, from 0 to 1."""

    done: float
    text: str


REQUEST: msgspec.json.Decoder[Request] = msgspec.json.Decoder(
    Add | SetPassword | SetRole | Remove | Purge | Note | Reload | Status
)
ANSWER: msgspec.json.Decoder[Done | Failed | Progress] = msgspec.json.Decoder(Done | Failed | Progress)


def counted(number: int, what: str) -> str:
    """So many of something."""
    return f"{number:,} {what}{'' if number == 1 else 's'}"
