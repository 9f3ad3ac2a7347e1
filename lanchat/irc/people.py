"""People as IRC knows them: their masks, and the names in a room."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from lanchat.model.room import Room
from lanchat.model.room_rules import Rank
from lanchat.model.session import Account, Role, Session
from lanchat.protocol.packet import Sender
from lanchat.state.online import OnlineUsers

#: The user name of those whose client is no IRC client, and of those who are not online.
NO_USER = "~u"
#: The host of those who are not online.
OFFLINE = "offline"
#: The user modes of bots, and of those who are not shown to strangers in lists.
BOT, INVISIBLE = "B", "i"

#: The services of other networks, by their names in lower case. Here nobody gets what they are told, as it may be a password.
SERVICES = {name.lower(): name for name in ("NickServ", "AuthServ", "ChanServ", "MemoServ", "HostServ", "OperServ", "BotServ")}


class Member(NamedTuple):
    """Somebody who is in a room, or a member of it while not online; or anybody else, who then has no rank."""

    name: str
    rank: Rank
    #: Their newest session; None if they are not online.
    session: Session | None
    #: None for guests.
    account: Account | None

    @property
    def away(self) -> bool:
        """Whether they are away, or not online."""
        return self.session is None or bool(self.session.away)

    @property
    def is_operator(self) -> bool:
        """Whether they are an operator of the server, on any of their devices."""
        if self.account is None:
            return self.session is not None and self.session.role is Role.OPERATOR
        return self.account.role is Role.OPERATOR or any(one.role is Role.OPERATOR for one in self.account.sessions)

    @property
    def host(self) -> str:
        """Their address; a word if they are not online."""
        return host_of(self.session.sender.ip) if self.session is not None else OFFLINE


def host_of(address: str) -> str:
    """An IP address as the host of somebody. No parameter may begin with a colon, as some addresses of IPv6 do."""
    return f"0{address}" if address.startswith(":") else address


def user_of(session: Session | None) -> str:
    """The user name of somebody: what an IRC client gave, or a constant."""
    return getattr(session.client, "username", NO_USER) if session is not None else NO_USER


def realname_of(session: Session | None, name: str) -> str:
    """The real name that somebody gave, or their name."""
    return (getattr(session.client, "realname", "") if session is not None else "") or name


def has_mode(session: Session | None, mode: str) -> bool:
    """Whether somebody has a user mode, such as `BOT`."""
    return session is not None and mode in getattr(session.client, "umodes", "")


def person(online: OnlineUsers, name: str) -> Member | None:
    """Who has this name, online or not; None if nobody has."""
    session = online.find(name)
    account = session.account if session is not None else online.account(name)
    if session is None and account is None:
        return None
    shown = account.name.shown if account is not None else session.name.shown  # type: ignore[union-attr]  # one of them is there
    return Member(shown, Rank.NONE, session, account)


def everybody(online: OnlineUsers) -> Iterator[Member]:
    """All who are online, each once."""
    for session in online:
        if session.account is None or session.account.sessions[-1] is session:
            yield Member(session.name.shown, Rank.NONE, session, session.account)


def mask(session: Session) -> str:
    """The source of the lines that somebody's session gives rise to: `nick!user@host`."""
    return f"{session.name.shown}!{user_of(session)}@{host_of(session.sender.ip)}"


def sender_mask(sender: Sender, session: Session | None) -> str:
    """`nick!user@host` of the sender of a packet; `session` is theirs, if they are online."""
    # (It is called for each message, so it does what `user_of` and `host_of` do, without calling them.)
    user = NO_USER if session is None else getattr(session.client, "username", NO_USER)
    return f"{sender.name}!{user}@{'0' if sender.ip[:1] == ':' else ''}{sender.ip}"


def members(room: Room) -> Iterator[Member]:
    """Those in a room, each once, and then its members who are not online."""
    accounts = set()
    for session in room.sessions:
        account = session.account
        if account is None:
            yield Member(session.name.shown, room.guest_ranks.get(session, Rank.NONE), session, None)
        elif account.id not in accounts:
            accounts.add(account.id)
            yield Member(account.name.shown, room.ranks.get(account.id, Rank.NONE), session, account)
    for account in tuple(room.members.values()):
        if account.id not in accounts:
            yield Member(account.name.shown, room.ranks.get(account.id, Rank.NONE), None, account)


def member_mask(member: Member) -> str:
    """`nick!user@host` of a member of a room."""
    return mask(member.session) if member.session is not None else f"{member.name}!{NO_USER}@{OFFLINE}"


class GuestNames:
    """The names in the room that was asked for last, if no account is a member of it.

    If a thousand guests enter a room at once, each of them is shown all names: so those of the guests who have come since are
    added to what is known. Of a room from which somebody has gone, all names are looked up again.
    """

    def __init__(self) -> None:
        self._signs: Mapping[Rank, str] = {}
        self._ranks: dict[Session, Rank] = {}
        self._sessions: list[Session] = []
        self._names = ""

    def of(self, room: Room, signs: Mapping[Rank, str]) -> str:
        """The names of those in a room, with the signs of their ranks, and spaces between them."""
        sessions, known = list(room.sessions), len(self._sessions)
        if signs is not self._signs or room.guest_ranks != self._ranks or sessions[:known] != self._sessions:
            self.forget()
            known = 0
        names = {one: one.name.shown for one in sessions[known:]}
        names.update({one: signs[rank] + names[one] for one, rank in room.guest_ranks.items() if one in names})
        self._signs, self._ranks, self._sessions = signs, room.guest_ranks.copy(), sessions
        self._names = " ".join([self._names, *names.values()] if self._names else names.values())
        return self._names

    def forget(self) -> None:
        """Look all names up when they are asked for next, as somebody has another name; or let go of who has gone."""
        self._ranks, self._sessions, self._names = {}, [], ""
