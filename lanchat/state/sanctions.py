"""Sanctions: bans and mutes, on the whole server or in one room; who decided them, why, and until when they hold.

All that hold are in memory, by their target: those that are stored, and those that are being stored, which hold already. A
session is checked when it begins, and a message only if there is a mute or ban in its room, so other messages cost nothing. A
sanction that has run out is dropped when it is next come across.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from heapq import heapify, heappop, heappush
from itertools import count

from lanchat.model.masks import is_mask
from lanchat.model.room import Room
from lanchat.model.room_rules import Rank
from lanchat.model.sanction import BAN, MUTE, Sanction
from lanchat.model.session import Account, Role, Session
from lanchat.model.targets import KindAndTarget, SanctionTable, Target
from lanchat.protocol.errors import ChatError, Full, Muted
from lanchat.protocol.limits import Limits
from lanchat.state.interfaces import Store
from lanchat.tables.sanctions import AddSanction, RemoveEndedSanctions, RemoveSanctions

#: How many sanctions that were undone or replaced may still wait in the heap for their end.
MOST_UNDONE = 100


class Sanctions:
    """The bans and mutes that hold."""

    #: Where they are stored; set when the server starts.
    store: Store

    def __init__(self, limits: Limits, now: Callable[[], float], is_operator: Callable[[str], bool]) -> None:
        """`now` returns the time of day, in seconds since 1970; `is_operator` tells whether this is an operator's name."""
        self._limits = limits
        self._now = now
        self._is_operator = is_operator
        #: Those that are stored, by room (None: the whole server). They change in the order of the transactions.
        self.by_room: dict[Room | None, SanctionTable[Sanction]] = {}
        # Those that are being stored: the oldest first, and by room; of several with the same target the newest.
        self._waiting: list[Sanction] = []
        self._proposed: dict[Room | None, SanctionTable[Sanction]] = {}
        self._decided: Counter[str] = Counter()  # how many each name has decided
        self._ends: list[tuple[int, int, Sanction]] = []  # a heap: what runs out first comes first
        self._numbers = count()  # (of two that end together, neither sanction need be compared)

    def __len__(self) -> int:
        return sum(map(len, self.by_room.values()))

    def begin(self, store: Store, known: Iterable[Sanction]) -> None:
        """Take over the sanctions that were read from the store when it was opened."""
        self.store = store
        for sanction in known:
            self._put(sanction)

    # Checks.

    def check_entry(self, session: Session, account: Account | None) -> None:
        """Check a session that begins, or logs in to this account: raises `Banned`; if it is muted, it is so from the start."""
        if (ban := self.find(BAN, None, session, account)) is not None:
            raise ban.error(self._now())
        self.update_mute(session, account)

    def update_mute(self, session: Session, account: Account | None) -> None:
        """Check each message of a session from now on if it is muted on the whole server, and none if it is not."""
        session.speech_check = None
        if self.find(MUTE, None, session, account) is not None:
            self.watch_messages(session)

    def watch_messages(self, session: Session) -> None:
        """Check each message of a session until it may speak on the whole server, because a sanction is being decided."""
        session.speech_check = partial(self._check_server_mute, session)

    def check_may_join(self, session: Session, room: Room) -> None:
        """Raise `Banned` if a session is banned from a room."""
        if (ban := self.find(BAN, room, session, session.account)) is not None:
            raise ban.error(self._now())

    def check_may_speak(self, session: Session, room: Room | None) -> None:
        """Raise `Muted` if a session may not speak in a room, or on the whole server; with None only the latter is checked.

        Raises `Banned` if it is about to be banned, and that is still being stored. In a moderated room only those with a rank
        may speak.
        """
        if session.speech_check is not None:
            session.speech_check()
        if room in self.by_room or room in self._proposed:
            self._check(session, room)
        if room is not None and room.rules.moderated and not room.has_rank(session, Rank.VOICED):
            raise Muted(f"Nobody got that: {room.name} is moderated, and you are not voiced there.")

    def may_speak(self, session: Session, room: Room | None) -> bool:
        """Whether a session may speak in a room, or, with None, on the whole server."""
        try:
            self.check_may_speak(session, room)
        except ChatError:
            return False
        return True

    def _check(self, session: Session, room: Room | None) -> None:
        for kind in (MUTE, BAN) if room in self._proposed else (MUTE,):
            if (sanction := self.find(kind, room, session, session.account)) is not None:
                raise sanction.error(self._now())

    def _check_server_mute(self, session: Session) -> None:
        self._check(session, None)
        session.speech_check = None

    def find(self, kind: str, room: Room | None, session: Session, account: Account | None) -> Sanction | None:
        """A sanction of this kind that a session is under in a room (None: on the whole server), or None."""
        if room not in self.by_room and room not in self._proposed:
            return None
        tables = [table for table in (self.by_room.get(room), self._proposed.get(room)) if table is not None]
        found = [sanction for table in tables for sanction in table.hitting(kind, session, account)]
        in_force = [sanction for sanction in found if sanction.holds(self._now())]
        if len(in_force) < len(found):
            self._sweep()
        return next((sanction for sanction in in_force if self._may_hit(sanction, account)), None)

    def on(self, session: Session) -> set[Sanction]:
        """All bans and mutes that a session is under, in any room and on the whole server."""
        tables = [*self.by_room.values(), *self._proposed.values()]
        found = (one for table in tables for kind in (MUTE, BAN) for one in table.hitting(kind, session, session.account))
        return {one for one in found if one.holds(self._now()) and self._may_hit(one, session.account)}

    def _may_hit(self, sanction: Sanction, account: Account | None) -> bool:
        """Whether a sanction holds for this account. One on an account always does, as its author was checked.

        One on an address or a mask hits moderators, and in a room those who may decide there, only if an operator of the server
        decided it.
        """
        if account is None or sanction.is_about_an_account:
            return True
        decides = sanction.room is not None and sanction.room.rank_of(account) >= Rank.OPERATOR
        return not (decides or account.role >= Role.MODERATOR) or self._is_operator(sanction.by)

    # Decisions.

    def listed(self, room: Room | None) -> list[Sanction]:
        """The sanctions in a room (None: on the whole server), the newest first; `count` tells how many there are to sort."""
        self._sweep()
        return sorted(self._table(room).values(), key=lambda sanction: sanction.at)[::-1]

    def count(self, room: Room | None) -> int:
        """How many sanctions there are in a room (None: on the whole server)."""
        return len(self.by_room.get(room, ()))

    async def impose(self, sanction: Sanction, expelled: Collection[int] = ()) -> None:
        """Store a sanction, in place of one of its kind with the same target; `expelled` accounts leave its room.

        It holds at once, so that nobody slips in while it is stored. Raises `Full`, `NoSuchTarget` or `NotStored`; then nothing
        has changed.
        """
        self._check_room_for_more(sanction)
        with self._held(sanction):
            await self.store.write(AddSanction.of(sanction, expelled))
            self._put(sanction)

    @contextmanager
    def _held(self, sanction: Sanction) -> Iterator[None]:
        """Let a sanction hold while the block waits for the disk."""
        self._waiting.append(sanction)
        table = self._proposed.setdefault(sanction.room, SanctionTable())
        table.put(sanction)
        try:
            yield
        finally:
            self._waiting.remove(sanction)
            if same := [other for other in self._waiting if other.about == sanction.about]:
                table.put(same[-1])
            else:
                table.drop(sanction)
            if not table:
                del self._proposed[sanction.room]

    async def lift(self, kind: str, room: Room | None, target: Target) -> bool:
        """Undo a sanction; returns whether there was one. Raises `NotStored`."""
        self._sweep()
        meant = {(kind, form) for form in target.forms}
        if meant.isdisjoint(self._table(room)) and meant.isdisjoint(self._proposed.get(room, ())):
            return False
        room_id = None if room is None else room.id
        await self.store.write(RemoveSanctions(kind, room_id, tuple(sorted(target.forms))))
        found = [self._table(room)[form] for form in meant if form in self._table(room)]
        for sanction in found:
            self._drop(sanction)
        return bool(found)

    def erase(self, about: Collection[str], is_theirs: Callable[[str], bool], instead: str) -> None:
        """Erase a person: the sanctions with targets in `about` are dropped.

        Those that they decided, under a name for which `is_theirs` returns True, still hold, with `instead` as the author and
        without a reason.
        """
        for sanction in [sanction for table in self.by_room.values() for sanction in table.values()]:
            if sanction.target in about:
                self._drop(sanction)
            elif is_theirs(sanction.by):
                self._put(replace(sanction, by=instead, reason=""))

    def forget(self, room: Room) -> None:
        """Drop the sanctions of a room that was removed; their rows go with those of the room."""
        for sanction in list(self._table(room).values()):
            self._drop(sanction)

    def _check_room_for_more(self, sanction: Sanction) -> None:
        if self._has_like(sanction) or any(other.about == sanction.about for other in self._waiting):
            return
        self._sweep()
        if name := self._over(sanction):
            self._limits.met[name] += 1
            raise Full("The maximum number of bans and mutes has been reached. Send /bans to see which ones you can lift.")

    def _over(self, sanction: Sanction) -> str:
        """The name of a limit that is reached, or "". Those in rooms leave room for the moderators', and everybody has a share.

        Sanctions that are being stored count as well.
        """
        more = {one.about: one for one in self._waiting if not self._has_like(one)}.values()
        everywhere = self.count(None) + sum(one.room is None for one in more)
        counts = {"sanctions": everywhere, "decided": self._decided[sanction.by] + sum(one.by == sanction.by for one in more)}
        if sanction.room is not None:
            counts["sanctions"] = len(self) + len(more) - everywhere
            counts["room-sanctions"] = self.count(sanction.room) + sum(one.room is sanction.room for one in more)
        if is_mask(sanction.target):
            here = [*self._table(sanction.room).values(), *[one for one in more if one.room is sanction.room]]
            counts["masks"] = sum(is_mask(one.target) for one in here)
        return next((name for name, count in counts.items() if count >= self._limits[name]), "")

    def _put(self, sanction: Sanction) -> None:
        if (before := self._table(sanction.room).get((sanction.kind, sanction.target))) is not None:
            self._drop(before)
        self.by_room.setdefault(sanction.room, SanctionTable()).put(sanction)
        self._decided[sanction.by] += 1
        if sanction.until is not None:
            heappush(self._ends, (sanction.until, next(self._numbers), sanction))
        if len(self._ends) > 2 * len(self) + MOST_UNDONE:
            self._ends = [end for end in self._ends if self._is_in_force(end[2])]
            heapify(self._ends)

    def _drop(self, sanction: Sanction) -> None:
        """Drop a sanction, unless another has taken its place."""
        if not self._is_in_force(sanction):
            return
        table = self.by_room[sanction.room]
        table.drop(sanction)
        self._decided[sanction.by] -= 1
        if not self._decided[sanction.by]:
            del self._decided[sanction.by]
        if not table:
            del self.by_room[sanction.room]

    def _has_like(self, sanction: Sanction) -> bool:
        """Whether one of its kind with the same target is stored."""
        return (sanction.kind, sanction.target) in self._table(sanction.room)

    def _is_in_force(self, sanction: Sanction) -> bool:
        return self._table(sanction.room).get((sanction.kind, sanction.target)) is sanction

    def _table(self, room: Room | None) -> Mapping[KindAndTarget, Sanction]:
        return self.by_room.get(room, {})

    def _sweep(self) -> None:
        """Drop all that have run out."""
        now, some = self._now(), False
        while self._ends and self._ends[0][0] <= now:
            some |= self._is_in_force(self._ends[0][2])
            self._drop(heappop(self._ends)[2])
        if some:
            self.store.write_in_background(RemoveEndedSanctions(now))
