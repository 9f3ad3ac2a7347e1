"""Stored messages: how what is said in a room, or from or to an account, is checked, recorded, delivered and acknowledged.

These are the steps 2 to 5 of `lanchat.core.messages`. Recording makes a message an entry of the log. The store gives entries
back in the order of the log, once they are committed; delivering and acknowledging wait for that.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import TypeAlias

from twisted.logger import Logger

from lanchat.core import resending
from lanchat.core.delivery import Delivery
from lanchat.core.forms import Forms
from lanchat.core.read_markers import PAUSE, ReadMarkers
from lanchat.core.reading_rights import ReadingRights
from lanchat.core.replies import SURE_TO_FIT, Replies, check_growth
from lanchat.model.failed_writes import RETRY_MS
from lanchat.model.mentions import mentioned
from lanchat.model.room import Room
from lanchat.model.session import Account, Session
from lanchat.protocol.counts import Counts
from lanchat.protocol.entry import BOT, FILE, RELAYED, AccountId, Entry
from lanchat.protocol.errors import NoSuchTarget, NotStored
from lanchat.protocol.extensions import ServerX
from lanchat.protocol.files import FileInfo
from lanchat.protocol.interfaces import Work
from lanchat.protocol.packet import Packet, ServerPacket, SharedPacket
from lanchat.state.online import OnlineUsers
from lanchat.state.rooms import not_in
from lanchat.state.sanctions import Sanctions

NOT_STORED = "That could not be stored, so nobody got it. The server's disk may be full. Try again later, or tell the operator."
#: What the sender is told if nobody was online to read the message.
AWAY = "{} is away. Your message is kept, and shown when they are back."
GONE = "The user {} is no longer available."
#: Storing a long text costs its sender as much as delivering it to so many readers.
STORING = 2
#: How many readers stored messages are delivered to in one turn of the reactor, which takes some 25 ms. The message that
#: reaches this number is delivered to all of its readers.
READERS_A_TURN = 5000

_log = Logger("lanchat.delivery")

#: Where a stored message is said: in a room, to an account, or to a guest.
Target: TypeAlias = Room | Account | Session


class FilePacket(Packet):
    """A message with a file, from the core itself, as no client can send one; it is said with the kind `FILE`.

    What it costs was charged before the file was sent (`lanchat.core.uploads`), so it is not refused for that any more.
    """

    file: FileInfo | None = None
    #: The message as it was handed to the store.
    entry: Entry | None = None


class StoredMessages:
    """Hands messages to the store, and passes them on when they come back."""

    def __init__(  # noqa: PLR0913, PLR0917 (it is made in one place)
        self,
        online: OnlineUsers,
        replies: Replies,
        sanctions: Sanctions,
        delivery: Delivery,
        counts: Counts,
        new_id: Callable[[], str],
        read_markers: ReadMarkers,
    ) -> None:
        """`new_id` makes the ids of messages that are kept nowhere, as with `--ephemeral`."""
        self._online = online
        self._replies = replies
        self._sanctions = sanctions
        self._delivery = delivery
        self._reading_rights = ReadingRights(delivery)
        self._counts = counts
        self._new_id = new_id
        self._read_markers = read_markers

    # Until it is handed to the store.

    def say(  # noqa: PLR0913, PLR0917 (whose, what and where)
        self, session: Session, packet: Packet, kind: str | None, conv: str, name: str, to: Target, *readers: Account
    ) -> Work | None:
        """Hand a message to the store. `name` is that of the target; the `readers` may read the conversation from now on.

        Raises `NotStored`. If so much waits to be stored that nobody should add to it, what is returned waits until all is.
        """
        store, cid = self._delivery.store, None if packet.x is None else packet.x.cid
        # 2. Check.
        author = session.account.id if session.account else None
        mentions: tuple[AccountId, ...] = ()
        if isinstance(to, Room):
            self._check_in_room(session, packet, to, free=kind == FILE)
            mentions = mentioned(packet.msg, to, self._online.accounts_by_key, author)
        if len(packet.msg) > SURE_TO_FIT and kind != FILE:
            self._check_long(session, packet, name, name if isinstance(to, Room) else f"@{session.name.shown}")
        connections = sum([len(reader.sessions) for reader in readers])
        if connections > 2 and kind != FILE:  # (one of each is what the packet itself has cost)
            self._replies.charge_for(session, connections, packet.msg)
        if session.failed_writes is not None:
            resending.check_order(session, cid, self._replies.seconds())
        # 3. Record.
        re, tags = packet.x.re if packet.x else None, packet.x.tags if packet.x and session.caps is not None else None
        source = (session, to, "" if store.stores_messages else self._new_id())
        said = (session.name.shown, session.sender.ip, name, packet.msg, round(self._replies.now() * 1000))
        entry = Entry(conv, author, *said, re, cid, source, kind=kind, mentions=mentions, tags=tags)
        if kind == FILE and isinstance(packet, FilePacket):
            packet.entry, entry.file = entry, packet.file
        for reader in readers:
            self._reading_rights.allow(session, reader, conv)
        try:
            store.append(entry)
        except NotStored:
            resending.note_failed(session, cid, self._replies.seconds())
            raise
        session.pending += 1
        if not store.full:
            return None
        self._replies.limits.met["waiting"] += 1
        return self.settled()

    def _check_long(self, session: Session, packet: Packet, name: str, conv: str) -> None:
        """Check that a long text can be delivered with what else will be in its packet, and charge for storing it."""
        x = ServerX(id=self._new_id(), ts=self._replies.timestamp(), conv=conv, re=packet.x.re if packet.x else None)
        x.tags = packet.x.tags if packet.x else None
        check_growth(ServerPacket(session.sender, name, packet.msg, x))
        self._replies.charge_for(session, STORING, packet.msg)

    def _check_in_room(self, session: Session, packet: Packet, room: Room, *, free: bool) -> None:
        if session not in room.sessions:
            raise not_in(room)
        self._sanctions.check_may_speak(session, room)
        if not free:
            self._replies.charge_for(session, len(room.sessions), packet.msg)

    # When the store gives it back.

    def committed(self, entries: Iterator[Entry]) -> bool:
        """Deliver and acknowledge entries that the store gives back, in the order of the log.

        Returns True if enough was delivered for one turn of the reactor, and there may be more entries.
        """
        enough = self._delivery.shown + READERS_A_TURN
        for entry in entries:
            try:
                self._settle(entry)
            except Exception:  # noqa: BLE001 (a fault of ours costs this message, not those that came with it)
                _log.failure("stored messages could not be delivered")
            if self._delivery.shown >= enough:
                return True
        if self._read_markers.said.waiting:
            self._read_markers.said.schedule(PAUSE)
        return False

    def _settle(self, entry: Entry) -> None:
        """Deliver and acknowledge an entry, or tell the sender that it could not be stored.

        The `source` of an entry that is no message, or a bot's, is the function that does this for it.
        """
        if self._delivery.held is not None:
            self._delivery.release()
        if entry.about is not None or entry.kind == BOT or (entry.kind == FILE and not isinstance(entry.source, tuple)):
            entry.source(entry)
            return
        session, to, _ = entry.source
        session.pending -= 1
        if not entry.state:
            self.tell_failed(session, entry)
            return
        if session.failed_writes is not None:
            session.failed_writes.stored(entry.cid)
        # 4. Deliver.
        packet = self._delivery.packet_for(None, entry)
        shown = packet if entry.kind is None else self._delivery.forms_for(None, entry)
        reached = entry.dup or self.deliver(shown, entry, session, to)
        if entry.author is not None and entry.seq and not entry.dup:
            self._read_markers.said.waiting[entry.author, entry.conv] = entry.seq
        # 5. Acknowledge.
        told = "" if reached else (AWAY if isinstance(to, Account) and entry.state != RELAYED else GONE).format(entry.target)
        if reached or entry.state != RELAYED:
            self.acknowledge(session, entry, packet, told)
        else:
            self._replies.answer(session, entry.cid, told, op="fail", code=NoSuchTarget.code)
        if not isinstance(to, Room) and to.away:
            self._replies.tell_away(session, to)

    def tell_failed(self, session: Session, entry: Entry) -> None:
        """Tell a session that an entry of its could not be stored; it may send it again."""
        self._counts.not_stored += 1
        resending.note_failed(session, entry.cid, self._replies.seconds())
        self._replies.answer(session, entry.cid, NOT_STORED, op="fail", code=NotStored.code, retry_ms=RETRY_MS)

    def acknowledge(self, session: Session, entry: Entry, packet: ServerPacket, told: str) -> None:
        """Acknowledge an entry to its sender; `packet` is how others see it, `told` what people are told besides."""
        if session.backlog is not None or session.receipts is not None:
            self._delivery.advance(session, entry.seq)
        elif entry.seq > session.seen:
            session.seen = entry.seq
        self._replies.acknowledge_stored(session, entry, packet, told)

    def deliver(
        self, packet: ServerPacket | Forms, entry: Entry, session: Session, to: Target | None, excerpt: str = ""
    ) -> bool:
        """Deliver an entry to those who are online, also on the sender's other devices; whether it reached its target.

        `excerpt` as in `lanchat.core.forms.forms`.
        """
        if isinstance(to, Room):
            mine = to.members.get(entry.author or 0)
            readers = [
                reader for reader in to.sessions if reader is not session and (mine is None or reader.account is not mine)
            ]
        else:
            mine = session.account
            readers = to.sessions if isinstance(to, Account) else [to] if isinstance(to, Session) and to in self._online else []
        if isinstance(packet, SharedPacket):
            self._delivery.show_in_room(readers, packet, entry.seq)
        else:
            for reader in tuple(readers):
                if reader is not session or to is mine:
                    self._delivery.show(reader, packet, entry.seq)
        if mine is not None and to is not mine and mine.sessions != [session]:
            copy = self._delivery.forms_for(mine, entry, excerpt=excerpt)
            for reader in tuple(mine.sessions):
                if reader is not session:
                    self._delivery.show(reader, copy, entry.seq)
        return bool(readers) or isinstance(to, Room)

    async def settled_if_full(self) -> None:
        """Wait until all has come back, if so much waits to be stored that nobody should add to it."""
        if self._delivery.store.full:
            await self.settled()

    async def settled(self) -> None:
        """Wait until all that was handed in has come back, stored or not, and is delivered: messages, events, read markers."""
        self._read_markers.hand_in()
        with suppress(NotStored):
            await self._delivery.store.settled()
        self._delivery.release()
