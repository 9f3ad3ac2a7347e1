"""Messages: the way of a message from the packet that says it to the acknowledgement, in five steps.

1. Find whom it is for: a user, a room, or everyone.
2. Check that the sender may say this there now, and charge what it costs.
3. Record it. A message between guests, or to everyone, is *relayed*: it gets an id and a time, and is kept nowhere. A message
   in a room, or from or to an account, is *stored* (`lanchat.core.stored_messages` has its further steps).
4. Deliver it to the clients of those who read it.
5. Acknowledge it to the sender.

The code is in this order: step 1 for all messages, then the others for relayed ones.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import chain, groupby
from operator import attrgetter

import msgspec

from lanchat.core import resending
from lanchat.core.delivery import Delivery
from lanchat.core.forms import said
from lanchat.core.replies import SURE_TO_FIT, Replies, check_growth
from lanchat.core.stored_messages import StoredMessages
from lanchat.model.conversation import of_two, with_guest
from lanchat.model.names import key
from lanchat.model.room import MARK
from lanchat.model.session import Session
from lanchat.protocol.counts import Counts
from lanchat.protocol.entry import ACTION, NOTICE
from lanchat.protocol.errors import BadPacket, Muted, NoSuchTarget, NotMember, Usage
from lanchat.protocol.extensions import ServerX
from lanchat.protocol.interfaces import Work
from lanchat.protocol.packet import EVERYONE, Packet, ServerPacket, SharedPacket
from lanchat.protocol.tags import check_tags
from lanchat.state.online import OnlineUsers, unknown_user
from lanchat.state.rooms import Rooms

_EVERYONE = key(EVERYONE)
_TO = attrgetter("to")


class Messages:
    """Passes on what users say."""

    def __init__(  # noqa: PLR0913, PLR0917 (it is made in one place)
        self,
        online: OnlineUsers,
        rooms: Rooms,
        replies: Replies,
        delivery: Delivery,
        counts: Counts,
        new_id: Callable[[], str],
        stored: StoredMessages,
    ) -> None:
        """`new_id` makes the ids of messages that are kept nowhere; `stored` has the further steps of those that are stored."""
        self._online = online
        self._rooms = rooms
        self._replies = replies
        self._delivery = delivery
        self._counts = counts
        self._new_id = new_id
        self._stored = stored

    def say(self, session: Session, packet: Packet, kind: str | None = None) -> Work | None:
        """Pass on a message of this session's. Raises a `ChatError` if it is refused.

        It is of this `kind` (`NOTICE` or `ACTION`; None: an ordinary message), or of that in `x` of a capable client's packet.
        What has to wait is returned: until it is done, nothing else that comes from this client is served.
        """
        if packet.x is not None and packet.x.kind is not None and session.caps is not None:
            kind = _kind(packet.x.kind)
        if packet.x is not None and packet.x.tags is not None and session.caps is not None:
            self._check_tags(session, packet.to, packet.x.tags)
        # 1. Find.
        session.spoke = session.heard
        recipient = self._online.find(packet.to)
        if recipient is None and packet.to[:1] == "@":  # as people write it; no name begins so
            packet = msgspec.structs.replace(packet, to=packet.to[1:])
            recipient = self._online.find(packet.to)
        try:
            if session.speech_check is not None:
                session.speech_check()
            if recipient is None or session.account is not None or recipient.account is not None:
                return self._find_further(session, packet, kind, recipient)
        except (NoSuchTarget, NotMember, Muted) as refusal:
            if not resending.may_be_repeat(session, packet) or not self._delivery.store.stores_messages:
                raise
            sent = resending.as_entry(session, packet, kind, self._replies.now())
            return resending.answer_repeat(self._delivery, self._replies, session, sent, refusal)
        self.relay(session, recipient, [packet], kind)
        return None

    def relay_runs(self, session: Session, packets: list[Packet]) -> int:
        """Relay packets that were read at once, those in a row to the same guest together; returns how many were relayed.

        It ends before the first packet that is anything but a message between guests, or that has to be looked at by itself.
        """
        # 1. Find.
        relayed = 0
        if session.account is not None or session.speech_check is not None:
            return relayed
        for run in [packets] if len(packets) == 1 else [list(run) for _, run in groupby(packets, _TO)]:
            recipient = self._online.find(run[0].to)
            if recipient is None or recipient.account is not None or recipient is session:
                break  # (one that writes too much to itself is closed for that, and no later packet counts)
            if session.caps is not None:
                if any(map(session.is_special, run)):
                    break
                if len(packets) > 1 and (recipient.client.behind() or session not in self._online):
                    break  # (a client that reads too slowly is closed, perhaps for one of these)
            self.relay(session, recipient, run)
            session.spoke = session.heard
            relayed += len(run)
        return relayed

    def _find_further(self, session: Session, packet: Packet, kind: str | None, recipient: Session | None) -> Work | None:
        """Find whom a message is for that is not from one guest to another."""
        if packet.to.startswith(MARK):
            room = self._rooms.get(packet.to, session)
            return self._stored.say(session, packet, kind, room.conv, room.name, room)
        mine, account = session.account, self._online.account(packet.to)
        if account is not None:
            name = account.name.shown
            if mine is None:
                return self._stored.say(session, packet, kind, with_guest(account.id, session.name.key), name, account, account)
            return self._stored.say(session, packet, kind, of_two(account.id, mine.id), name, account, account, mine)
        if recipient is not None:
            assert mine is not None  # noqa: S101 (what guests say to each other is relayed)
            conv = with_guest(mine.id, recipient.name.key)
            return self._stored.say(session, packet, kind, conv, recipient.name.shown, recipient, mine)
        self._relay_to_everyone(session, packet, kind)
        return None

    def _check_tags(self, session: Session, to: str, tags: Mapping[str, str]) -> None:
        """Check the tags of a message, and charge for delivering them. Raises `BadPacket` or `RateLimited`."""
        check_tags(tags)
        room = self._rooms.find(to) if to.startswith(MARK) else None
        readers = len(room.sessions) if room is not None else len(self._online) if key(to) == _EVERYONE else 1
        self._replies.charge_for(session, readers, "".join(chain(*tags.items())))

    # Relayed messages.

    def relay(self, session: Session, recipient: Session, packets: list[Packet], kind: str | None = None) -> None:
        """Pass on messages from one guest to another. Raises `TooBig` for a single one that is too big when written out."""
        # 2. Check: between guests there is nothing to check, or to charge besides the packets themselves.
        # 3. Record: if no client is told the ids and times, there is no need to make any.
        sender, to = session.sender, recipient.name.shown
        acknowledged = session.caps is not None and "ack" in session.caps
        if not acknowledged and (recipient.caps is None or not recipient.client.shows_ids) and kind is None:
            messages = [ServerPacket(sender, to, packet.msg) for packet in packets]
        else:
            conv = f"@{session.name.shown}"
            messages = [ServerPacket(sender, to, packet.msg, self._stamp(session, packet, conv)) for packet in packets]
        if len(messages[0].msg) > SURE_TO_FIT:
            check_growth(messages[0])  # (of many that were read at once none is so long)
        # 4. Deliver.
        recipient.client.deliver_all(messages if kind is None else [said(one, kind).shown_to(recipient) for one in messages])
        self._counts.relayed += len(messages)
        # 5. Acknowledge.
        if acknowledged:
            for packet, message in zip(packets, messages, strict=True):
                if message.x is not None:
                    self._replies.acknowledge_relayed(session, packet, message.x)
        if recipient.guest_away:
            self._replies.tell_away(session, recipient)

    def _relay_to_everyone(self, session: Session, packet: Packet, kind: str | None) -> None:
        if key(packet.to) != _EVERYONE:
            raise unknown_user(packet.to)
        # 2. Check.
        if not packet.msg.strip():
            raise Usage("Usage: /shout TEXT (say something to everyone)")
        self._replies.charge_for(session, len(self._online), packet.msg)
        # 3. Record.
        x = self._stamp(session, packet, EVERYONE)
        message = SharedPacket(session.sender, EVERYONE, packet.msg, x)
        check_growth(message)
        # 4. Deliver.
        recipients = [recipient for recipient in self._online if recipient is not session]
        forms = None if kind is None else said(message, kind)
        for recipient in recipients:
            recipient.client.deliver(message if forms is None else forms.shown_to(recipient))
        self._counts.relayed += len(recipients)
        # 5. Acknowledge.
        n = len(self._online) - 1  # an account with several connections is one user
        told = f"Message sent to {n} users"
        if not self._replies.acknowledge_relayed(session, packet, x, told, n=n) and session.confirms:
            self._replies.reply(session, packet, told, n=n)

    def _stamp(self, session: Session, packet: Packet, conv: str) -> ServerX:
        """The id, the time and the conversation of a message that is relayed now."""
        re = tags = None
        if packet.x is not None:
            re, tags = packet.x.re, packet.x.tags if session.caps is not None else None
        return ServerX(id=self._new_id(), ts=self._replies.timestamp(), conv=conv, re=re, tags=tags)


def _kind(text: str) -> str:
    """The kind of a message in a packet. Raises `BadPacket` if there is no such kind that users may give."""
    if text not in (NOTICE, ACTION):
        raise BadPacket(f"That is not a packet: x.kind is {NOTICE} or {ACTION}, or left out.")
    return text
