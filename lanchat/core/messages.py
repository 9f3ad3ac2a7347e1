"""Messages: what somebody says goes to whom it is for, or into the log first, and is acknowledged."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from lanchat.core.delivery import Delivery
from lanchat.core.online import OnlineUsers
from lanchat.core.replies import SURE_TO_FIT, Replies, check_growth
from lanchat.core.rooms import Rooms
from lanchat.model.room import MARK
from lanchat.model.session import Session
from lanchat.protocol.counts import Counts
from lanchat.protocol.errors import Muted, NoSuchTarget, NotMember, Usage
from lanchat.protocol.interfaces import Work
from lanchat.protocol.names import key
from lanchat.protocol.packet import EVERYONE, Packet, ServerPacket, ServerX, SharedPacket, visible

_EVERYONE = key(EVERYONE)


class Messages:
    """Passes on what people say."""

    def __init__(  # noqa: PLR0913, PLR0917 (it is made in one place)
        self,
        online: OnlineUsers,
        rooms: Rooms,
        replies: Replies,
        delivery: Delivery,
        counts: Counts,
        new_id: Callable[[], str],
    ) -> None:
        """`new_id` makes the ids of what is relayed and not stored."""
        self._online = online
        self._rooms = rooms
        self._replies = replies
        self._delivery = delivery
        self._counts = counts
        self._new_id = new_id

    def say(self, session: Session, packet: Packet) -> Work | None:
        """Pass on what somebody says, to a person, a room or everyone else, and acknowledge it. Raises `NoSuchTarget`.

        What one guest says to another goes straight on; what rooms and accounts are concerned with is kept first.
        """
        recipient = self._online.find(packet.to)
        if recipient is None and packet.to[:1] == "@":  # as people write it; no name begins so
            packet = msgspec.structs.replace(packet, to=packet.to[1:])
            recipient = self._online.find(packet.to)
        try:
            if session.barred is not None:
                session.barred()
            if recipient is None or session.account is not None or recipient.account is not None:
                return self._say_further(session, packet, recipient)
        except (NoSuchTarget, NotMember, Muted) as refusal:
            if not self._delivery.may_be_repeat(session, packet):
                raise
            return self._delivery.answer_repeat(session, packet, refusal)
        self.pass_on(session, recipient, [packet])
        return None

    def pass_on(self, session: Session, recipient: Session, packets: list[Packet]) -> None:
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
        self._counts.relayed += len(messages)
        if session.caps is not None:
            for packet, message in zip(packets, messages, strict=True):
                if message.x is not None:
                    self._acknowledge(session, packet, message.x)

    def _say_further(self, session: Session, packet: Packet, recipient: Session | None) -> Work | None:
        if packet.to.startswith(MARK):
            return self._delivery.to_room(session, packet, self._rooms.get(packet.to, session))
        if (account := self._online.account(packet.to)) is not None:
            return self._delivery.to_account(session, packet, account)
        if recipient is not None:
            return self._delivery.to_guest(session, packet, recipient)
        self._say_to_everyone(session, packet)
        return None

    def _say_to_everyone(self, session: Session, packet: Packet) -> None:
        if key(packet.to) != _EVERYONE:
            raise NoSuchTarget(f"The user {visible(packet.to, 40) or '(no name)'} is not available. Send /list to see who is.")
        if not packet.msg.strip():
            raise Usage("Usage: /shout TEXT (say something to everyone)")
        self._replies.charge_for(session, len(self._online), packet.msg)
        x = self._stamp(packet, EVERYONE)
        message = SharedPacket(session.sender, EVERYONE, packet.msg, x)
        check_growth(message)
        recipients = [recipient for recipient in self._online if recipient is not session]
        for recipient in recipients:
            recipient.client.deliver(message)
        self._counts.relayed += len(recipients)
        n = len(self._online) - 1  # an account with several connections is one user
        told = f"Message sent to {n} users"
        if not self._acknowledge(session, packet, x, told, n=n) and session.confirms:
            self._replies.reply(session, packet, told, n=n)

    def _stamp(self, packet: Packet, conv: str) -> ServerX:
        """What a message is known by: its id, its time and its conversation."""
        re = packet.x.re if packet.x is not None else None
        return ServerX(id=self._new_id(), ts=self._replies.timestamp(), conv=conv, re=re)

    def _acknowledge(self, session: Session, packet: Packet, stamp: ServerX, told: str = "", n: int | None = None) -> bool:
        """Tell the sender what its message is known by, if it wants to know; whether it did."""
        cid = packet.x.cid if packet.x is not None and session.may("ack") else None
        if cid is not None:
            self._replies.answer(session, cid, told, op="ack", id=stamp.id, ts=stamp.ts, state="relayed", n=n)
        return cid is not None
