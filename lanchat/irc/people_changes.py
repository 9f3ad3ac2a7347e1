"""People changes: tells IRC clients at once who comes and goes, is away, or has another name, an account or a real name.

Who is in a room with somebody is told what concerns rooms; those who watch them (MONITOR) are told when they come and go, and,
with the capability extended-monitor, the rest. What happens in rooms is told by `lanchat.irc.events`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterable, Iterator
from typing import NamedTuple

from lanchat.core.chat import Chat
from lanchat.irc import numerics
from lanchat.irc.message import line
from lanchat.irc.monitor import Monitor, Reader
from lanchat.irc.people import INVISIBLE, NO_USER, OFFLINE, GuestNames, host_of, mask, realname_of, user_of
from lanchat.irc.request import tagged
from lanchat.model.names import key
from lanchat.model.room import Room
from lanchat.model.session import Role, Session

#: In rooms with more sessions nobody is told that an account has come or gone.
MAX_TOLD = 500
#: The text of those who are not online.
NOT_ONLINE = "not online"
#: How many are remembered of those who have gone.
MAX_FORMER = 100
#: With more people online, they are counted once a second.
MAX_COUNTED = 200
#: The capabilities with which lines have tags.
_WITH_TAGS = frozenset({"server-time", "message-tags", "account-tag"})


class Former(NamedTuple):
    """Somebody who had a name, for WHOWAS."""

    name: str
    key: str
    user: str
    host: str
    realname: str
    #: When they went, in seconds since 1970.
    until: float


class Counted(NamedTuple):
    """How many there are of some kinds of people who are online."""

    invisible: int = 0
    operators: int = 0


class PeopleChanges:
    """Listens to the core's presence (`lanchat.core.presence.PresenceListener`), and tells IRC clients."""

    def __init__(self, chat: Chat, server_name: str) -> None:
        self._chat = chat
        self._server_name = server_name
        #: The IRC clients whose registration is complete, by their sessions.
        self.clients: dict[Session, Reader] = {}
        self.monitor = Monitor()
        #: The names in a room of guests.
        self.guest_names = GuestNames()
        #: How many were online at the same time, at most.
        self.most = 0
        self._counted, self._counted_at = Counted(), 0.0
        #: Those who have gone, the latest last.
        self.former: deque[Former] = deque(maxlen=MAX_FORMER)

    def came(self, session: Session) -> None:
        """Tell that somebody is online, with the first of their sessions."""
        self.most = max(self.most, len(self._chat.online))
        self._tell_watchers(session.name.key, numerics.RPL_MONONLINE, mask(session))
        if session.account is not None:
            self._tell_small_rooms(session, session.away)

    def went(self, session: Session, goodbye: str, rooms: Collection[Room]) -> None:
        """Tell that somebody is not online any more, as the last of their sessions has ended."""
        self.guest_names.forget()
        self._remember(session, session.name.shown)
        self._tell_watchers(session.name.key, numerics.RPL_MONOFFLINE, session.name.shown)
        if session.account is not None:
            self._tell_small_rooms(session, NOT_ONLINE)

    def renamed(self, session: Session, old: str) -> None:
        """Tell that a guest has another name."""
        self.guest_names.forget()
        if session.name.key != key(old):
            self._remember(session, old)
            self._tell_watchers(key(old), numerics.RPL_MONOFFLINE, old)
            self._tell_watchers(session.name.key, numerics.RPL_MONONLINE, mask(session))

    def registered(self, session: Session) -> None:
        """Tell that a guest has made their name an account."""
        if session.account is not None:
            told = line("ACCOUNT", session.account.name.shown, source=mask(session))
            self.tell(session, told, self.around(session, "account-notify"))

    def away_changed(self, session: Session) -> None:
        """Tell those who watch somebody that they are away or back. Those in their rooms are told by an event."""
        in_rooms = set(self._in_rooms(session))
        watchers = (one for one in self._watching(session, "away-notify") if one not in in_rooms)
        self.tell(session, _away_line(session, session.away), watchers)

    def role_changed(self, session: Session, before: Role) -> None:
        """Tell the client of a session that its user is an operator now, or is none any more (RFC 2812, 3.1.5)."""
        client, is_one = self.clients.get(session), session.role is Role.OPERATOR
        if client is not None and is_one is not (before is Role.OPERATOR):
            client.outbox.send(line("MODE", client.nick, "+o" if is_one else "-o", source=self._server_name))

    def counted(self) -> Counted:
        """The numbers of people; if there are many, as they were within the last second, as every newcomer is told them."""
        online, now = self._chat.online, self._chat.clock.seconds()
        if len(online) <= MAX_COUNTED or now - self._counted_at >= 1:
            unseen = (session for session, client in self.clients.items() if INVISIBLE in client.umodes)
            invisible = sum(online.find(session.name.shown) is session for session in unseen)
            self._counted = Counted(invisible, sum(session.role is Role.OPERATOR for session in online))
            self._counted_at = now
        return self._counted

    def mask_of(self, name: str) -> str:
        """`nick!user@host` of somebody; the last one of those who have just gone."""
        if (session := self._chat.online.find(name)) is not None:
            return mask(session)
        former = next((one for one in reversed(self.former) if one.name == name), None)
        return f"{name}!{former.user}@{former.host}" if former is not None else f"{name}!{NO_USER}@{OFFLINE}"

    def around(self, session: Session, cap: str) -> list[Reader]:
        """The IRC clients with a capability that are told of changes of somebody: in their rooms, and those who watch them."""
        found = dict.fromkeys(client for client in self._in_rooms(session) if cap in client.caps)
        return list(found | dict.fromkeys(self._watching(session, cap)))

    def forget(self, client: Reader) -> None:
        """Forget a client whose connection has ended."""
        self.monitor.clear(client)
        if client.session is not None:
            self.clients.pop(client.session, None)

    def tell(self, session: Session, told: bytes, clients: Iterable[Reader]) -> None:
        """Send a line about somebody to these, except to those who are behind, so that nobody can get slow readers closed."""
        forms: dict[frozenset[str], bytes] = {}  # by the capabilities that matter
        for client in clients:
            if not client.behind():
                caps = client.caps & _WITH_TAGS
                if caps not in forms:
                    forms[caps] = tagged(self._tags(session, caps), told)
                client.outbox.send(forms[caps])

    def _tags(self, session: Session, caps: frozenset[str]) -> dict[str, str]:
        tags = {"time": self._chat.timestamp()} if caps & {"server-time", "message-tags"} else {}
        if session.account is not None and "account-tag" in caps:
            tags["account"] = session.account.name.shown
        return tags

    def _in_rooms(self, session: Session, most: float = float("inf")) -> Iterator[Reader]:
        """The other IRC clients in the rooms of somebody, of those with at most so many sessions; some more than once."""
        for room in self._chat.rooms.of(session):
            if len(room.sessions) <= most:
                for reader in room.sessions:
                    if reader is not session and (client := self.clients.get(reader)) is not None:
                        yield client

    def _watching(self, session: Session, cap: str) -> Iterator[Reader]:
        for client in self.monitor.watching(session.name.key):
            if {cap, "extended-monitor"} <= client.caps and client.session is not session:
                yield client

    def _tell_small_rooms(self, session: Session, away: str) -> None:
        found = dict.fromkeys(client for client in self._in_rooms(session, MAX_TOLD) if "away-notify" in client.caps)
        self.tell(session, _away_line(session, away), found)

    def _tell_watchers(self, nick_key: str, number: int, target: str) -> None:
        for client in self.monitor.watching(nick_key):
            if not client.behind():  # (as in `tell`; `MONITOR S` shows how it is)
                client.outbox.send(line(f"{number}", client.nick, target, source=self._server_name))

    def _remember(self, session: Session, name: str) -> None:
        host, realname = host_of(session.sender.ip), realname_of(session, name)
        self.former.append(Former(name, key(name), user_of(session), host, realname, self._chat.now()))


def _away_line(session: Session, text: str) -> bytes:
    return line("AWAY", *([text] if text else []), source=mask(session))
