"""History: what clients saw, an event for each thing that happened, a line of JSON for each event.

Every process writes a file of its own, which only grows. `at` is CLOCK_MONOTONIC in nanoseconds, which all processes of a
machine share; so an event that ended before another one began, anywhere, is known to have come before it.
"""

from __future__ import annotations

import hashlib
import time
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import msgspec

#: Who reads what was exported: an administrator, who may read everything.
ADMINISTRATOR = "lanchat-admin"
#: FailedWrites that are about the moment, and say nothing about whether it was stored before.
FOR_NOW = frozenset({"NOT_STORED", "RATE_LIMITED"})
#: What tells the time of an event.
now = time.monotonic_ns


class Event(msgspec.Struct, frozen=True, tag_field="event"):
    """Something happened, then."""

    at: int


class Invoked(Event, frozen=True, tag="invoke"):
    """A message is about to be sent, for the first time or once more with the same cid."""

    account: str
    device: str
    cid: str
    conv: str
    sha: str
    #: Bytes of its text.
    size: int = 0


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


class Read(Event, frozen=True, tag="read"):
    """The history of a conversation was asked for at `at`, and this was all of it after the seq `after`."""

    account: str
    conv: str
    after: int
    #: When its last part came.
    answered: int
    #: (seq, sender, sha) in the order in which they came.
    entries: list[tuple[int, str, str]]
    #: It was read at the end, when all was quiet.
    final: bool = False


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
    Invoked | Accepted | Refused | Unknown | Delivered | Read | ClientAck | Connected | Joined | Owned | Bound | Outside | Fault
)
_decode = msgspec.json.Decoder(AnyEvent).decode


def digest(text: str) -> str:
    """What stands for a text in a history. No two messages of a run have the same text."""
    return hashlib.sha256(text.encode()).hexdigest()[:32]


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


class Device(NamedTuple):
    """One device of an account: each has its own place in the log."""

    account: str
    name: str


class Message(msgspec.Struct):
    """All that its sender knows of one message. A `cid` may be used again for another text, once all is known of the first."""

    device: Device
    cid: str
    conv: str
    sha: str
    size: int = 0
    #: Which message it is of the sender's, counted in the order in which they were said.
    number: int = 0
    invoked: list[int] = []
    accepted: list[Accepted] = []
    refused: int = 0
    unknown: int = 0
    #: Whether the server said once that nobody got it, and nobody will.
    denied: bool = False

    @property
    def account(self) -> str:
        """Who says it."""
        return self.device.account

    @property
    def failed(self) -> bool:
        """Whether nobody may have it: each time it was sent it was refused, or once for good.

        With one time unknown, a refusal for the moment does not say that it was not stored then.
        """
        return self.denied or (bool(self.refused) and not self.accepted and not self.unknown)


class History:
    """The events of a run, sorted by what they are about."""

    def __init__(self, events: Iterable[AnyEvent]) -> None:
        """Take the events; those of one device or sender in the order in which it wrote them."""
        self.messages: dict[str, Message] = {}  # by sha, in the order in which they were said
        self._latest: dict[tuple[str, str], Message] = {}  # by (account, cid)
        self.deliveries: dict[Device, list[Delivered]] = defaultdict(list)
        #: When each device was welcomed first: what was sent later must come to it.
        self.devices: dict[Device, int] = {}
        self.joined: dict[tuple[str, str], int] = {}
        self.epochs: set[str] = set()
        self.reads: list[Read] = []
        self.owned: list[Owned] = []
        self.faults: list[Fault] = []
        self.outside: list[Outside] = []
        #: The most bytes that all messages may have; 0 if there is no bound.
        self.bound = 0
        for event in events:
            self._take(event)

    def _take(self, event: AnyEvent) -> None:
        match event:
            case Invoked():
                self._invoked(event)
            case Accepted():
                self._latest[event.account, event.cid].accepted.append(event)
            case Refused():
                message = self._latest[event.account, event.cid]
                message.refused += 1
                message.denied = message.denied or event.code not in FOR_NOW
            case Unknown():
                self._latest[event.account, event.cid].unknown += 1
            case _:
                self._keep(event)

    def _keep(self, event: AnyEvent) -> None:
        match event:
            case Delivered():
                self.deliveries[Device(event.account, event.device)].append(event)
            case Connected():
                self.devices.setdefault(Device(event.account, event.device), event.at)
                self.epochs.add(event.epoch)
            case Joined():
                self.joined[event.account, event.conv] = event.at
            case Read():
                self.reads.append(event)
            case Owned():
                self.owned.append(event)
            case Bound():
                self.bound = event.size
            case Outside():
                self.outside.append(event)
            case Fault():
                self.faults.append(event)

    def _invoked(self, event: Invoked) -> None:
        message = self.messages.get(event.sha)
        if message is None:
            device = Device(event.account, event.device)
            message = Message(device, event.cid, event.conv, event.sha, event.size, len(self.messages))
            self.messages[event.sha] = self._latest[event.account, event.cid] = message
        message.invoked.append(event.at)

    def members(self, conv: str) -> dict[str, int]:
        """The accounts that may read a conversation, and since when."""
        if conv.startswith("@"):
            return dict.fromkeys(conv[1:].split("@"), 0)
        return {account: at for (account, room), at in self.joined.items() if room == conv}

    @property
    def floor(self) -> int:
        """The place of the oldest message that is left, where the history has a bound: what is older may have been removed."""
        if not self.bound:
            return 0
        return min((seq for read in self.final for seq, _, _ in read.entries), default=2**63)

    @property
    def final(self) -> list[Read]:
        """What the members read at the end."""
        return [read for read in self.reads if read.final]


def load(paths: Iterable[Path]) -> History:
    """The history in these files. The last line of each may be cut: its writer may have been."""
    return History(_decode(line) for path in sorted(paths) for line in path.read_bytes().splitlines(True) if line[-1:] == b"\n")
