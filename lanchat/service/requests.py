"""Requests of `lanchat-admin` to a running server (`lanchat.service.control`), and the answers, as msgspec structs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, TypeAlias

import msgspec

#: The error code, beside those of the wire, of a wrong configuration.
MISTAKES = "MISTAKES"
RoleName: TypeAlias = Literal["user", "moderator", "operator"]
#: Called with the fraction done, from 0 to 1, and what is being done.
ReportProgress: TypeAlias = Callable[[float, str], object]


#: What was done, for programs: names and numbers by key.
Facts: TypeAlias = dict[str, Any]


class Request(msgspec.Struct, tag_field="do", forbid_unknown_fields=True):
    """A request; `name` is usually that of an account."""

    name: str


class Add(Request, tag="add"):
    """Create an account."""

    password: str
    role: RoleName = "user"
    #: Create it even if its name looks like another account's.
    force: bool = False


class SetPassword(Request, tag="passwd"):
    """Change the password of an account."""

    password: str


class MakeToken(Request, tag="token"):
    """Make a token for an account, or end all of its tokens."""

    revoke: bool = False


class Undelivered(Request, tag="undelivered"):
    """List what a webhook, whose name is `name`, gave up posting; or forget it."""

    forget: bool = False


class SetRole(Request, tag="role"):
    """Change the role of an account."""

    role: RoleName


class Remove(Request, tag="remove"):
    """Remove an account; its messages stay."""


class Purge(Request, tag="purge"):
    """Remove an account, and erase its messages and those of removed accounts that had the same name."""


class Say(Request, tag="say"):
    """Say something in a room, whose name is `name`, as the server."""

    text: str


class SetRank(Request, tag="rank"):
    """Give an account a rank in a room, whose name is `name`."""

    account: str
    rank: str


class SetRule(Request, tag="rule"):
    """Change a rule of a room, whose name is `name`; both as in `/rules`."""

    rule: str
    value: str


class AddHook(Request, tag="hook-add"):
    """Add a webhook, called `name`, to a room."""

    room: str
    #: Where it posts what is said in the room; "" for one that takes posts.
    post: str = ""


class ChangeHook(Request, tag="hook-change"):
    """Do something to a webhook, called `name`."""

    change: Literal["rotate", "enable", "disable", "remove"]


class ListHooks(Request, tag="hook-list"):
    """List the webhooks of a room, whose name is `name`; "" for all. This is not logged."""

    name: str = ""


class Note(Request, tag="note"):
    """Only log what `lanchat-admin` has done by itself, which `name` says."""


class Mend(Request, tag="mend"):
    """Remove files that no message has, and what is known of files without a message."""

    name: str = ""


class Reload(Request, tag="reload"):
    """Reload what can change while the server runs."""

    name: str = ""


class Status(Request, tag="status"):
    """Report how the server is, and where it listens. This is not logged."""

    name: str = ""


class Done(msgspec.Struct, tag_field="is", tag="done"):
    """The answer to a request that succeeded: a text for people, and facts for programs."""

    text: str
    facts: Facts


class Failed(msgspec.Struct, tag_field="is", tag="failed"):
    """The answer to a request that failed, or succeeded only in part: the reason, and a code as on the wire.

    `mistakes` lists several errors one by one, `facts` say what was done.
    """

    text: str
    code: str
    mistakes: list[str] = []
    facts: Facts = {}


class Progress(msgspec.Struct, tag_field="is", tag="progress"):
    """How far a request is: a fraction from 0 to 1."""

    done: float
    text: str


REQUEST_DECODER: msgspec.json.Decoder[Request] = msgspec.json.Decoder(
    Add
    | SetPassword
    | MakeToken
    | Undelivered
    | SetRole
    | Remove
    | Purge
    | Say
    | SetRank
    | SetRule
    | AddHook
    | ChangeHook
    | ListHooks
    | Note
    | Mend
    | Reload
    | Status
)
ANSWER_DECODER: msgspec.json.Decoder[Done | Failed | Progress] = msgspec.json.Decoder(Done | Failed | Progress)


def format_count(number: int, what: str) -> str:
    """A number with its noun, such as "1 message" or "2,000 messages"."""
    return f"{number:,} {what}{'' if number == 1 else 's'}"
