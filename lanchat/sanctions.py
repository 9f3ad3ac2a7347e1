"""Sanctions: who may not speak, or not come in, on the whole server or in one room; by whom, why, and until when.

All that are in force are in memory, by what they are about: as they are stored, and beside them those that are being stored,
which hold already. So whoever is under none costs nothing: a session is looked at
when it begins, and what is said in a room only if somebody is under a sanction there. One that has run out is dropped by
whoever comes upon it. The functions that take a connection run on the store's threads, not in the reactor's.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, replace
from functools import partial
from sqlite3 import Connection

from lanchat import rooms
from lanchat.accounts import check_there as check_account
from lanchat.errors import Banned, ChatError, Full, Muted, NoSuchTarget
from lanchat.interfaces import Store
from lanchat.limits import Limits
from lanchat.names import key
from lanchat.rooms import Room
from lanchat.session import Account, Session
from lanchat.spans import span
from lanchat.stored import Wrong, note, usable
from lanchat.targets import Target, kept_under, network_of

#: The kinds of sanctions, as the table has them.
MUTE, BAN = "mute", "ban"
_STATES = {MUTE: ("muted", "in"), BAN: ("banned", "from")}


@dataclass(frozen=True, slots=True)
class Sanction:
    """What was decided about somebody."""

    kind: str
    #: Where it holds; None is the whole server.
    room: Room | None
    #: Whom it is about (`Target.kept`).
    target: str
    #: Until when, in seconds since the epoch; None is until it is undone.
    until: int | None
    #: As it may be shown.
    reason: str
    #: The name of whoever decided it, and when that was.
    by: str
    at: int

    def holds(self, now: float) -> bool:
        """Whether it has not run out."""
        return self.until is None or self.until > now

    def what(self, now: float) -> str:
        """What it is, to follow "is" or "are": "banned from #ops by ann for 2h (spam)"."""
        how_long = "until it is undone" if self.until is None else f"for {span(self.until - now)}"
        why = f" ({self.reason})" if self.reason else ""
        return f"{state(self.kind, self.room)} by {self.by} {how_long}{why}"

    def error(self, now: float) -> ChatError:
        """What whoever is under it is answered."""
        retry_ms = None if self.until is None else math.ceil((self.until - now) * 1000)
        if self.kind == MUTE:
            return Muted(f"Nobody got that: you are {self.what(now)}.", retry_ms)
        return Banned(f"You are {self.what(now)}.", retry_ms)


class Sanctions:
    """Those that are in force."""

    #: Set when the server starts.
    store: Store

    def __init__(self, limits: Limits, now: Callable[[], float]) -> None:
        """`now` is the time of day."""
        self._limits = limits
        self._now = now
        # As they are stored: changed when a transaction came back, and in that order.
        self._places: dict[Room | None, dict[tuple[str, str], Sanction]] = {}
        # Those that are being stored, the oldest first.
        self._proposed: dict[Room | None, list[Sanction]] = {}
        self._lengths: set[int] = set()  # of the networks that there ever were: only those are looked for

    def __len__(self) -> int:
        return sum(map(len, self._places.values()))

    def begin(self, store: Store, known: Iterable[Sanction]) -> None:
        """The store is open: these are in it."""
        self.store = store
        for sanction in known:
            self._put(sanction)

    # Who is looked at.

    def meet(self, session: Session, account: Account | None) -> None:
        """Somebody wants to begin a session, with this account: who is muted is so from the first word on. Raises `Banned`."""
        if (ban := self._find(BAN, None, session, account)) is not None:
            raise ban.error(self._now())
        self.bar(session, account)

    def bar(self, session: Session, account: Account | None) -> None:
        """Let a session say nothing while it is muted, and cost nothing when it is not."""
        muted = self._find(MUTE, None, session, account) is not None
        session.barred = partial(self._check_muted, session) if muted else None

    def check_may_join(self, session: Session, room: Room) -> None:
        """Raise `Banned` if somebody is shut out of a room."""
        if (ban := self._find(BAN, room, session, session.account)) is not None:
            raise ban.error(self._now())

    def check_may_speak(self, session: Session, room: Room) -> None:
        """Raise `Muted` if somebody may say nothing in a room, or anywhere."""
        if session.barred is not None:
            session.barred()
        if (room in self._places or room in self._proposed) and (
            mute := self._find(MUTE, room, session, session.account)
        ) is not None:
            raise mute.error(self._now())

    def _check_muted(self, session: Session) -> None:
        mute = self._find(MUTE, None, session, session.account)
        if mute is not None:
            raise mute.error(self._now())
        session.barred = None

    def _find(self, kind: str, room: Room | None, session: Session, account: Account | None) -> Sanction | None:
        place = self._places.get(room)
        if place is None and not self._proposed:
            return None
        place, proposed = place or {}, self._proposed.get(room, ())
        forms = [*kept_under(session, account, self._lengths)]
        found = [place[kind, form] for form in forms if (kind, form) in place]
        in_force = [sanction for sanction in found if sanction.holds(self._now())]
        if len(in_force) < len(found):
            self._sweep()
        in_force += [one for one in proposed if one.kind == kind and one.target in forms and one.holds(self._now())]
        return in_force[0] if in_force else None

    # What is decided.

    def listed(self, room: Room | None) -> list[Sanction]:
        """Those in one place that are in force, the newest first."""
        self._sweep()
        return sorted(self._places.get(room, {}).values(), key=lambda sanction: sanction.at)[::-1]

    async def impose(self, sanction: Sanction, expelled: Collection[int] = ()) -> None:
        """Keep a sanction, in place of one of its kind; these accounts do not belong to its room any more.

        It holds at once, so that nobody slips in while it is written. Raises `Full`, `NoSuchTarget` or `NotStored`; then all is
        as it was.
        """
        self._check_room_for_more(sanction)
        proposed = self._proposed.setdefault(sanction.room, [])
        proposed.append(sanction)
        self._note_length(sanction)
        try:
            await self.store.write(partial(add, sanction=sanction, expelled=expelled))
            self._put(sanction)
        finally:
            proposed.remove(sanction)
            if not proposed:
                self._proposed.pop(sanction.room, None)

    async def lift(self, kind: str, room: Room | None, target: Target) -> bool:
        """Undo a sanction; whether there was one. Raises `NotStored`."""
        self._sweep()
        proposed = self._proposed.get(room, ())
        if not self._kept(kind, room, target) and not any(one.kind == kind and one.target in target.forms for one in proposed):
            return False
        await self.store.write(partial(remove, kind=kind, room=room, targets=target.forms))
        found = self._kept(kind, room, target)
        for sanction in found:
            self._drop(sanction)
        return bool(found)

    def _kept(self, kind: str, room: Room | None, target: Target) -> list[Sanction]:
        place = self._places.get(room, {})
        return [place[kind, form] for form in target.forms if (kind, form) in place]

    def erase(self, keys: Collection[str], account: int, instead: str) -> None:
        """Somebody is erased, with these keys of their name: nothing is decided about their account any more.

        What they decided themselves still holds, by `instead` and for no reason.
        """
        about = {f"@{account}", *keys} if account else set()
        for sanction in [sanction for place in self._places.values() for sanction in place.values()]:
            if sanction.target in about:
                self._drop(sanction)
            elif key(sanction.by) in keys:
                self._put(replace(sanction, by=instead, reason=""))

    def forget(self, room: Room) -> None:
        """A room is gone; what was decided there goes from the table with it."""
        self._places.pop(room, None)

    def _check_room_for_more(self, sanction: Sanction) -> None:
        same = (sanction.kind, sanction.target)
        proposed = self._proposed.get(sanction.room, ())
        if same in self._places.get(sanction.room, {}) or any((one.kind, one.target) == same for one in proposed):
            return
        if self._over(sanction.room):
            self._sweep()
        if name := self._over(sanction.room):
            self._limits.met[name] += 1
            raise Full("There are as many bans and mutes as can be kept. Send /bans to see which of them you can undo.")

    def _over(self, room: Room | None) -> str:
        """The limit that is reached, if one is: what rooms decide leaves moderators theirs, and every room its own."""
        counts = {"sanctions": self._count(None)}
        if room is not None:
            rooms = sum(map(self._count, {*self._places, *self._proposed} - {None}))
            counts = {"sanctions": rooms, "room-sanctions": self._count(room)}
        return next((name for name, count in counts.items() if count >= self._limits[name]), "")

    def _count(self, room: Room | None) -> int:
        """How many there are in one place, with those that are being stored."""
        proposed = {(one.kind, one.target) for one in self._proposed.get(room, ())}
        return len(proposed | self._places.get(room, {}).keys())

    def _put(self, sanction: Sanction) -> None:
        self._places.setdefault(sanction.room, {})[sanction.kind, sanction.target] = sanction
        self._note_length(sanction)

    def _note_length(self, sanction: Sanction) -> None:
        if (network := network_of(sanction.target)) is not None:
            self._lengths.add(network.prefixlen)

    def _drop(self, sanction: Sanction) -> None:
        """Forget this one, unless another has taken its place."""
        place = self._places.get(sanction.room, {})
        if place.get((sanction.kind, sanction.target)) is sanction:
            del place[sanction.kind, sanction.target]
            if not place:
                del self._places[sanction.room]

    def _sweep(self) -> None:
        """Forget all that have run out."""
        now = self._now()
        over = [sanction for place in self._places.values() for sanction in place.values() if not sanction.holds(now)]
        for sanction in over:
            self._drop(sanction)
        if over:
            self.store.jot(partial(remove_over, now=now))


def state(kind: str, room: Room | None) -> str:
    """What somebody under a sanction is: "muted", or "banned from #ops"."""
    done, before = _STATES[kind]
    return done if room is None else f"{done} {before} {room.name}"


def load(connection: Connection, places: Iterable[Room], now: float, wrong: Wrong = note) -> list[Sanction]:
    """Those that are in force; what has run out, or is about an account that is gone, is removed.

    `wrong` is told of each row that can't be used.
    """
    remove_over(connection, now)
    gone = "target LIKE '@%' AND CAST(substr(target, 2) AS INTEGER) NOT IN (SELECT id FROM accounts)"
    connection.execute(f"DELETE FROM sanctions WHERE {gone}")  # noqa: S608 (our own words)
    by_id: dict[int | None, Room | None] = {None: None, **{room.id: room for room in places}}
    rows = usable(connection, "sanctions", wrong)
    return [Sanction(kind, by_id[room], *rest) for _, kind, room, *rest in rows if room in by_id]


def add(connection: Connection, sanction: Sanction, expelled: Collection[int]) -> None:
    """Keep a sanction, in place of one of its kind that is about the same; these accounts leave its room.

    Raises `NoSuchTarget` if the room is gone, or the account that it is about.
    """
    if sanction.target.startswith("@"):
        check_account(connection, int(sanction.target.removeprefix("@")))
    remove(connection, sanction.kind, sanction.room, [sanction.target])
    room = sanction.room.id if sanction.room is not None else None
    if room is not None and connection.execute("SELECT 1 FROM rooms WHERE id = ?", (room,)).fetchone() is None:
        raise NoSuchTarget("That room is closed.")
    row = (sanction.kind, room, sanction.target, sanction.until, sanction.reason, sanction.by, sanction.at)
    connection.execute(
        "INSERT INTO sanctions(kind, room, target, until, reason, by_name, at) VALUES (?, ?, ?, ?, ?, ?, ?)", row
    )
    if room is not None:
        expel(connection, room, expelled)


def expel(connection: Connection, room: int, accounts: Iterable[int]) -> None:
    """These accounts do not belong to a room any more."""
    for account in accounts:
        rooms.dismiss(connection, room, account)


def remove(connection: Connection, kind: str, room: Room | None, targets: Iterable[str]) -> None:
    """Forget what is kept under any of these."""
    place = room.id if room is not None else None
    connection.executemany(
        "DELETE FROM sanctions WHERE kind = ? AND room IS ? AND target = ?", [(kind, place, target) for target in targets]
    )


def remove_over(connection: Connection, now: float) -> None:
    """Forget all that have run out."""
    connection.execute("DELETE FROM sanctions WHERE until <= ?", (now,))
