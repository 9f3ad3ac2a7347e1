"""Model: a tiny server and its clients in one loop, which write the history of a run with one bug, or with none.

With it the checker is checked: it must find each bug, and nothing where there is none. This has what is about messages;
`tests.faults.model_of_changes` adds what changes later.
"""

from __future__ import annotations

import random
from bisect import bisect_right, insort
from collections.abc import Callable
from operator import itemgetter

from tests.faults.events import (
    ADMINISTRATOR,
    Accepted,
    AnyEvent,
    Bound,
    Connected,
    Delivered,
    Invoked,
    Joined,
    Outside,
    Owned,
    Read,
    Refused,
    Unknown,
    content,
    digest,
)
from tests.faults.history import Device

ROOM = "#ops"
DEVICES = [Device("ann", "laptop"), Device("ann", "phone"), Device("bob", "laptop"), Device("cat", "laptop")]
OUTSIDER = Device("eve", "laptop")
#: From one seq to the next: gaps are allowed.
STEP = 4
#: Bytes of each message, the bound on the history, and how many of its newest messages are left at the end.
SIZE, BOUND, LEFT = 1000, 300_000, 240


class MessageModel:
    """A run of so many messages."""

    def __init__(self, bug: str = "", seed: int = 1, messages: int = 300) -> None:
        """Have this bug now and then; "" for none."""
        self._bug = bug
        self._random = random.Random(seed)  # noqa: S311 (the same run each time)
        self._messages = messages
        self._at = self._sent = self._bugs = 0
        self._seq = 0  # the highest that was given
        self._log: list[tuple[int, Device, str]] = []  # (seq, sender, sha), as it was committed
        self._events: list[AnyEvent] = []
        self._waiting: dict[Device, list[tuple[int, Device, str]]] = {}  # for whom is away
        self._fresh: dict[Device, tuple[int, Device, str]] = {}  # what a device got last
        self._about: dict[str, int] = {}  # by the sha of a change, the seq of the message that it changes
        self._last: dict[Device, tuple[str, int]] = {}  # what a device was acknowledged last: cid and seq

    def run(self) -> list[AnyEvent]:
        """The events of the run. It has its bug at least once."""
        self._event(Bound(self._now(), BOUND))
        for device in [*DEVICES, OUTSIDER]:
            self._event(Connected(self._now(), *device, "e1", False))
            if device != OUTSIDER:
                self._event(Joined(self._now(), device.account, ROOM))
        planted = self._bug not in ("", "removed though new")
        while self._sent < self._messages or (planted and not self._bugs):
            self._step()
        self._settle()
        del self._log[: -(LEFT // 20 if self._bug == "removed though new" else LEFT)]
        self._read(DEVICES[0], 0, final=True)
        self._read(DEVICES[2], 0, final=True)
        return self._events

    def _settle(self) -> None:
        for device in DEVICES:
            self._come_back(device)

    def _step(self) -> None:
        self._random.choice(self._acts())(self._random.choice(DEVICES))

    def _acts(self) -> list[Callable[[Device], None]]:
        says = [self._say, self._say, self._say, self._use_again, self._repeat]
        refused = [self._refuse, self._refuse_two, self._refuse_again]
        others = [self._slow, self._move, self._look, self._outside, self._own, self._crash]
        return [*says, *refused, *others]

    def _say(self, device: Device) -> None:
        """A message is sent, sometimes twice because its acknowledgement was lost, and it is committed once."""
        cid, sha = self._invoke(device)
        if self._has("acknowledged before the commit"):
            self._event(Accepted(self._now(), device.account, cid, self._seq + 1, False))
            return
        seq = self._commit(device, sha, -STEP // 2 if self._has("a later message with a lower seq") else STEP)
        if self._random.random() < 0.2:
            seq = self._again(device, cid, sha, seq)
        self._event(Accepted(self._now(), device.account, cid, seq, False))
        self._last[device] = cid, seq
        if self._has("a sender's messages swapped"):
            self._swapped(device)

    def _again(self, device: Device, cid: str, sha: str, seq: int) -> int:
        self._event(Unknown(self._now(), device.account, cid))
        self._event(Invoked(self._now(), *device, cid, ROOM, sha, SIZE))
        return self._commit(device, sha) if self._has("no look at the cid") else seq

    def _swapped(self, device: Device) -> None:
        """Two that were sent one right after the other, and were stored the other way round."""
        first, second = self._invoke(device), self._invoke(device)
        for cid, sha in (second, first):
            self._event(Accepted(self._now(), device.account, cid, self._commit(device, sha), False))

    def _refuse(self, device: Device) -> None:
        cid, sha = self._invoke(device)
        if self._has("refused and stored"):
            self._commit(device, sha)
        self._event(Refused(self._now(), device.account, cid, "NOT_STORED"))

    def _refuse_two(self, device: Device) -> None:
        """Two are on their way and refused. Of the first its sender doesn't hear, of the second it does. Both come again."""
        first, second = self._invoke(device), self._invoke(device)
        if past := self._has("stored past what was refused"):
            self._event(Accepted(self._now(), device.account, second[0], self._commit(device, second[1]), False))
        else:
            self._event(Refused(self._now(), device.account, second[0], "NOT_STORED"))
        self._event(Unknown(self._now(), device.account, first[0]))
        for cid, sha in (first, second)[: 1 if past else 2]:
            self._event(Invoked(self._now(), *device, cid, ROOM, sha, SIZE))
            self._event(Accepted(self._now(), device.account, cid, self._commit(device, sha), False))

    def _refuse_again(self, device: Device) -> None:
        """Two are on their way and refused. They come again, and the first is refused once more, so the second must be."""
        two = self._invoke(device), self._invoke(device)
        past = self._has("stored past what was refused a second time")
        for refused in (two, two[:1] if past else two):
            for cid, _ in refused:
                self._event(Refused(self._now(), device.account, cid, "NOT_STORED"))
            for cid, sha in two:
                self._event(Invoked(self._now(), *device, cid, ROOM, sha, SIZE))
        for cid, sha in two[::-1] if past else two:
            self._event(Accepted(self._now(), device.account, cid, self._commit(device, sha), False))

    def _use_again(self, device: Device) -> None:
        """A program that counts from 1 each time it starts uses a cid for another message."""
        if device not in self._last:
            return
        cid, seq = self._last[device]
        _, sha = self._invoke(device, cid)
        if dup := self._has("another message taken for a repeat"):
            self._event(Accepted(self._now(), device.account, cid, seq, dup))
            return
        self._last[device] = cid, self._commit(device, sha)
        self._event(Accepted(self._now(), device.account, *self._last[device], dup))

    def _repeat(self, device: Device) -> None:
        """A message is stored, the answer is lost, and when it comes again its sender may not say anything there any more."""
        cid, sha = self._invoke(device)
        seq = self._commit(device, sha)
        self._event(Unknown(self._now(), device.account, cid))
        self._event(Invoked(self._now(), *device, cid, ROOM, sha, SIZE))
        if self._has("a repeat refused though stored"):
            self._event(Refused(self._now(), device.account, cid, "NOT_MEMBER"))
        else:
            self._event(Accepted(self._now(), device.account, cid, seq, True))

    def _slow(self, device: Device) -> None:
        """A device that reads slowly says something, and is acknowledged before what others said has come; its line breaks."""
        waiting = self._waiting.setdefault(device, [])
        for other in DEVICES[::2]:
            if other != device:
                self._commit(other, self._invoke(other)[1])
        cid, sha = self._invoke(device)
        seq = self._commit(device, sha)
        self._event(Accepted(self._now(), device.account, cid, seq, False))
        if self._has("passed by an acknowledgement on a slow line that breaks"):
            waiting.clear()
        self._come_back(device)

    def _outside(self, _: Device) -> None:
        """An administrator exports everything, beside the server."""
        failed, late = self._has("a reader from outside is refused"), self._has("an export that is late")
        at, after = self._now(), max(0, self._seq - 20 * STEP)  # (all of it would take too long each time)
        self._event(Outside(at, "export", int(failed), "refused" if failed else ""))
        entries = self._entries(after)[: -1 if late else None]
        self._event(Read(at, ADMINISTRATOR, ROOM, after, self._now(), self._exported(entries)))

    def _exported(self, entries: list[tuple[int, str, str]]) -> list[tuple[int, str, str]]:
        return entries

    def _move(self, device: Device) -> None:
        """A device goes away or comes back."""
        if device in self._waiting:
            self._come_back(device)
        else:
            self._waiting[device] = []

    def _come_back(self, device: Device) -> None:
        waiting = self._waiting.pop(device, [])
        if waiting and self._has("forgotten while away"):
            waiting.pop()
        for entry in waiting:
            self._show(device, entry, "resume")
        if device in self._fresh and not waiting:
            shown = self._has("told again on the other connection")
            self._show(device, self._fresh[device], "resume", dropped=not shown)

    def _look(self, device: Device) -> None:
        if self._has("read by a newcomer under an old number"):
            self._read(OUTSIDER, 0)
        self._read(device, max(0, self._seq - 20 * STEP))

    def _own(self, _: Device) -> None:
        """Somebody has a guest's name for a while, and then the next one."""
        since, until = self._now(), self._now()
        self._event(Owned(since, "guest", until + 5))
        if not self._has("a name given to two"):
            self._at += 5
        self._event(Owned(self._now(), "guest", self._now()))
        self._at += 5

    def _crash(self, _: Device) -> None:
        """The server ends and starts anew."""
        if self._has("a new epoch"):
            self._event(Connected(self._now(), *DEVICES[0], "e2", True))
        if self._log and self._has("seq from memory, and not from the disk"):
            self._commit(DEVICES[0], self._invoke(DEVICES[0])[1], 0)

    def _invoke(self, device: Device, cid: str = "", kind: str = "", about: int = 0) -> tuple[str, str]:
        self._sent += 1
        cid, sha = cid or f"{device.name}-{self._sent}", content(kind, about, str(self._sent))
        self._event(Invoked(self._now(), *device, cid, ROOM, sha, SIZE, kind, about))
        return cid, sha

    def _commit(self, device: Device, sha: str, step: int = STEP) -> int:
        """Store it with a seq that is so much higher than any before, and tell everybody."""
        seq = self._seq + step
        self._seq = max(self._seq, seq)
        entry = seq, device, sha
        if sha not in self._about:
            insort(self._log, entry, key=itemgetter(0))
        for other in DEVICES:
            if other != device:
                self._tell(other, entry)
        if self._has("told to a non-member"):
            self._show(OUTSIDER, entry, "")
        return seq

    def _tell(self, device: Device, entry: tuple[int, Device, str]) -> None:
        seq, sender, sha = entry
        if device.account == sender.account and self._has("not told to one's own other device"):
            return
        if device in self._waiting:
            self._waiting[device].append(entry)
        elif self._has("another text"):
            self._show(device, (seq, sender, digest("forged")), "")
        elif self._has("another sender"):
            self._show(device, (seq, OUTSIDER, sha), "")
        elif device in self._fresh and self._has("a room's messages swapped for one"):
            # The one before comes now, after its follower: as a device that sees no seq would show it.
            before = next(i for i, e in enumerate(reversed(self._events)) if e == self._shown_last(device))
            moved = self._events.pop(len(self._events) - 1 - before)
            self._show(device, entry, "")
            self._event(moved)
        else:
            self._show(device, entry, "")

    def _shown_last(self, device: Device) -> Delivered:
        return next(
            e for e in reversed(self._events) if isinstance(e, Delivered) and (e.account, e.device) == device and not e.dropped
        )

    def _show(self, device: Device, entry: tuple[int, Device, str], batch: str, dropped: bool = False) -> None:
        seq, sender, sha = entry
        self._fresh[device] = entry
        self._event(Delivered(self._now(), *device, seq, sender.account, ROOM, sha, batch, dropped, self._about.get(sha, 0)))

    def _read(self, device: Device, after: int, final: bool = False) -> None:
        entries = self._entries(after)
        if entries and not final and self._has("a read that is late"):
            entries.pop()
        self._event(Read(self._now(), device.account, ROOM, after, self._now(), entries, final))

    def _entries(self, after: int) -> list[tuple[int, str, str]]:
        first = bisect_right(self._log, after, key=itemgetter(0))
        return [(seq, sender.account, sha) for seq, sender, sha in self._log[first:]]

    def _has(self, bug: str) -> bool:
        """Whether the run has this bug, here and now."""
        here = bug == self._bug and self._random.random() < 0.3
        self._bugs += here
        return here

    def _now(self) -> int:
        self._at += 1
        return self._at

    def _event(self, event: AnyEvent) -> None:
        self._events.append(event)
