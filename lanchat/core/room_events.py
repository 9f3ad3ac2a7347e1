"""Room events: tells those in a room what somebody did with it or to somebody in it, in order with what is said there.

An event goes through the store as messages do (`lanchat.protocol.entry.EVENT`). What accounts do is kept in the log, so that
history shows it; what guests do only passes through it. A client without the cap `event` reads the sentences that it always
did, and the batches of `lanchat.core.presence`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from functools import partial

import msgspec

from lanchat.core.delivery import Delivery
from lanchat.core.forms import CAPS, Forms
from lanchat.core.presence import Presence
from lanchat.model.room import Room
from lanchat.model.sanction import PROMPT
from lanchat.model.session import Session
from lanchat.protocol.entry import EVENT, NOTHING, Entry
from lanchat.protocol.errors import NotStored
from lanchat.protocol.events import BANNED, JOINED, KICKED, LEFT, RoomEvent
from lanchat.protocol.interfaces import Clock
from lanchat.protocol.packet import PacketRun
from lanchat.state.online import OnlineUsers

#: What the batches of presence call these events. (Who is banned without being there has not left; that a guest is gone whose
#: connection ended is in the batches about everyone.)
_BATCHED = {JOINED: "joined", LEFT: "left", KICKED: "left", BANNED: "left"}
#: How many guests who enter a room within a moment are told of together. (Otherwise a thousand who come at once to a room of a
#: thousand would be a million deliveries.)
MAX_TOGETHER = 200
#: If at least `CROWD` enter, they are told of when nobody has followed them for `GAP_SECONDS`, or when they have waited for
#: `CROWD_SECONDS`, or are `MAX_CROWD`: so each reader is written to a few times, and not once for each turn of the reactor.
CROWD, MAX_CROWD = 16, 1000
GAP_SECONDS, CROWD_SECONDS = 0.003, 0.1


class RoomEvents:
    """Tells of events."""

    def __init__(
        self, online: OnlineUsers, delivery: Delivery, presence: Presence, clock: Clock, now: Callable[[], float]
    ) -> None:
        """`now` returns the time of day, in seconds since 1970."""
        self._online = online
        self._delivery = delivery
        self._presence = presence
        self._clock, self._now = clock, now
        # Guests who have just entered a room, and wait for the store with the first of them; and the room.
        self._joins: list[tuple[Session, Entry]] = []
        self._joins_room: Room | None = None

    def tell(  # noqa: PLR0913 (each is a part of what happened)
        self,
        room: Room,
        ev: str,
        by: Session | None,
        *,
        who: str | None = None,
        text: str = "",
        gone: bool = False,
        was: str = "",
        absent: bool = False,
        to: Collection[Session] = (),
        new: bool = False,
    ) -> None:
        """Tell of an event (`lanchat.protocol.events`) that just happened: those in the room when it comes back, and `to`.

        `by` is who did it (None: the operator at the server's prompt), `who` the name of the one to whom it was done, if that
        is somebody else, and `text` a reason or what was set; `gone`, `was` and `absent` as in `RoomEvent`. `to` are sessions
        that need not be in the room any more. If it can't be stored, they are told all the same. The first event of a `new`
        room is not stored.
        """
        name = by.name.shown if by is not None else PROMPT
        if ev in _BATCHED and (to or (who is None and by in self._online)) and not new:
            self._presence.in_room(room, _BATCHED[ev], who or name)
        account, ip = (by.account, by.sender.ip) if by is not None else (None, "")
        author = account.id if account is not None else None
        told = RoomEvent(ev, who, text, gone, was, absent).encode()
        entry = Entry(room.conv, author, name, ip, room.name, told, round(self._now() * 1000), kind=EVENT, about=NOTHING)
        entry.kept = not new and (by is None or author is not None)
        entry.source = partial(self._deliver, room, by, tuple(to))
        if self._is_told_with_others(room, ev, by, entry):
            return
        try:
            self._delivery.store.append(entry)
        except NotStored:
            self._delivery.release()
            entry.source(entry)

    def _is_told_with_others(self, room: Room, ev: str, by: Session | None, entry: Entry) -> bool:
        """Whether this is one more guest who enters a room into which others go, who are still to be told of."""
        if ev != JOINED or by is None or entry.kept or by.account is not None:
            self._joins, self._joins_room = [], None  # (what happens next comes after that)
            return False
        if self._joins_room is room and 0 < len(self._joins) < MAX_CROWD:
            self._joins.append((by, entry))
            return True
        self._joins, self._joins_room = [(by, entry)], room
        entry.source = partial(self._joins_came_back, room, self._joins)
        return False

    def tell_lobby(self, lobby: Room, ev: str, guest: Session, text: str = "") -> None:
        """Tell that a guest came or went, and so joined or left the lobby: in batches, as very many may be there.

        `text` is why it went, if that is known.
        """
        self._presence.in_lobby(lobby, _BATCHED[ev], guest.name.shown, text)

    def _deliver(self, room: Room, by: Session | None, to: Collection[Session], entry: Entry) -> None:
        """Deliver an event that came back from the store, or could not be stored.

        Who did it has an answer, and is told only if its client follows events. Those who are not in the room could not fetch
        it later: for them it has no place in the log. What is not kept is left out for those who are behind: otherwise guests
        who come and go could get slow readers closed.
        """
        entry.source = None
        forms = self._delivery.forms_for(None, entry)
        readers = [reader for reader in room.sessions if reader is not by or reader.has_cap(forms.cap)]
        if entry.seq:
            for reader in readers:
                self._delivery.show(reader, forms, entry.seq)
        else:
            self._delivery.show_placeless(readers, forms)
        outside = [reader for reader in to if reader not in room.sessions and reader in self._online]
        if outside:
            placeless = _without_place(forms)
            for reader in outside:
                if reader.has_cap(forms.cap):
                    self._delivery.show(reader, placeless, 0)

    def _joins_came_back(self, room: Room, joins: list[tuple[Session, Entry]], first: Entry) -> None:
        """Deliver the events of all guests who waited with the first one, or hold them for those who come yet."""
        if joins is self._joins and CROWD <= len(joins) < MAX_CROWD:
            held = self._delivery.held = partial(self._deliver_joins, room, joins, first)
            self._wait_for_more(held, joins, self._clock.seconds() + CROWD_SECONDS)
        else:
            self._deliver_joins(room, joins, first)

    def _wait_for_more(self, held: Callable[[], None], joins: list[tuple[Session, Entry]], until: float) -> None:
        """Deliver what is held when nobody has joined the crowd for a moment, it is full, or it is waited for long enough."""
        known = len(joins)

        def waited() -> None:
            if self._delivery.held is not held:
                return  # (something came back from the store, and all this before it)
            if known < len(joins) < MAX_CROWD and self._clock.seconds() < until:
                self._wait_for_more(held, joins, until)
            else:
                self._delivery.release()

        self._clock.callLater(GAP_SECONDS, waited)

    def _deliver_joins(self, room: Room, joins: list[tuple[Session, Entry]], first: Entry) -> None:
        """Deliver the events of guests who have entered a room; otherwise as `_deliver`."""
        if joins is self._joins:
            self._joins, self._joins_room = [], None
        if len(joins) == 1:
            self._deliver(room, joins[0][0], (joins[0][0],), first)
            return
        for first_told in range(0, len(joins), MAX_TOGETHER):
            told, later = joins[first_told : first_told + MAX_TOGETHER], joins[first_told + MAX_TOGETHER :]
            self._deliver_run(room, told, frozenset(entry.name for _, entry in later))

    def _deliver_run(self, room: Room, joins: list[tuple[Session, Entry]], later: frozenset[str]) -> None:
        """Deliver the events of some guests who have entered a room; `later` are the names of those who came after them."""
        for _, entry in joins:
            entry.source = None
        run = PacketRun([self._delivery.forms_for(None, entry).known for _, entry in joins], later)
        for reader in tuple(room.sessions):
            if reader.understands(CAPS[EVENT]) and not reader.client.behind():
                own = None if reader.has_cap(CAPS[EVENT]) else run.places.get(reader.name.shown)
                self._delivery.deliver_events(reader, run if own is None else run.without(own))
        for (by, _), packet in zip(joins, run.packets, strict=True):
            if by not in room.sessions and by in self._online and by.has_cap(CAPS[EVENT]):
                self._delivery.show(by, packet, 0)


def _without_place(forms: Forms) -> Forms:
    """The same packets without a number and an id in the log."""
    x = forms.known.x
    known = forms.known if x is None else msgspec.structs.replace(forms.known, x=msgspec.structs.replace(x, seq=None, id=None))
    return Forms(known, forms.other, forms.cap)
