"""Router: where each packet goes. Every gateway holds the same one.

Nothing here waits, and nothing here knows a socket: what it wants of a connection is `IClient`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Coroutine
from itertools import groupby
from operator import attrgetter
from typing import Any

import msgspec
from twisted.logger import Logger
from twisted.python.failure import Failure

from lanchat.core.chat import Chat
from lanchat.core.replies import SURE_TO_FIT, check_growth
from lanchat.model.room import MARK
from lanchat.model.session import Session
from lanchat.protocol.errors import BadFrom, ChatError, ClientGone, Full, Muted, NoSuchTarget, NotMember, Usage
from lanchat.protocol.interfaces import Clock
from lanchat.protocol.names import key
from lanchat.protocol.packet import EVERYONE, SERVER, Packet, ServerPacket, ServerX, SharedPacket, X, visible

#: What is listed of so many names costs a sender as much as another packet.
NAMES_A_PACKET = 100

_EVERYONE = key(EVERYONE)
_TO = attrgetter("to")
_log = Logger("lanchat.router")

#: Runs the command that a packet is addressed to; raises `ChatError`. What may take a while is returned, to be waited for.
RunCommand = Callable[["Router", Session, Packet], Coroutine[Any, Any, None] | None]


class Router(Chat):
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
            if _pretends(session, packet):
                raise BadFrom(f"You are {session.name.shown}; a packet that claims another name is not passed on.")
            if packet.to[:1] != "/":
                self.say(session, packet)
            elif (work := self._run_command(self, session, packet)) is not None:
                session.client.perform(self._finish(session, packet, work), hold=True)
        except Exception as error:  # noqa: BLE001 (nothing that one client sends may end the others)
            self._went_wrong(session, packet, error)

    def relay(self, session: Session, packets: list[Packet]) -> int:
        """Pass on what one guest says to others, all to the same one together; how many packets that was, from the first on.

        From the first that is anything else they are for `receive`, one at a time. They were lines, read at once, of a
        session that has been greeted.
        """
        if session.account is not None or session.barred is not None:
            return 0
        relayed, capable = 0, session.caps is not None
        runs = [packets] if len(packets) == 1 else [list(run) for _, run in groupby(packets, _TO)]
        try:
            for run in runs:
                recipient = self.online.find(run[0].to)
                if recipient is None or recipient.account is not None or recipient is session:
                    break  # (who says too much to itself is closed by that, and must be heard no more)
                if capable and any(_pretends(session, packet) for packet in run):
                    break
                if capable and len(packets) > 1 and (recipient.client.behind() or session not in self.online):
                    break  # who reads too little is closed, perhaps by one of these
                self._pass_on(session, recipient, run)
                relayed += len(run)
        except Exception as error:  # noqa: BLE001 (as in `receive`)
            self._went_wrong(session, packets[relayed], error)
        return relayed

    async def _finish(self, session: Session, packet: Packet, work: Coroutine[Any, Any, None]) -> None:
        """The rest of a command that had to wait for something."""
        began = self.clock.seconds()
        try:
            await work
        except Exception as error:  # noqa: BLE001 (as above)
            self._went_wrong(session, packet, error)
        if session.refused is not None:
            session.refused.held(self.clock.seconds() - began)

    def _went_wrong(self, session: Session, packet: Packet | ChatError, error: Exception) -> None:
        asked = packet if isinstance(packet, Packet) else None
        if isinstance(error, ClientGone):
            return
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
        recipient = self.online.find(packet.to)
        if recipient is None and packet.to[:1] == "@":  # as people write it; no name begins so
            packet = msgspec.structs.replace(packet, to=packet.to[1:])
            recipient = self.online.find(packet.to)
        try:
            if session.barred is not None:
                session.barred()
            if recipient is None or session.account is not None or recipient.account is not None:
                self._say_further(session, packet, recipient)
                return
        except (NoSuchTarget, NotMember, Muted) as refusal:
            if not self.delivery.may_be_repeat(session, packet):
                raise
            answer = self.delivery.answer_repeat(session, packet, refusal)
            session.client.perform(self._finish(session, packet, answer), hold=True)
            return
        self._pass_on(session, recipient, [packet])

    def _pass_on(self, session: Session, recipient: Session, packets: list[Packet]) -> None:
        """Deliver what one guest says to another, and acknowledge it. Raises `TooBig` for one that came alone."""
        sender, to = session.sender, recipient.name.shown
        if session.caps is None and recipient.caps is None:  # nobody would see by what they are known
            messages = [ServerPacket(sender, to, packet.msg) for packet in packets]
        else:
            conv = f"@{session.name.shown}"
            messages = [ServerPacket(sender, to, packet.msg, self._stamp(packet, conv)) for packet in packets]
        if len(messages[0].msg) > SURE_TO_FIT:
            check_growth(messages[0])  # (of many that were read at once none is so long)
        recipient.client.deliver_all(messages)
        self.counts.relayed += len(messages)
        if session.caps is not None:
            for packet, message in zip(packets, messages, strict=True):
                if message.x is not None:
                    self._acknowledge(session, packet, message.x)

    def _say_further(self, session: Session, packet: Packet, recipient: Session | None) -> None:
        if packet.to.startswith(MARK):
            self.delivery.to_room(session, packet, self.rooms.get(packet.to, session))
        elif (account := self.online.account(packet.to)) is not None:
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
        self.replies.charge_for(session, len(self.online), packet.msg)
        x = self._stamp(packet, EVERYONE)
        message = SharedPacket(session.sender, EVERYONE, packet.msg, x)
        check_growth(message)
        recipients = [recipient for recipient in self.online if recipient is not session]
        for recipient in recipients:
            recipient.client.deliver(message)
        self.counts.relayed += len(recipients)
        n = len(self.online) - 1  # an account with several connections is one user
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
            self.replies.answer(session, cid, told, op="ack", id=stamp.id, ts=stamp.ts, state="relayed", n=n)
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
        self.reply(session, packet, str(error), op="fail", quotes=error.quotes, code=error.code, retry_ms=error.retry_ms)
        if why := session.offended(error, self.clock.seconds(), self.limits["bad"]):
            self.limits.met["bad"] += 1
            self.close(session, error.code, f"The connection is closed: {why}.", why=why)


def _pretends(session: Session, packet: Packet) -> bool:
    """Whether a capable client's packet claims to be from somebody else; in a classic one nobody looks at that."""
    return session.caps is not None and bool(packet.from_.name) and key(packet.from_.name) != session.name.key
