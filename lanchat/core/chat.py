"""Chat: all that the server knows while it runs, and how users join and leave. There is one, and every part shares it.

Nothing here waits, and nothing knows sockets: a connection is an `IClient`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from itertools import count
from typing import Any

from lanchat.core.bots import Bots
from lanchat.core.changes import Changes
from lanchat.core.cursors import Cursors
from lanchat.core.delivery import Delivery
from lanchat.core.departures import Departures, own_words
from lanchat.core.hooks import Hooks
from lanchat.core.keepalive import Keepalive
from lanchat.core.messages import Messages
from lanchat.core.presence import Presence
from lanchat.core.read_markers import ReadMarkers
from lanchat.core.replay import Replay
from lanchat.core.replies import Replies
from lanchat.core.room_events import RoomEvents
from lanchat.core.stored_messages import StoredMessages
from lanchat.core.uploads import Uploads
from lanchat.model.names import check_guest, parse as parse_name
from lanchat.model.room import Room
from lanchat.model.room_rules import ACCOUNTS
from lanchat.model.sanction import BAN, MUTE, PROMPT, Sanction
from lanchat.model.session import Account, Role, Session
from lanchat.protocol.counts import HUNG_UP, Counts
from lanchat.protocol.errors import AuthRequired, BadName, ChatError, NameTaken, NoSuchTarget
from lanchat.protocol.events import JOINED
from lanchat.protocol.interfaces import Clock, IClient
from lanchat.protocol.limits import Bucket, Limits, Quota
from lanchat.protocol.name_lists import escaped_size, online_users
from lanchat.protocol.packet import MAX_UNFRAMED, Packet, Sender, visible
from lanchat.state.activity_log import ActivityLog
from lanchat.state.borrowed_rights import BorrowedRights
from lanchat.state.interfaces import Store
from lanchat.state.online import OnlineUsers
from lanchat.state.pending_logins import Identity, PendingLogins
from lanchat.state.reservations import Reservations
from lanchat.state.rooms import Rooms
from lanchat.state.sanctions import Sanctions
from lanchat.state.typing_notices import TypingNotices

#: The size of a welcome, in bytes: of the names of others in it, at most, and of all that is not names.
WELCOME_NAMES, WELCOME_REST = 256, 200
#: What somebody is told who gave a registered name and has not logged in.
LOG_IN = "The name {} is an account's. Send /login PASSWORD, or connect again with another name."


class Chat:
    """The state of the chat: sessions, accounts, rooms, sanctions, limits, and what works on them."""

    #: Whether only registered users may enter (`--accounts-only`).
    accounts_only = False
    #: Who may make rooms (`--rooms-by`): `ACCOUNTS`, `ANYONE` or `OPERATORS`.
    rooms_by = ACCOUNTS
    #: Checks passwords and tokens; set when the server starts.
    identity: Identity

    def __init__(self, clock: Clock, instance: str, now: Callable[[], float] = time.time) -> None:
        """`instance` is unique to this run of the server: the ids of messages begin with it.

        `clock` is for what waits and only goes forward; `now` is the time of day, which people set.
        """
        self.clock, self.now = clock, now
        self.counts, self.limits = Counts(), Limits()
        self.online, self.rooms = OnlineUsers(), Rooms()
        self.reservations = Reservations(self.rooms, self.limits)
        self.replies = Replies(clock, self.limits, now)
        self.reply, self.charge, self.timestamp = self.replies.reply, self.replies.charge, self.replies.timestamp
        self.sanctions = Sanctions(self.limits, now, self._is_operator)
        self.new_id = new_id = map(f"{instance}.".__add__, map(str, count(1))).__next__  # (of what is kept nowhere)
        self.delivery = Delivery(self.replies, self.counts, self.rooms)
        self.read_markers = ReadMarkers(clock, self.delivery)
        self.stored = StoredMessages(
            self.online, self.replies, self.sanctions, self.delivery, self.counts, new_id, self.read_markers
        )
        self.messages = Messages(self.online, self.rooms, self.replies, self.delivery, self.counts, new_id, self.stored)
        self.changes = Changes(self.online, self.rooms, self.replies, self.sanctions, self.delivery, self.stored)
        self.uploads = Uploads(clock, self.online, self.rooms, self.replies, self.sanctions, self.delivery, self.messages)
        self.typing_notices = TypingNotices(clock.seconds)
        self.bots = Bots(self.online, self.rooms, self.replies, self.delivery, new_id)
        self.hooks = Hooks(self.online, self.rooms, self.replies, self.delivery, self.bots, clock)
        self.replay, self.cursors = Replay(self.delivery, self.replies), Cursors(clock, self.delivery, now)
        self.pending_logins = PendingLogins(clock, self.limits)
        self.activity, self.presence = ActivityLog(clock), Presence(clock, self.timestamp)
        self.borrowed_rights = BorrowedRights(lambda session, told: self.reply(session, None, told), self.presence.role_changed)
        self.room_events = RoomEvents(self.online, self.delivery, self.presence, clock, now)
        self.departures = Departures(self.rooms, self.reservations, self.sanctions, self.hooks, self.delivery, self.room_events)
        self.keepalive = Keepalive(clock, self._ping, self._ping_timed_out)
        #: How many accounts an address may make in an hour, an account or address rooms and invitations, and a guest new names.
        self.registrations, self.creations, self.invites, self.renames = (
            Quota(self.limits, name, clock.seconds) for name in ("registrations", "creations", "invites", "renames")
        )

    @property
    def store(self) -> Store:
        """Where messages, accounts and rooms are stored."""
        return self.delivery.store

    def begin(self, store: Store, accounts: list[Account], rooms: list[Room], sanctions: Iterable[Sanction] = ()) -> None:
        """Take over what was read from the store when it was opened."""
        self.delivery.store = store
        for account in accounts:
            self.online.reserve(account)
        for room in rooms:
            self.rooms.add(room)
        self.sanctions.begin(store, sanctions)

    def open(self, text: str, client: IClient, address: str, gateway: str) -> Session:
        """Give a connection a name, and return its session. Raises `BadName`, `NameTaken`, `Banned` or `AuthRequired`.

        If the name is registered, the session is a pending login: it is not online, and does not hold the name, until somebody
        logs in.
        """
        packets = Bucket(self.limits, "packets")
        try:
            name = parse_name(text, self.online.is_free)
            account = self.online.account(name.shown)
        except BadName:
            account = self.online.account(text.strip())
            if account is None:
                raise
        if account is not None:
            name = account.name  # an account keeps its name even if today's rules forbid it
        session = Session(name, client, address, gateway, self.now(), packets, self.clock.seconds())
        self.sanctions.check_entry(session, account)
        if account is not None:
            self.pending_logins.add(session, account, self._login_timed_out)
        elif self.accounts_only:
            raise AuthRequired("Only those with an account may connect to this server. Ask the operator for an account.")
        else:
            check_guest(name)
            self._enter(session)
        return session

    def admit(self, session: Session, account: Account) -> None:
        """Let a session belong to an account: that of somebody who has logged in, or of the guest who has made the account."""
        self.sanctions.check_entry(session, account)
        self.pending_logins.remove(session)
        session.account = account
        session.update_role()
        if session in self.online:
            account.sessions.append(session)
            for room in self.rooms.of_guest(session):
                self.rooms.leave(session, room)
        else:
            session.name = account.name
            session.sender = Sender(account.name.shown, session.sender.ip)
            self._enter(session)

    def reserve_name(self, account: Account, maker: Session | None = None) -> None:
        """Reserve the name of a new account. Guests with this name, or one that looks the same, are closed; not its `maker`."""
        if maker is None:
            holders = self.online.guests_alike(account.name)
        else:  # while its name was being made an account, nobody could come whose name looks like it
            holders = [holder for holder in [self.online.find(account.name.key)] if holder is not None]
        for holder in holders:
            if holder is not maker:
                goodbye = (
                    f"The name {account.name.shown} has been registered. If it is yours, log in; if not, choose another name."
                )
                self.close(holder, NameTaken.code, goodbye, why="the name was made an account")
        self.online.reserve(account)
        self.activity.note(f"{account.name.shown} is an account now")

    def end_logins(self, account: Account, goodbye: str, *, why: str, but: Session | None = None) -> int:
        """Close all sessions and pending logins of an account, except `but`; returns how many. `why` is for the log.

        Others who have its rights lose them.
        """
        ended = [session for session in (*account.sessions, *self.pending_logins.of(account)) if session is not but]
        for session in ended:
            self.close(session, AuthRequired.code, goodbye, why=why)
        self.borrowed_rights.end_all(account)
        return len(ended)

    def account_of(self, name: str) -> Account:
        """The account of that name; raises `NoSuchTarget`."""
        account = self.online.account(name) or self.online.account(name.strip().removeprefix("@"))
        if account is None:
            raise NoSuchTarget(f"There is no account {visible(name, 40) or '(no name)'}.")
        return account

    def _is_operator(self, name: str) -> bool:
        """Whether this is the name of an operator's account, or the one for decisions at the operators' prompt."""
        account = self.online.account(name)
        return name == PROMPT or (account is not None and account.role is Role.OPERATOR)

    def _enter(self, session: Session) -> None:
        self.online.take(session)
        self.counts.opened[session.gateway] += 1
        self.rooms.arrive(session)
        for room in self.rooms.of(session) if self.sanctions.by_room else ():
            # (A ban of an address hits who comes from there, while their account stays a member.)
            if self.sanctions.find(BAN, room, session, session.account) is not None:
                self.rooms.leave(session, room)
        if self.rooms.lobby is not None and session.account is None:
            self.room_events.tell_lobby(self.rooms.lobby, JOINED, session)
        self.activity.note(f"{session.name.shown} joined from {session.sender.ip} ({session.gateway})")
        if session.account is None or len(session.account.sessions) == 1:
            self.presence.came(session)

    def greet(self, session: Session) -> None:
        """Welcome a classic session, or tell a pending login how to log in, unless that has been done."""
        if not session.greeted:
            session.greeted = True
            if session in self.pending_logins:
                self._ask(session)
            else:
                self.welcome(session, None)

    def _ask(self, session: Session) -> None:
        try:
            self.pending_logins.count_asked(session)
        except ChatError as error:
            self.close(session, error.code, str(error), why="too many wait to log in")
        else:
            self.reply(session, None, LOG_IN.format(session.name.shown))

    def welcome(self, session: Session, packet: Packet | None, op: str = "ok", **data: Any) -> None:
        """Send the welcome, and tell in which rooms the user is muted, as that may have been decided while they were away."""
        # An unframed client should read it with one `recv`, and its name is in it twice.
        room = min(WELCOME_NAMES, MAX_UNFRAMED - WELCOME_REST - 2 * escaped_size(session.name.shown))
        others = online_users(*self.online.others(session, "", room))
        self.reply(session, packet, f"Welcome {session.name.shown}! Send /help to see the commands. {others}", op, **data)
        if session.away:
            self.reply(session, None, f"You are away: {session.away}. Send /back when you are here.", quotes=True)
        if self.sanctions.by_room:
            self.tell_mutes(session, None, *self.rooms.of(session))

    def tell_mutes(self, session: Session, *rooms: Room | None) -> None:
        """Tell a session in which of these rooms it is muted (None: on the whole server), by whom and for how long."""
        for room in rooms:
            if (mute := self.sanctions.find(MUTE, room, session, session.account)) is not None:
                self.reply(session, None, f"You are {mute.what(self.now())}.", quotes=True)

    def close(  # noqa: PLR0913 (what is said to the client, to the log, and to the others are three things)
        self,
        session: Session,
        code: str,
        goodbye: str,
        *,
        why: str,
        packet: Packet | None = None,
        goodbye_message: str = "",
        quotes: bool = False,
        ended: str = "",
    ) -> None:
        """End a session: send a goodbye, free its name, and close the connection when all is written.

        `code` is sent and counted, `why` is logged, and `goodbye_message` is shown to those who watch presence. `packet` is the
        one that asked for it, if one did. `quotes` says that the goodbye repeats what a user wrote. `ended` as in `leave`.
        """
        if session in self.online or session in self.pending_logins:
            self.reply(session, packet, goodbye, op="bye", quotes=quotes, code=code)
            self.leave(session, why, goodbye_message, code, ended)
            session.client.disconnect(code, goodbye)

    def leave(self, session: Session, why: str, goodbye_message: str = "", code: str = HUNG_UP, ended: str = "") -> None:
        """Forget a session that has ended, in whatever way; its name is free at once. `why` is logged, `code` is counted.

        Those in the rooms of a guest are told what others did to end it (`ended`), or the guest's own `goodbye_message`.
        """
        goodbye_message = goodbye_message and own_words(goodbye_message)
        self.keepalive.forget(session)
        self.presence.forget(session)
        self.pending_logins.remove(session)
        if session.oper is not None:
            self.borrowed_rights.end(session)
        if self.uploads.tickets:
            self.uploads.left(session)
        if self.online.free(session):
            self.counts.closed[session.gateway, code] += 1
            left = self.rooms.depart(session)
            self.cursors.left(session)
            self.activity.note(f"{session.name.shown} left: {visible(why, 200)}")
            if session.account is None or not session.account.sessions:  # (before the rooms, which may be told at once)
                shown = goodbye_message and self.sanctions.may_speak(session, None)
                self.presence.went(session, goodbye_message if shown else "", left)
            if left and session.account is None:
                self.departures.gone(session, left, goodbye_message, code, ended)

    def _login_timed_out(self, session: Session) -> None:
        """Close a pending login whose time is up."""
        self.close(session, "AUTH_REQUIRED", "Connection closed: you did not log in in time.", why="did not log in")

    def _ping(self, session: Session) -> None:
        self.reply(session, None, "", op="ping", t=int(self.now() * 1000))

    def _ping_timed_out(self, session: Session) -> None:
        self.close(session, "IDLE", "Connection closed: you did not answer a ping.", why="no answer to a ping")
