"""Delivery: what is said in rooms, and to and by accounts. It goes into the log, and once it is there, to those who read it.

Nothing is delivered, and nothing acknowledged, before the store gives it back.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import TypeAlias

from twisted.logger import Logger

from lanchat.core.online import OnlineUsers
from lanchat.core.replies import SURE_TO_FIT, Replies, check_growth
from lanchat.core.sanctions import Sanctions
from lanchat.model.conversation import of_two, with_guest
from lanchat.model.failed_writes import RETRY_MS, FailedWrites
from lanchat.model.room import MARK, Room
from lanchat.model.session import Account, Backlog, Session
from lanchat.protocol.counts import Counts
from lanchat.protocol.entry import RELAYED, Entry
from lanchat.protocol.errors import ChatError, NoSuchTarget, NotMember, NotStored
from lanchat.protocol.interfaces import Store, Work
from lanchat.protocol.packet import Packet, Sender, ServerPacket, ServerX, SharedPacket
from lanchat.store.accounts import AllowReading

NOT_STORED = "That could not be stored, so nobody got it. The server's disk may be full: try again later, or tell its operator."
BEHIND = "What was said before this could not be stored, so nobody got this either. Try again in a moment."
PERHAPS_STORED = "The server can't look now whether it has stored this before. Try again in a moment."

#: So many readers are dealt with in one turn of the reactor, and those of the message that is at work; it takes some 25 ms.
A_TURN = 5000

_log = Logger("lanchat.delivery")

#: Where something is said: in a room, to an account, or to somebody who has none.
To: TypeAlias = Room | Account | Session


class Delivery:
    """From a sender to the log, and from the log to those who read it."""

    #: Set when the server starts.
    store: Store

    def __init__(
        self, online: OnlineUsers, replies: Replies, sanctions: Sanctions, counts: Counts, new_id: Callable[[], str]
    ) -> None:
        """`new_id` makes the ids of what is kept nowhere."""
        self._online = online
        self._replies = replies
        self._sanctions = sanctions
        self._counts = counts
        self._new_id = new_id
        self._unkept: set[tuple[int, str]] = set()  # what accounts may read, and the disk may not know yet
        self._readers = 0  # how many were dealt with, once for each message; those that are too far behind to get it, too

    # Into the log.

    def to_room(self, session: Session, packet: Packet, room: Room) -> Work | None:
        """Say something in a room; raises `NotMember` or `Muted`."""
        if session not in room.sessions:
            raise NotMember(f"You are not in {room.name}. Send /join {room.name} to enter it.")
        self._sanctions.check_may_speak(session, room)
        self._replies.charge_for(session, len(room.sessions), packet.msg)
        return self._hand_in(session, packet, room.conv, room.name, room)

    def to_account(self, session: Session, packet: Packet, account: Account) -> Work | None:
        """Say something to whoever has this account, here or away."""
        if session.account is None:
            conv = with_guest(account.id, session.name.key)
            return self._hand_in(session, packet, conv, account.name.shown, account, account)
        conv = of_two(account.id, session.account.id)
        return self._hand_in(session, packet, conv, account.name.shown, account, account, session.account)

    def to_guest(self, session: Session, packet: Packet, guest: Session) -> Work | None:
        """An account says something to somebody who has none."""
        assert session.account is not None  # noqa: S101 (what guests say to each other is not kept)
        conv = with_guest(session.account.id, guest.name.key)
        return self._hand_in(session, packet, conv, guest.name.shown, guest, session.account)

    async def settled(self) -> None:
        """Wait until all that was handed in has come back, stored or not."""
        with suppress(NotStored):
            await self.store.settled()

    def _hand_in(self, session: Session, packet: Packet, conv: str, target: str, to: To, *readers: Account) -> Work | None:
        """Give it to the store; these may read what is said there from now on. If the store is full, wait until it is not."""
        x = packet.x
        author = session.account.id if session.account is not None else None
        cid, re = (None, None) if x is None else (x.cid, x.re)
        now = round(self._replies.now() * 1000)
        source = (session, to, "" if self.store.keeps else self._new_id())
        entry = Entry(conv, author, session.name.shown, session.sender.ip, target, packet.msg, now, re, cid, source)
        if len(packet.msg) > SURE_TO_FIT:
            check_growth(self.seen_by(None, entry))
        connections = sum([len(reader.sessions) for reader in readers])
        if connections > 2:  # (one of each is what the packet itself has cost)
            self._replies.charge_for(session, connections, packet.msg)
        self._check_turn(session, cid)
        for reader in readers:
            self._may_read(session, reader, conv)
        try:
            self.store.append(entry)
        except NotStored:
            self._not_taken(session, cid)
            raise
        session.pending += 1
        if not self.store.full:
            return None
        self._replies.limits.met["waiting"] += 1
        return self.settled()

    def _check_turn(self, session: Session, cid: str | None) -> None:
        """Raises `NotStored` for what would go past something that was refused, and that its client may send again."""
        if session.refused is not None and session.refused.stop(cid, self._replies.seconds()):
            self._not_taken(session, cid)
            raise NotStored(BEHIND, retry_ms=RETRY_MS)

    def _not_taken(self, session: Session, cid: str | None) -> None:
        """This is refused for now. What has no `cid` is never sent again by itself."""
        if cid is not None:
            session.refused = session.refused or FailedWrites()
            session.refused.add(cid, self._replies.seconds())

    def _may_read(self, session: Session, account: Account, conv: str) -> None:
        """The first word between two: each may read what is said there, and is owed it, from the beginning.

        Until the disk is known to have it, it goes before each word: if it fails so does the word behind it, but no later one.
        """
        if conv not in account.conversations or (account.id, conv) in self._unkept:
            account.conversations.setdefault(conv, 0)
            self._unkept.add((account.id, conv))
            session.client.perform(self._keep(account.id, conv), hold=False)

    async def _keep(self, account: int, conv: str) -> None:
        with suppress(NotStored):
            await self.store.write(AllowReading(account, conv))
            self._unkept.discard((account, conv))

    def may_be_repeat(self, session: Session, packet: Packet) -> bool:
        """Whether a packet has what a repeat is recognised by: an account as its author, and a `cid`."""
        return session.account is not None and self.store.keeps and packet.x is not None and packet.x.cid is not None

    async def answer_repeat(self, session: Session, packet: Packet, refusal: ChatError) -> None:
        """Answer a refused packet that may repeat a stored one; raises `refusal`, or `NotStored` if that can't be told now."""
        author, cid = session.account, packet.x.cid if packet.x is not None else None
        assert author is not None  # noqa: S101 (`may_be_repeat`)
        now, sender = round(self._replies.now() * 1000), session.sender
        sent = Entry("", author.id, sender.name, sender.ip, packet.to.strip(), packet.msg, now, None, cid)
        try:
            known = await self.store.find_repeated(sent)
        except NotStored:
            self._not_taken(session, cid)
            raise NotStored(PERHAPS_STORED, retry_ms=RETRY_MS) from None
        if session.refused is not None:
            session.refused.stored(cid)
        if known is None:
            raise refusal
        self._acknowledge(session, known, self.seen_by(None, known), "")

    # Out of the log.

    def committed(self, entries: Iterator[Entry]) -> bool:
        """These came back, in the order of the log. True if there may be more, which is for the next turn of the reactor."""
        enough = self._readers + A_TURN
        for entry in entries:
            try:
                self._settle(entry)
            except Exception:  # noqa: BLE001 (a fault of ours costs this message, not those that came with it)
                _log.failure("what was stored could not be delivered")
            if self._readers >= enough:
                return True
        return False

    def _settle(self, entry: Entry) -> None:
        session, to, _ = entry.source
        session.pending -= 1
        if not entry.state:
            self._counts.not_stored += 1
            self._not_taken(session, entry.cid)
            self._replies.answer(session, entry.cid, NOT_STORED, op="fail", code=NotStored.code, retry_ms=RETRY_MS)
            return
        if session.refused is not None:
            session.refused.stored(entry.cid)
        packet = self.seen_by(None, entry)
        reached = entry.dup or self._deliver(packet, entry, session, to)
        if session.backlog is not None or session.receipts is not None:
            self.pass_place(session, entry.seq)
        elif entry.seq > session.seen:
            session.seen = entry.seq
        if reached or entry.state != RELAYED:
            self._acknowledge(session, entry, packet, "" if reached else self._away(entry, to))
        else:
            self._replies.answer(session, entry.cid, self._away(entry, to), op="fail", code=NoSuchTarget.code)

    def _deliver(self, packet: ServerPacket, entry: Entry, session: Session, to: To) -> bool:
        """Hand an entry to those who are there; whether anybody is whom it was meant for."""
        if isinstance(to, Room):
            mine = to.members.get(entry.author or 0)
            readers = [reader for reader in to.sessions if mine is None or reader.account is not mine]
        else:
            mine = session.account
            readers = to.sessions if isinstance(to, Account) else [to] * (to in self._online)
        for reader in tuple(readers):
            if reader is not session or to is mine:
                self.show(reader, packet, entry.seq)
        if mine is not None and to is not mine and mine.sessions != [session]:
            copy = self.seen_by(mine, entry)
            for reader in tuple(mine.sessions):
                if reader is not session:
                    self.show(reader, copy, entry.seq)
        return bool(readers) or isinstance(to, Room)

    def _away(self, entry: Entry, to: To) -> str:
        """What the sender is told when nobody was there."""
        if isinstance(to, Account) and entry.state != RELAYED:
            return f"{entry.target} is away. Your message is kept, and shown when they are back."
        return f"The user {entry.target} is not available any more."

    def _acknowledge(self, session: Session, entry: Entry, packet: ServerPacket, told: str) -> None:
        if session.may("ack") and entry.cid is not None and packet.x is not None:
            x, dup = packet.x, entry.dup or None
            self._replies.answer(session, entry.cid, told, op="ack", id=x.id, ts=x.ts, state=entry.state, seq=x.seq, dup=dup)
        elif told:
            self._replies.answer(session, entry.cid, told)

    def show(self, reader: Session, packet: ServerPacket, seq: int) -> None:
        """Show somebody what was just added to the log, unless they are so far behind that they shall fetch it themselves.

        What can't be fetched is always shown: what has no place in the log, and private words to a guest.
        """
        self._readers += 1
        if not seq or (reader.account is None and not isinstance(packet, SharedPacket)):
            self.hand(reader, packet)
        elif reader.backlog is not None:
            reader.backlog.add(seq, packet)
        elif reader.may("history") and reader.client.behind():
            reader.backlog = Backlog(reader.seen)
            reader.backlog.add(seq, packet)
            reader.client.perform(self._end_lag(reader), hold=False)
        else:
            reader.seen = seq
            self.hand(reader, packet)
            if reader.receipts is not None:
                reader.receipts.sent(seq)

    def pass_place(self, session: Session, seq: int) -> None:
        """Announce what is held back: a client takes a place that it is told for "all up to here has come, or is announced"."""
        backlog = session.backlog
        if backlog is None:
            session.sent(seq)
        elif backlog.replays:
            backlog.passed = seq
        else:
            self._tell_gap(session, backlog)

    def hand(self, reader: Session, packet: ServerPacket) -> None:
        """Deliver a message: who knows no rooms reads in the text where it was said."""
        self._counts.delivered += 1
        if isinstance(packet, SharedPacket) and not reader.may("room"):
            packet = packet.prefixed
        reader.client.deliver(packet)

    async def _end_lag(self, reader: Session) -> None:
        await reader.client.caught_up()
        backlog, reader.backlog = reader.backlog, None
        if backlog is not None:
            self._tell_gap(reader, backlog)

    def _tell_gap(self, reader: Session, backlog: Backlog) -> None:
        """Tell a session what was held back since it was told of a gap last."""
        if backlog.upto > backlog.after:
            self._counts.gaps += 1
            told = "You read too slowly for what was said; send /history to see what you missed."
            self._replies.answer(reader, None, told, op="gap", after=backlog.after, upto=backlog.upto, why="SLOW")
            reader.seen = backlog.after = backlog.upto

    def id_of(self, entry: Entry) -> str:
        """What an entry is known by on the wire."""
        if entry.seq or entry.source is None:
            return f"{self.store.epoch}.{entry.seq}"
        new_id: str = entry.source[2]
        return new_id

    def seen_by(self, reader: Account | None, entry: Entry, batch: str | None = None) -> ServerPacket:
        """An entry as somebody sees it: on the devices of whoever said it, as said to somebody."""
        in_room = entry.target.startswith(MARK)
        own = reader is not None and reader.id == entry.author and entry.target != entry.name
        conv = entry.target if in_room else f"@{entry.target if own else entry.name}"
        ts = self._replies.timestamp(entry.ts)
        x = ServerX(id=self.id_of(entry), seq=entry.seq or None, ts=ts, conv=conv, re=entry.re, self_=own or None, batch=batch)
        return (SharedPacket if in_room else ServerPacket)(Sender(entry.name, entry.ip), entry.target, entry.msg, x)
