"""Monitor: which clients watch which nicks, and are told when those come and go (IRCv3 "Monitor")."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Protocol

from lanchat.gateways.outbox import Outbox
from lanchat.model.names import key
from lanchat.model.session import Session

#: How many nicks a client may watch.
MAX_WATCHED = 100


class Reader(Protocol):
    """A client (`lanchat.irc.client.IrcClient`), as far as it has to be known to tell it something."""

    caps: frozenset[str]
    umodes: str
    session: Session | None
    outbox: Outbox
    closed: bool

    @property
    def nick(self) -> str:
        """Its name; `*` while it has none."""

    def behind(self) -> bool:
        """Whether much that it was sent is still to be read."""


class Monitor:
    """The nicks that are watched, by client and by nick. Data only: it tells nobody."""

    def __init__(self) -> None:
        self._watchers: dict[str, dict[Reader, None]] = {}  # by the key of the nick
        self._watched: dict[Reader, dict[str, str]] = {}  # nicks as they were written, by their keys

    def add(self, client: Reader, nick: str) -> bool:
        """Let a client watch a nick; returns False if it watches too many already."""
        watched = self._watched.setdefault(client, {})
        if (nick_key := key(nick)) not in watched and len(watched) >= MAX_WATCHED:
            return False
        watched[nick_key] = nick
        self._watchers.setdefault(nick_key, {})[client] = None
        return True

    def remove(self, client: Reader, nicks: Iterable[str]) -> None:
        """Let a client watch these nicks no longer."""
        watched = self._watched.get(client, {})
        for nick_key in map(key, nicks):
            if watched.pop(nick_key, None) is None:
                continue
            watchers = self._watchers[nick_key]
            del watchers[client]
            if not watchers:
                del self._watchers[nick_key]
        if not watched:
            self._watched.pop(client, None)

    def clear(self, client: Reader) -> None:
        """Let a client watch nobody."""
        self.remove(client, tuple(self._watched.get(client, ())))

    def watched_by(self, client: Reader) -> Collection[str]:
        """The nicks that a client watches, as it wrote them."""
        return tuple(self._watched.get(client, {}).values())

    def watching(self, nick_key: str) -> Collection[Reader]:
        """The clients that watch the nick with this key."""
        return tuple(self._watchers.get(nick_key, ()))
