"""Router: where each packet goes. Every gateway holds the same one.

Nothing here waits, and nothing here knows a socket: what it wants of a connection is `IClient`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Coroutine
from typing import Any

from twisted.logger import Logger
from twisted.python.failure import Failure

from lanchat.delivery import DELIVERIES_A_PACKET
from lanchat.errors import BadFrom, ChatError, Full, NoSuchTarget, Usage
from lanchat.house import House
from lanchat.interfaces import Clock
from lanchat.names import key
from lanchat.packet import (
    EVERYONE,
    SERVER,
    Packet,
    ServerPacket,
    ServerX,
    SharedPacket,
    X,
    visible,
)
from lanchat.rooms import MARK
from lanchat.session import Session
from lanchat.voice import SURE_TO_FIT, check_growth

#: What is listed of so many names costs a sender as much as another packet.
NAMES_A_PACKET = 100

_EVERYONE = key(EVERYONE)
_log = Logger()

#: Runs the command that a packet is addressed to; raises `ChatError`. What may take a while is returned, to be waited for.
RunCommand = Callable[["Router", Session, Packet], Coroutine[Any, Any, None] | None]


class Router(House):
    """Decides where packets go and hands them to the clients of the recipients."""

    def __init__(self, clock: Clock, run_command: RunCommand, instance: str, now: Callable[[], float] = time.time) -> None:
        """`instance` is unique to this run of the server: the ids of messages begin with it.

        `clock` is for what waits and only goes forward; `now` is the time of day, which people set.
        """
        super().__init__(clock, instance, now)
        self._run_command = run_command

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
        self.counts.relayed += 1
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
        recipients = [recipient for recipient in self.registry if recipient is not session]
        for recipient in recipients:
            recipient.client.deliver(message)
        self.counts.relayed += len(recipients)
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
        self.counts.refused[error.code] += 1
        if isinstance(error, Full) and error.limit:
            self.limits.met[error.limit] += 1
        if packet is None and error.cid is not None:
            packet = Packet(SERVER, "", "", X(cid=error.cid))
        self.reply(session, packet, str(error), op="fail", code=error.code, retry_ms=error.retry_ms)
        if why := session.offended(error, self.clock.seconds(), self.limits["bad"]):
            self.limits.met["bad"] += 1
            self.close(session, error.code, f"The connection is closed: {why}.", why=why)
