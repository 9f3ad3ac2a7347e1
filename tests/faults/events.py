"""Events: what clients saw and did, a line of JSON for each thing that happened.

Every process writes a file of its own, which only grows. `at` is CLOCK_MONOTONIC in nanoseconds, which all processes of a
machine share; so an event that ended before another one began, anywhere, is known to have come before it.
"""

from __future__ import annotations

import hashlib
import time
from pathlib import Path

import msgspec

#: Who reads what was exported: an administrator, who may read everything.
ADMINISTRATOR = "lanchat-admin"
#: What changes a message.
CHANGES = frozenset({"edit", "withdraw", "react"})
#: Refusals that are about the moment, and say nothing about whether it was stored before.
FOR_NOW = frozenset({"NOT_STORED", "RATE_LIMITED"})
#: What tells the time of an event.
now = time.monotonic_ns


class Event(msgspec.Struct, frozen=True, tag_field="event"):
    """Something happened, then."""

    at: int


class Invoked(Event, frozen=True, tag="invoke"):
    """A message, or a change of one, is about to be sent, for the first time or once more with the same cid."""

    account: str
    device: str
    cid: str
    conv: str
    sha: str
    #: Bytes of its text.
    size: int = 0
    #: "" for a message; for a change one of CHANGES, and the seq of the message that it changes.
    kind: str = ""
    about: int = 0


class Accepted(Event, frozen=True, tag="ok"):
    """The server said that it is stored."""

    account: str
    cid: str
    seq: int
    dup: bool


class Refused(Event, frozen=True, tag="fail"):
    """The server said that it is not."""

    account: str
    cid: str
    code: str


class Unknown(Event, frozen=True, tag="info"):
    """The connection was lost before the server said anything of it: it is stored or not."""

    account: str
    cid: str


class Delivered(Event, frozen=True, tag="deliver"):
    """A message came to a device. The events of a device are in the order in which its user would see the messages."""

    account: str
    device: str
    seq: int
    sender: str
    conv: str
    sha: str
    #: "" live; else how it came: "resume", "history" after a gap.
    batch: str
    #: The device had seen this seq or a later one, and showed nothing.
    dropped: bool
    #: 0 for a message; for a change the seq of the message that it changes.
    about: int = 0


class Read(Event, frozen=True, tag="read"):
    """The history of a conversation was asked for at `at`, and this was all of it after the seq `after`.

    The digest of each message is that of its newest text.
    """

    account: str
    conv: str
    after: int
    #: When its last part came.
    answered: int
    #: (seq, sender, sha) in the order in which they came.
    entries: list[tuple[int, str, str]]
    #: It was read at the end, when all was quiet.
    final: bool = False
    #: It was a search, which finds only some of it.
    search: bool = False


class Marked(Event, frozen=True, tag="marked"):
    """An account moved its read marker in a conversation, asked at `at`, or asked where it is."""

    account: str
    #: When that was answered.
    answered: int
    conv: str
    seq: int
    #: "ok", "fail"; "info" if the connection was lost before it was answered; "seen" if it was only asked for.
    how: str


class Ranked(Event, frozen=True, tag="ranked"):
    """An account was given a rank in a room, asked at `at`, or somebody asked which it has."""

    room: str
    account: str
    rank: str
    #: As above.
    how: str


class ClientAck(Event, frozen=True, tag="client_ack"):
    """A device told the server what it has, up to this seq."""

    account: str
    device: str
    seq: int


class Connected(Event, frozen=True, tag="connected"):
    """A device was welcomed."""

    account: str
    device: str
    epoch: str
    resumed: bool


class Joined(Event, frozen=True, tag="joined"):
    """An account became a member of a room."""

    account: str
    conv: str


class Owned(Event, frozen=True, tag="owned"):
    """A connection had a guest's name from `at`, when it was welcomed, until it sent the last thing that was answered."""

    name: str
    until: int


class Bound(Event, frozen=True, tag="bound"):
    """The server removes the oldest messages so that those that are left have no more than so many bytes."""

    size: int


class Outside(Event, frozen=True, tag="outside"):
    """An administrator's command that was begun at `at`, beside the server, has ended."""

    command: str
    status: int
    told: str


class Fault(Event, frozen=True, tag="fault"):
    """Something was done to the server or to the network."""

    kind: str


AnyEvent = (
    Invoked | Accepted | Refused | Unknown | Delivered | Read | Marked | Ranked
    | ClientAck | Connected | Joined | Owned | Bound | Outside | Fault
)  # fmt: skip
decode = msgspec.json.Decoder(AnyEvent).decode


def digest(text: str) -> str:
    """What stands for a text in a history. No two messages of a run have the same text."""
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def content(kind: str, about: int, text: str) -> str:
    """What stands for a message or a change in a history. A withdrawal has no text; each message is withdrawn only once."""
    return digest(f"withdrawn: {about}" if kind == "withdraw" else text)


def conversation(shown: str, reader: str) -> str:
    """One name for a conversation, however its members are shown it: "#ops", or "@ann@bob" for both ann and bob."""
    return shown if shown.startswith("#") else "".join(sorted({f"@{reader}", shown}))


class Recorder:
    """Writes events to the end of a file at once: what was recorded outlives who recorded it."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("ab", buffering=0)

    def __call__(self, event: AnyEvent) -> None:
        """Record it."""
        self._file.write(msgspec.json.encode(event) + b"\n")
