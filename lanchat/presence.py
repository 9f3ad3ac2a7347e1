"""Presence: who came and who went, told to those who asked for it, at most one packet a second."""

from __future__ import annotations

from collections.abc import Callable

from lanchat.interfaces import Clock
from lanchat.listing import and_more, as_fit
from lanchat.packet import EVERYONE, SERVER, ServerX, SharedPacket
from lanchat.rooms import Room
from lanchat.session import Session

#: Seconds between two packets.
PAUSE = 1.0
#: Bytes of names in one packet.
NAMES = 8192


class Presence:
    """Collects comings and goings: the first is told at once, what follows once a second, together.

    Somebody who came and went between two packets is not mentioned.
    """

    def __init__(self, clock: Clock, timestamp: Callable[[], str]) -> None:
        """`timestamp` is the time as it is written in packets."""
        self._clock = clock
        self._timestamp = timestamp
        self._news: dict[str, dict[str, str]] = {"went": {}, "came": {}}
        self._resting = False
        #: Who asked to be told.
        self.watchers: dict[Session, None] = {}

    def watch(self, session: Session) -> None:
        """Tell this one, from now on."""
        self.watchers[session] = None

    def forget(self, session: Session) -> None:
        """It is over."""
        self.watchers.pop(session, None)
        if not self.watchers:
            self._news = {"went": {}, "came": {}}  # nobody is left to be told, and who asks later asks about what comes then

    def came(self, name: str) -> None:
        """Somebody opened a session."""
        if not self.watchers:
            return
        if self._news["went"].pop(name, None) is None:
            self._news["came"][name] = ""
        self._soon()

    def went(self, name: str, words: str = "") -> None:
        """Somebody's session ended, with these last words."""
        if not self.watchers:
            return
        if self._news["came"].pop(name, None) is None:
            self._news["went"][name] = words
        self._soon()

    def _soon(self) -> None:
        if not self._resting:
            self._resting = True
            self._clock.callLater(0, self._told)

    def _told(self) -> None:
        """Tell one kind of news; the other kind has its turn a second later."""
        for event, names in self._news.items():
            if names:
                self._news[event] = {}
                self._tell(event, names)
                self._news = dict(reversed(self._news.items()))
                self._clock.callLater(PAUSE, self._told)
                return
        self._resting = False

    def in_room(self, room: Room, event: str, session: Session) -> None:
        """Somebody "joined" or "left" a room: those in it who want to know of such things are told, at once."""
        name = session.name.shown
        packet = self._event(event, [name], 1, room.name, f"{name} {event} {room.name}")
        for reader in tuple(room.sessions):
            if reader is not session and reader.may("presence") and reader.may("room"):
                reader.client.deliver(packet)

    def _tell(self, event: str, news: dict[str, str]) -> None:
        names = as_fit(list(news), NAMES)
        last_words = news[names[0]] if len(news) == 1 else ""
        said = f"{and_more(names, len(news))} {event}{last_words and ': '}{last_words}"
        packet = self._event(event, names, len(news), EVERYONE, said)
        for session in tuple(self.watchers):
            if names != [session.name.shown]:
                session.client.deliver(packet)

    def _event(self, event: str, names: list[str], n: int, where: str, said: str) -> SharedPacket:
        x = ServerX(op="event", ev=event, who=names, n=n, conv=where, ts=self._timestamp())
        return SharedPacket(SERVER, where, said, x)
