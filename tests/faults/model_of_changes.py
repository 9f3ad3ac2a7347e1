"""Model of changes: a model (`tests.faults.model`) that also edits and withdraws messages, moves markers and gives ranks."""

from __future__ import annotations

from collections.abc import Callable

from tests.faults.events import Accepted, AnyEvent, Invoked, Marked, Ranked, Read, Refused, Unknown, content
from tests.faults.history import Device
from tests.faults.model import DEVICES, ROOM, SIZE, STEP, MessageModel

#: Among how many of the newest messages one is changed.
NEWEST = 40
RANKS = ("operator", "voiced", "none")

Entries = list[tuple[int, str, str]]


class Model(MessageModel):
    """A run of so many messages, with changes of them."""

    def __init__(self, bug: str = "", seed: int = 1, messages: int = 300) -> None:
        """As for messages."""
        super().__init__(bug, seed, messages)
        self._text: dict[int, str] = {}  # by the seq of a message that was edited: the sha of its newest text
        self._gone: dict[int, tuple[int, str, str]] = {}  # by seq: the entries that were withdrawn
        self._withdrawn: set[int] = set()  # seqs of messages
        self._known: set[int] = set()  # seqs of what was acknowledged: its sender can change it
        self._marks: dict[str, int] = {}
        self._promised: dict[str, int] = {}  # to where markers were moved for sure
        self._ranks: dict[str, str] = {}
        self._possible: dict[str, set[str]] = {}  # the ranks that somebody may have, as far as clients know

    def _acts(self) -> list[Callable[[Device], None]]:
        return [*super()._acts(), self._edit, self._edit, self._edit, self._react, self._withdraw, self._mark, self._rank]

    def _settle(self) -> None:
        super()._settle()
        self._ask()

    def _edit(self, device: Device) -> None:
        """An edit is sent, sometimes twice because its acknowledgement was lost, and it is made once."""
        mine = self._mine(device)
        if len(mine) < 2:
            return
        seq, other = (entry[0] for entry in self._random.sample(mine, 2))
        cid, sha = self._invoke(device, kind="edit", about=seq)
        self._about[sha] = other if self._has("an edit told of another message") else seq
        if self._has("an edit refused and shown"):
            self._event(Refused(self._now(), device.account, cid, "NOT_STORED"))
            self._text[seq] = sha
            return
        place = self._commit(device, sha)
        if self._random.random() < 0.2:
            self._event(Unknown(self._now(), device.account, cid))
            self._event(Invoked(self._now(), *device, cid, ROOM, sha, SIZE, "edit", seq))
            place = self._commit(device, sha) if self._has("an edit made twice") else place
        self._event(Accepted(self._now(), device.account, cid, place, False))
        if self._has("an edit undone by one that came before it"):
            self._text.pop(seq, None)
        elif not self._has("an edit that is lost"):
            self._text[other if self._has("an edit of another message") else seq] = sha

    def _react(self, device: Device) -> None:
        seq = self._log[-1][0] if self._log else 0
        if seq:
            cid, sha = self._invoke(device, kind="react", about=seq)
            self._about[sha] = seq
            self._event(Accepted(self._now(), device.account, cid, self._commit(device, sha), False))

    def _withdraw(self, device: Device) -> None:
        mine = self._mine(device)
        if not mine:
            return
        entry = self._random.choice(mine)
        cid, sha = self._invoke(device, kind="withdraw", about=entry[0])
        self._about[sha] = entry[0]
        self._withdrawn.add(entry[0])
        self._event(Accepted(self._now(), device.account, cid, self._commit(device, sha), False))
        if not self._has("a withdrawn text that is still read"):
            self._log.remove(entry)
            self._gone[entry[0]] = entry[0], device.account, self._text.get(entry[0], entry[2])

    def _mine(self, device: Device) -> list[tuple[int, Device, str]]:
        newest = (entry for entry in self._log[-NEWEST:] if entry[1] == device)
        return [entry for entry in newest if entry[0] in self._known and entry[0] not in self._withdrawn]

    def _come_back(self, device: Device) -> None:
        """Nobody is told of what was withdrawn meanwhile."""
        waiting = self._waiting.get(device, [])
        waiting[:] = [
            (seq, sender, sha)
            for seq, sender, sha in waiting
            if sha == content("withdraw", self._about.get(sha, 0), "") or not {seq, self._about.get(sha)} & self._gone.keys()
        ]
        super()._come_back(device)

    def _look(self, device: Device) -> None:
        """Search for a text that was withdrawn, too."""
        super()._look(device)
        found: Entries = []
        if self._gone and self._has("a withdrawn text that is found"):
            found = [self._random.choice([*self._gone.values()])]
        self._event(Read(self._now(), device.account, ROOM, 0, self._now(), found, search=True))

    def _exported(self, entries: Entries) -> Entries:
        if self._gone and self._has("a withdrawn text that is still exported"):
            entries.append(self._random.choice([*self._gone.values()]))
        return entries

    def _entries(self, after: int) -> Entries:
        return [(seq, sender, self._text.get(seq, sha)) for seq, sender, sha in super()._entries(after)]

    def _mark(self, device: Device) -> None:
        """A marker is moved, or can't be as it would go back."""
        at, seq = self._now(), max(0, self._seq - self._random.randrange(20) * STEP)
        here = self._marks.get(device.account, 0)
        furthest = self._promised.get(device.account, 0)
        if seq >= here:
            how = self._random.choice(["ok", "ok", "info"])
            stored = how != "ok" or seq == here or not self._has("a marker that is forgotten")
        else:
            how, stored = "fail", seq < furthest and self._has("a marker that went back")
        self._event(Marked(at, device.account, self._now(), ROOM, seq, how))
        self._marks[device.account] = seq if stored else here
        self._promised[device.account] = seq if how == "ok" else furthest
        self._ask()

    def _rank(self, _: Device) -> None:
        """Somebody is given a rank, or that is refused, or it is not known whether it was done."""
        account, rank, at = self._random.choice(DEVICES).account, self._random.choice(RANKS), self._now()
        how = self._random.choice(["ok", "ok", "fail", "info"])
        self._event(Ranked(at, ROOM, account, rank, how))
        possible = self._possible.setdefault(account, {*RANKS})
        given = how == "ok" or (how == "info" and self._random.random() < 0.5)
        if how == "ok" and rank != self._ranks.get(account, "none"):
            given = not self._has("a rank that is forgotten")
        elif how == "fail" and rank not in possible:
            given = self._has("a rank refused and given")
        if given:
            self._ranks[account] = rank
        if how != "fail":
            self._possible[account] = {rank} | (set() if how == "ok" else possible)
        self._ask()

    def _ask(self) -> None:
        """Somebody asks which markers and ranks there are."""
        for account, seq in self._marks.items():
            self._event(Marked(self._now(), account, self._now(), ROOM, seq, "seen"))
        for account in self._possible:
            self._event(Ranked(self._now(), ROOM, account, self._ranks.get(account, "none"), "seen"))

    def _event(self, event: AnyEvent) -> None:
        super()._event(event)
        if isinstance(event, Accepted):
            self._known.add(event.seq)
