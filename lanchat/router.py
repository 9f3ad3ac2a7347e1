"""Router: where each packet goes. It owns the registry and the clock, and every gateway holds the same one.

Nothing here waits, and nothing here knows a socket: what it wants of a connection is `IClient`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Coroutine, Iterable
from itertools import count
from typing import Any

from twisted.logger import Logger
from twisted.python.failure import Failure

from lanchat.cursors import Cursors
from lanchat.delivery import DELIVERIES_A_PACKET, Delivery
from lanchat.doorstep import Doorstep, Identity
from lanchat.errors import AuthRequired, BadFrom, ChatError, NameTaken, NoSuchTarget, Usage
from lanchat.interfaces import Clock, IClient, Store
from lanchat.journal import Journal
from lanchat.limits import Bucket, Limits
from lanchat.listing import online
from lanchat.names import key, parse as parse_name
from lanchat.packet import (
    EVERYONE,
    MAX_UNFRAMED,
    SERVER,
    Packet,
    Sender,
    ServerPacket,
    ServerX,
    SharedPacket,
    X,
    escaped_size,
    visible,
)
from lanchat.presence import Presence
from lanchat.pulse import Pulse
from lanchat.registry import Registry
from lanchat.replay import Replay
from lanchat.rooms import MARK, Room, Rooms
from lanchat.sanctions import Sanction, Sanctions
from lanchat.session import Account, Session
from lanchat.voice import SURE_TO_FIT, Voice, check_growth

#: Bytes of names in a welcome, which must not grow with the crowd, and of all that is not names.
WELCOME_NAMES, WELCOME_REST = 256, 200
#: What is listed of so many names costs a sender as much as another packet.
NAMES_A_PACKET = 100
#: What a stranger is told.
LOG_IN = "The name {} is an account's. Send /login PASSWORD, or connect again with another name."

_EVERYONE = key(EVERYONE)
_log = Logger()

#: Runs the command that a packet is addressed to; raises `ChatError`. What may take a while is returned, to be waited for.
RunCommand = Callable[["Router", Session, Packet], Coroutine[Any, Any, None] | None]


class Router:
    """Decides where packets go and hands them to the clients of the recipients."""

    def __init__(self, clock: Clock, run_command: RunCommand, instance: str, now: Callable[[], float] = time.time) -> None:
        """`instance` is unique to this run of the server: the ids of messages begin with it.

        `clock` is for what waits and only goes forward; `now` is the time of day, which people set.
        """
        self.clock = clock
        self.now = now
        self._new_id = map(f"{instance}.".__add__, map(str, count(1))).__next__
        self.limits = Limits()
        self.registry = Registry()
        self.rooms = Rooms()
        self.voice = Voice(clock, self.limits, now)
        self.reply, self.charge, self.timestamp = self.voice.reply, self.voice.charge, self.voice.timestamp
        self.sanctions = Sanctions(self.limits, now)
        self.delivery = Delivery(self.registry, self.voice, self.sanctions, self._new_id)
        self.replay = Replay(self.delivery, self.voice)
        self.cursors = Cursors(clock, self.delivery)
        self.doorstep = Doorstep(clock)
        self.journal = Journal(clock)
        self.presence = Presence(clock, self.timestamp)
        self.pulse = Pulse(clock, self._ping, self._give_up)
        #: Messages relayed, and packets refused, since the start.
        self.relayed = self.refused = 0
        #: Whether guests are turned away.
        self.accounts_only = False
        #: How people show who they are; set when the server starts.
        self.identity: Identity
        self._run_command = run_command

    @property
    def store(self) -> Store:
        """What is kept."""
        return self.delivery.store

    def begin(self, store: Store, accounts: list[Account], rooms: list[Room], sanctions: Iterable[Sanction] = ()) -> None:
        """The store is open: this is what it knows of."""
        self.delivery.store = store
        for account in accounts:
            self.registry.reserve(account)
        for room in rooms:
            self.rooms.add(room)
        self.sanctions.begin(store, sanctions)

    # Coming and going.

    def open(self, text: str, client: IClient, address: str, gateway: str) -> Session:
        """Give a connection a name, and so a session; raises `BadName`, `NameTaken` or `Banned`.

        The name of an account is given to whoever logs in: until then the session is a stranger's, and has no name.
        """
        packets = Bucket(self.limits, "packets")
        session = Session(parse_name(text), client, address, gateway, self.now(), packets, self.clock.seconds())
        account = self.registry.account(session.name.key)
        self.sanctions.meet(session, account)
        if account is not None:
            self.doorstep.wait(session, account, self._gave_up)
        elif self.accounts_only:
            raise AuthRequired("Only those with an account may enter. Ask the operator for one, then open with its name.")
        else:
            self._enter(session)
        return session

    def admit(self, session: Session, account: Account) -> None:
        """A session is this account's from now on: a stranger's that has logged in, or a guest's who has made it."""
        self.sanctions.meet(session, account)
        self.doorstep.leave(session)
        session.account, session.role = account, account.role
        if session in self.registry:
            account.sessions.append(session)
            for room in self.rooms.of_guest(session):
                self.rooms.leave(session, room)
        else:
            session.name = account.name
            session.sender = Sender(account.name.shown, session.sender.ip)
            self._enter(session)

    def own(self, account: Account, maker: Session | None = None) -> None:
        """A name has become an account's. A guest that has it, and did not make it one, must come again and log in."""
        holder = self.registry.find(account.name.key)
        if holder is not None and holder is not maker:
            goodbye = f"The name {account.name.shown} is an account's now. If it is yours, log in; else come back with another."
            self.close(holder, NameTaken.code, goodbye, why="the name was made an account")
        self.registry.reserve(account)
        self.journal.note(f"{account.name.shown} is an account now")

    def account_of(self, name: str) -> Account:
        """The account of that name; raises `NoSuchTarget`."""
        account = self.registry.account(name.strip().removeprefix("@"))
        if account is None:
            raise NoSuchTarget(f"There is no account {visible(name, 40) or '(no name)'}.")
        return account

    def _enter(self, session: Session) -> None:
        self.registry.take(session)
        self.rooms.arrive(session)
        self.journal.note(f"{session.name.shown} joined from {session.sender.ip} ({session.gateway})")
        if session.account is None or len(session.account.sessions) == 1:
            self.presence.came(session.name.shown)

    def greet(self, session: Session) -> None:
        """Welcome a classic session, unless it has been welcomed; tell a stranger how to log in."""
        if not session.greeted:
            session.greeted = True
            if session in self.doorstep:
                self._ask(session)
            else:
                self.reply(session, None, self.welcome_text(session))

    def _ask(self, session: Session) -> None:
        try:
            self.doorstep.ask(session)
        except ChatError as error:
            self.close(session, error.code, str(error), why="too many wait to log in")
        else:
            self.reply(session, None, LOG_IN.format(session.name.shown))

    def welcome_text(self, session: Session) -> str:
        """The welcome, for people."""
        # An unframed client should read it with one `recv`, and its name is in it twice.
        room = min(WELCOME_NAMES, MAX_UNFRAMED - WELCOME_REST - 2 * escaped_size(session.name.shown))
        others = self.registry.others(session, "", room)
        return f"Welcome {session.name.shown}! Send /help to see the commands. {online(*others)}"

    def close(  # noqa: PLR0913 (what is said to the client, to the log, and to the others are three things)
        self, session: Session, code: str, goodbye: str, *, why: str, packet: Packet | None = None, last_words: str = ""
    ) -> None:
        """End a session on purpose: a goodbye, its name is free, the connection closes when all is written."""
        if session in self.registry or session in self.doorstep:
            self.reply(session, packet, goodbye, op="bye", code=code)
            self.leave(session, why, last_words)
            session.client.disconnect()

    def leave(self, session: Session, why: str, last_words: str = "") -> None:
        """A session ended, in whatever way: its name is free at once."""
        self.pulse.forget(session)
        self.presence.forget(session)
        self.doorstep.leave(session)
        if self.registry.free(session):
            self.rooms.depart(session)
            self.cursors.left(session)
            self.journal.note(f"{session.name.shown} left: {visible(why, 200)}")
            if session.account is None or not session.account.sessions:
                self.presence.went(session.name.shown, last_words if session.barred is None else "")

    # What comes in.

    def receive(self, session: Session, packet: Packet | ChatError) -> None:
        """Take one packet of a client's, or what was wrong with it: routed, and answered if it was wrong.

        A fault of ours is logged with its traceback and costs this connection only.
        """
        try:
            if isinstance(packet, ChatError):
                raise packet
            if not session.greeted and not packet.is_hello:
                self.greet(session)
            if session.caps is not None and packet.from_.name and key(packet.from_.name) != session.name.key:
                raise BadFrom(f"You are {session.name.shown}; a packet that claims another name is not passed on.")
            if packet.to[:1] != "/":
                self.say(session, packet)
            elif (work := self._run_command(self, session, packet)) is not None:
                session.client.perform(self._finish(session, packet, work), hold=True)
        except Exception as error:  # noqa: BLE001 (nothing that one client sends may end the others)
            self._went_wrong(session, packet, error)

    async def _finish(self, session: Session, packet: Packet, work: Coroutine[Any, Any, None]) -> None:
        """The rest of a command that had to wait for something."""
        try:
            await work
        except Exception as error:  # noqa: BLE001 (as above)
            self._went_wrong(session, packet, error)

    def _went_wrong(self, session: Session, packet: Packet | ChatError, error: Exception) -> None:
        asked = packet if isinstance(packet, Packet) else None
        if isinstance(error, ChatError):
            self.refuse(session, error, asked)
            return
        _log.failure("a packet of {name} was not served", Failure(error), name=session.name.shown)
        goodbye = "The server made a mistake and closes this connection. Sorry."
        self.close(session, "INTERNAL", goodbye, why="a fault of the server", packet=asked)

    def say(self, session: Session, packet: Packet) -> None:
        """Pass on what somebody says, to a person, a room or everyone else, and acknowledge it. Raises `NoSuchTarget`.

        What one guest says to another goes straight on; what rooms and accounts are concerned with is kept first.
        """
        if session.barred is not None:
            session.barred()
        recipient = self.registry.find(packet.to)
        if recipient is None or session.account is not None or recipient.account is not None:
            self._say_further(session, packet, recipient)
            return
        x = None
        if session.caps is not None or recipient.caps is not None:  # or nobody would see it
            x = self._stamp(packet, f"@{session.name.shown}")
        message = ServerPacket(session.sender, recipient.name.shown, packet.msg, x)
        if len(packet.msg) > SURE_TO_FIT:
            check_growth(message)
        recipient.client.deliver(message)
        self.relayed += 1
        if x is not None:
            self._acknowledge(session, packet, x)

    def _say_further(self, session: Session, packet: Packet, recipient: Session | None) -> None:
        if packet.to.startswith(MARK):
            self.delivery.to_room(session, packet, self.rooms.get(packet.to, session))
        elif (account := self.registry.account(packet.to)) is not None:
            self.delivery.to_account(session, packet, account)
        elif recipient is not None:
            self.delivery.to_guest(session, packet, recipient)
        else:
            self._say_to_everyone(session, packet)

    def _say_to_everyone(self, session: Session, packet: Packet) -> None:
        if key(packet.to) != _EVERYONE:
            raise NoSuchTarget(f"The user {visible(packet.to, 40) or '(no name)'} is not available. Send /list to see who is.")
        if not packet.msg.strip():
            raise Usage("Usage: /shout TEXT (say something to everyone)")
        self.charge(session, len(self.registry) / DELIVERIES_A_PACKET)
        x = self._stamp(packet, EVERYONE)
        message = SharedPacket(session.sender, EVERYONE, packet.msg, x)
        check_growth(message)
        for recipient in self.registry:
            if recipient is not session:
                recipient.client.deliver(message)
                self.relayed += 1
        n = len(self.registry) - 1  # an account with several connections is one user
        told = f"Message sent to {n} users"
        if not self._acknowledge(session, packet, x, told, n=n) and session.confirms:
            self.reply(session, packet, told, n=n)

    def _stamp(self, packet: Packet, conv: str) -> ServerX:
        """What a message is known by: its id, its time and its conversation."""
        re = packet.x.re if packet.x is not None else None
        return ServerX(id=self._new_id(), ts=self.timestamp(), conv=conv, re=re)

    def _acknowledge(self, session: Session, packet: Packet, stamp: ServerX, told: str = "", n: int | None = None) -> bool:
        """Tell the sender what its message is known by, if it wants to know; whether it did."""
        cid = packet.x.cid if packet.x is not None and session.may("ack") else None
        if cid is not None:
            self.voice.answer(session, cid, told, op="ack", id=stamp.id, ts=stamp.ts, state="relayed", n=n)
        return cid is not None

    # What goes out.

    def refuse(self, session: Session, error: ChatError, packet: Packet | None = None) -> None:
        """Answer what was wrong; a client that goes on and on is closed."""
        self.greet(session)
        self.refused += 1
        if packet is None and error.cid is not None:
            packet = Packet(SERVER, "", "", X(cid=error.cid))
        self.reply(session, packet, str(error), op="fail", code=error.code, retry_ms=error.retry_ms)
        if why := session.offended(error, self.clock.seconds(), self.limits["bad"]):
            self.limits.met["bad"] += 1
            self.close(session, error.code, f"The connection is closed: {why}.", why=why)

    def _gave_up(self, session: Session) -> None:
        """A stranger has not logged in in time."""
        self.close(session, "AUTH_REQUIRED", "You are closed: nobody logged in.", why="did not log in")

    def _ping(self, session: Session) -> None:
        self.reply(session, None, "", op="ping", t=int(self.now() * 1000))

    def _give_up(self, session: Session) -> None:
        self.close(session, "IDLE", "You are closed: no answer came to a ping.", why="no answer to a ping")
