"""Presence: tells the clients that asked for it who joined and who left, in at most one packet a second for each room.

A part of the server that has to know it at once is a `PresenceListener`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from functools import partial
from typing import Protocol, TypeAlias

from lanchat.model.room import Room
from lanchat.model.session import Role, Session
from lanchat.protocol.extensions import ServerX
from lanchat.protocol.interfaces import Clock
from lanchat.protocol.name_lists import fitting_names, names_and_more
from lanchat.protocol.packet import EVERYONE, SERVER, SharedPacket

#: Seconds between two packets.
PAUSE = 1.0
#: Bytes of names in one packet, at most.
NAMES = 8192

#: Names of users, each with the goodbye message, or "".
Goodbyes: TypeAlias = dict[str, str]


class PresenceListener(Protocol):
    """What is told at once who comes and goes. Its methods wait for nothing, and raise nothing."""

    def came(self, session: Session) -> None:
        """A user is online now, with this session as their first; it is in its rooms already."""

    def went(self, session: Session, goodbye: str, rooms: Collection[Room]) -> None:
        """A user is not online any more, and this was their last session.

        `goodbye` is what they said, or "". `rooms` are those that they were in until now. An account is still a member of them.
        """

    def renamed(self, session: Session, old: str) -> None:
        """A guest whose name was `old` has another one now."""

    def registered(self, session: Session) -> None:
        """The name of a guest is an account now, with this session as its first."""

    def away_changed(self, session: Session) -> None:
        """A user is away or back, as they said with this session; those in their rooms have been told."""

    def role_changed(self, session: Session, before: Role) -> None:
        """A session has another role now, and had this one; somebody else decided that."""


class PresenceChanges:
    """Users who came and went, on the server or in a room, and are still to be told.

    Somebody who came and went between two packets is not mentioned.
    """

    def __init__(
        self, clock: Clock, tell: Callable[[str, Goodbyes], None], come: str, gone: str, at_once: bool = False
    ) -> None:
        """`tell` is called with an event (`come` or `gone`), and the names that it is about, each with its goodbye message.

        After a pause, the first change is told `at_once`, or at the end of the turn of the reactor.
        """
        self._clock = clock
        self._tell = tell
        self._at_once = at_once
        self._names: dict[str, Goodbyes] = {gone: {}, come: {}}
        self._opposite = {come: gone, gone: come}
        #: Whether a change is about to be told, or one was told less than a pause ago.
        self.resting = False

    def add(self, event: str, name: str, goodbye: str = "") -> None:
        """Note an event (`come` or `gone`) for the next packet, with a goodbye message. Both events of one name cancel out."""
        if self._names[self._opposite[event]].pop(name, None) is None:
            self._names[event][name] = goodbye
        if self.resting:
            return
        self.resting = True
        if self._at_once:
            self.tell()
        else:
            self._clock.callLater(0, self.tell)

    def clear(self) -> None:
        """Drop what was not told yet."""
        self._names = {event: {} for event in self._names}

    def tell(self) -> None:
        """Tell one of the two events; the other one follows a pause later."""
        for event, names in self._names.items():
            if names:
                self._names[event] = {}
                self._tell(event, names)
                self._names = dict(reversed(self._names.items()))
                self._clock.callLater(PAUSE, self.tell)
                return
        self.resting = False


class Presence:
    """Collects who joins and leaves. The first is told at once, others together once a second; each room is told separately."""

    def __init__(self, clock: Clock, timestamp: Callable[[], str]) -> None:
        """`timestamp` returns the time as it is written in packets (RFC 3339)."""
        self._clock = clock
        self._timestamp = timestamp
        self._everyone = PresenceChanges(clock, self._tell_watchers, "came", "went")
        self._rooms: dict[Room, PresenceChanges] = {}
        #: The sessions that have the cap `presence`.
        self.watchers: dict[Session, None] = {}
        #: What else is told of those who come and go.
        self.listeners: list[PresenceListener] = []

    def watch(self, session: Session) -> None:
        """Begin to tell this session who joins and leaves."""
        self.watchers[session] = None

    def forget(self, session: Session) -> None:
        """Stop telling a session, which has ended."""
        if session in self.watchers:
            del self.watchers[session]
            if not self.watchers:
                self._everyone.clear()  # nobody is left to be told, and later watchers want later changes

    def came(self, session: Session) -> None:
        """Note that a user is online now, with this as the first session."""
        if self.watchers:
            self._everyone.add("came", session.name.shown)
        for listener in self.listeners:
            listener.came(session)

    def went(self, session: Session, goodbye: str, rooms: Collection[Room]) -> None:
        """Note that the last session of a user has ended, who was in these rooms; `goodbye` is their goodbye message."""
        if self.watchers:
            self._everyone.add("went", session.name.shown, goodbye)
        for listener in self.listeners:
            listener.went(session, goodbye, rooms)

    def renamed(self, session: Session, old: str) -> None:
        """Note that a guest has another name. Watchers are told that `old` went and the new one came."""
        if self.watchers:
            self._everyone.add("went", old)
            self._everyone.add("came", session.name.shown)
        for listener in self.listeners:
            listener.renamed(session, old)

    def registered(self, session: Session) -> None:
        """Note that a guest has made an account of their name."""
        for listener in self.listeners:
            listener.registered(session)

    def away_changed(self, session: Session) -> None:
        """Note that somebody said that they are away or back."""
        for listener in self.listeners:
            listener.away_changed(session)

    def role_changed(self, session: Session, before: Role) -> None:
        """Note that somebody else gave a session another role, or took away the one that it had `before`."""
        for listener in self.listeners:
            listener.role_changed(session, before)

    def in_room(self, room: Room, event: str, name: str) -> None:
        """Note that somebody "joined" or "left" a room, which is told to those in it with the caps `presence` and `room`.

        Those with the cap `event` are told at once (`lanchat.core.room_events`).
        """
        self._changes(room, self._tell_room).add(event, name)

    def in_lobby(self, lobby: Room, event: str, name: str, text: str = "") -> None:
        """Note that somebody "joined" or "left" the lobby, perhaps with a goodbye; those with the cap `event` are told."""
        self._changes(lobby, self._tell_lobby).add(event, name, text)

    def _changes(self, room: Room, tell: Callable[[Room, str, Goodbyes], None]) -> PresenceChanges:
        changes = self._rooms.get(room)
        if changes is None:
            for idle in [other for other, known in self._rooms.items() if not known.resting]:
                del self._rooms[idle]
            changes = self._rooms[room] = PresenceChanges(self._clock, partial(tell, room), "joined", "left", at_once=True)
        return changes

    def _tell_room(self, room: Room, event: str, users: Goodbyes) -> None:
        self._tell(list(filter(_reads_batches, room.sessions)), event, users, room)

    def _tell_lobby(self, lobby: Room, event: str, users: Goodbyes) -> None:
        """Tell of the lobby, which guests leave only with the end of their connection."""
        readers = [reader for reader in lobby.sessions if reader.has_cap("event")]
        self._tell(readers, event, users, lobby, gone=event == "left" or None)

    def _tell_watchers(self, event: str, users: Goodbyes) -> None:
        self._tell(tuple(self.watchers), event, users)

    def _tell(
        self, readers: Sequence[Session], event: str, users: Goodbyes, room: Room | None = None, gone: bool | None = None
    ) -> None:
        """Send an event to these sessions, except to somebody who would only read about themselves.

        A goodbye is told if it is the only one; to those in the lobby also as data, and if all in this packet said the same.
        """
        conv, where = (room.name, f" {room.name}") if room is not None else (EVERYONE, "")
        names = fitting_names(list(users), NAMES)
        goodbye = users[names[0]] if len(users) == 1 else ""
        said = f"{names_and_more(names, len(users))} {event}{where}{goodbye and ': '}{goodbye}"
        texts = set(users.values()) if gone else set()
        text = (texts.pop() or None) if len(texts) == 1 else None
        x = ServerX(op="event", ev=event, who=names, n=len(users), conv=conv, gone=gone, text=text, ts=self._timestamp())
        packet = SharedPacket(SERVER, conv, said, x)
        for reader in readers:
            if names != [reader.name.shown]:
                reader.client.deliver(packet)


def _reads_batches(reader: Session) -> bool:
    return reader.has_cap("presence") and reader.has_cap("room") and not reader.has_cap("event")
