"""History: the events of a run (`tests.faults.events`), sorted by what they are about."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import msgspec

from tests.faults.events import (
    FOR_NOW,
    Accepted,
    AnyEvent,
    Bound,
    Connected,
    Delivered,
    Fault,
    Invoked,
    Joined,
    Marked,
    Outside,
    Owned,
    Ranked,
    Read,
    Refused,
    Unknown,
    decode,
)


class Device(NamedTuple):
    """One device of an account: each has its own place in the log."""

    account: str
    name: str


class Message(msgspec.Struct):
    """All that its sender knows of one message, or of one change of a message.

    A `cid` may be used again for another text, once all is known of the first.
    """

    device: Device
    cid: str
    conv: str
    sha: str
    size: int = 0
    #: As in `Invoked`.
    kind: str = ""
    about: int = 0
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
    def called(self) -> str:
        """How it is called where something is wrong with it."""
        return f"{self.account}'s {self.cid}{f' ({self.kind} of seq {self.about})' if self.kind else ''}"

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
        #: What was read, with the newest text of each message; and the same with the text that it had at first.
        self.pages: list[Read] = []
        self.reads: list[Read] = []
        self.marks: list[Marked] = []
        self.ranks: list[Ranked] = []
        self.owned: list[Owned] = []
        self.faults: list[Fault] = []
        self.outside: list[Outside] = []
        #: The most bytes that all messages may have; 0 if there is no bound.
        self.bound = 0
        for event in events:
            self._take(event)
        #: The changes of each message, by its seq; and the digest of its first text.
        self.changes: dict[int, list[Message]] = defaultdict(list)
        self.first: dict[int, str] = {}
        for message in self.messages.values():
            if message.kind:
                self.changes[message.about].append(message)
            else:
                self.first |= {ok.seq: message.sha for ok in message.accepted}
        self.reads = [self._first_texts(read) for read in self.pages]
        self.shown = {
            device: [msgspec.structs.replace(d, sha=self._first_text(d.seq, d.sha)) for d in seen]
            for device, seen in self.deliveries.items()
        }

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
            case Bound():
                self.bound = event.size
            case _:
                self._list(event)

    def _list(self, event: AnyEvent) -> None:
        match event:
            case Read():
                self.pages.append(event)
            case Marked():
                self.marks.append(event)
            case Ranked():
                self.ranks.append(event)
            case Owned():
                self.owned.append(event)
            case Outside():
                self.outside.append(event)
            case Fault():
                self.faults.append(event)

    def _invoked(self, event: Invoked) -> None:
        message = self.messages.get(event.sha)
        if message is None:
            device = Device(event.account, event.device)
            about = event.kind, event.about
            message = Message(device, event.cid, event.conv, event.sha, event.size, *about, len(self.messages))
            self.messages[event.sha] = self._latest[event.account, event.cid] = message
        message.invoked.append(event.at)

    def _first_text(self, seq: int, sha: str) -> str:
        """The digest of the first text of the message with this seq, if this is that of an edit of it."""
        change = self.messages.get(sha)
        return self.first.get(seq, sha) if change is not None and change.kind == "edit" and change.about == seq else sha

    def _first_texts(self, read: Read) -> Read:
        entries = [(seq, sender, self._first_text(seq, sha)) for seq, sender, sha in read.entries]
        return msgspec.structs.replace(read, entries=entries)

    def gone(self, message: Message) -> bool:
        """Whether a message is withdrawn, or may be; or what this edit or reaction is about."""
        if message.kind == "withdraw":
            return False
        seqs = [message.about] if message.kind else [ok.seq for ok in message.accepted]
        return any(change.kind == "withdraw" and not change.failed for seq in seqs for change in self.changes.get(seq, ()))

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
    return History(decode(line) for path in sorted(paths) for line in path.read_bytes().splitlines(True) if line[-1:] == b"\n")
