"""Delivery: how a stored message is shown to one of its readers, unless that reader is too far behind.

A reader is behind if its client reads more slowly than messages come. Then it is sent none of the new ones, is told of the
gap once it has caught up, and fetches what is missing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from twisted.logger import Logger

from lanchat.core.forms import FileForms, Forms, forms
from lanchat.core.replies import Replies, with_more
from lanchat.model.room import MARK
from lanchat.model.session import Account, Backlog, Session
from lanchat.protocol.counts import Counts
from lanchat.protocol.entry import FILE, NOTICE, Entry
from lanchat.protocol.extensions import ServerX
from lanchat.protocol.packet import PacketRun, Sender, ServerPacket, SharedPacket
from lanchat.state.file_links import FileLinks
from lanchat.state.interfaces import Store
from lanchat.state.rooms import Rooms

_log = Logger("lanchat.delivery")


class Delivery:
    """Shows stored messages to their readers."""

    #: Where messages are stored; set when the server starts.
    store: Store

    def __init__(self, replies: Replies, counts: Counts, rooms: Rooms) -> None:
        self._replies = replies
        self._counts = counts
        self._rooms = rooms
        #: How readers find the files that go with messages.
        self.file_links = FileLinks(replies.now)
        #: How often a message was shown to a reader, or held back from one, since the server started.
        self.shown = 0
        #: Delivers what came back from the store and is held for a moment, before what comes back next; None if nothing is.
        self.held: Callable[[], None] | None = None

    def show(self, reader: Session, packet: ServerPacket | Forms, seq: int) -> None:
        """Show a reader an entry that was just added to the log, or hold it back if the reader is too far behind.

        What can't be fetched later is always shown: messages that have no number in the log (`seq` is 0), and private messages
        to a guest.
        """
        self.shown += 1
        if isinstance(packet, Forms):
            form = packet.of(reader)
            if form is None:
                if seq and reader.backlog is None:
                    reader.sent(seq)
                return
            packet = form
        if not seq or (reader.account is None and not isinstance(packet, SharedPacket)):
            self.deliver(reader, packet)
        elif reader.backlog is not None:
            reader.backlog.add(seq, packet)
        elif reader.has_cap("history") and reader.client.behind():
            reader.backlog = Backlog(reader.seen)
            reader.backlog.add(seq, packet)
            reader.client.perform(self._end_backlog(reader), hold=False)
        else:
            reader.seen = seq
            self.deliver(reader, packet)
            if reader.receipts is not None:
                reader.receipts.sent(seq)

    def show_in_room(self, readers: Iterable[Session], packet: SharedPacket, seq: int) -> None:
        """Show a message to those in a room: what `show` does for each, with no further call for those who are up to date."""
        delivered = 0
        for reader in readers:
            caps, client = reader.caps, reader.client
            if seq:
                if reader.backlog is not None or reader.receipts is not None or client.behind():
                    self.show(reader, packet, seq)
                    continue
                reader.seen = seq
            delivered += 1
            client.deliver(packet if caps is not None and "room" in caps else packet.prefixed)
        self.shown += delivered
        self._counts.delivered += delivered

    def show_placeless(self, readers: Iterable[Session], forms: Forms) -> None:
        """Show something in a room that has no number in the log, as what guests do, to those who understand it.

        It is what `show` does for each, with few calls, as there may be very many. Who is behind is not shown it.
        """
        delivered, packet, cap = 0, forms.known, forms.cap
        for reader in readers:
            caps, client = reader.caps, reader.client
            if ((caps is not None and cap in caps) or reader.understands(cap)) and not client.behind():
                delivered += 1
                client.deliver(packet)
        self.shown += delivered
        self._counts.delivered += delivered

    def release(self) -> None:
        """Deliver what is held, if anything is."""
        held, self.held = self.held, None
        try:
            if held is not None:
                held()
        except Exception:  # noqa: BLE001 (a fault of ours must not cost what comes back next)
            _log.failure("events could not be delivered")

    def advance(self, session: Session, seq: int) -> None:
        """Note that a session is told the number `seq`, which means "you have all up to here"; so it is told of a gap first."""
        backlog = session.backlog
        if backlog is None:
            session.sent(seq)
        elif backlog.replays:
            backlog.passed = seq
        else:
            self._tell_gap(session, backlog)

    def deliver(self, reader: Session, packet: ServerPacket) -> None:
        """Deliver a message. A client without the cap `room` reads the name of the room in the text."""
        self._counts.delivered += 1
        if isinstance(packet, SharedPacket) and not reader.has_cap("room"):
            packet = packet.prefixed
        reader.client.deliver(packet)

    def deliver_events(self, reader: Session, run: PacketRun) -> None:
        """Deliver events of one room that have no number in the log, to one of many who are shown all of these."""
        self.shown += 1
        self._counts.delivered += len(run.packets)
        reader.client.deliver_events(run)

    async def _end_backlog(self, reader: Session) -> None:
        await reader.client.caught_up()
        backlog, reader.backlog = reader.backlog, None
        if backlog is not None:
            self._tell_gap(reader, backlog)

    def _tell_gap(self, reader: Session, backlog: Backlog) -> None:
        """Tell a session what was held back since it was last told of a gap."""
        if backlog.upto > backlog.after:
            self._counts.gaps += 1
            told = "You are reading too slowly. Send /history to see what you missed."
            self._replies.answer(reader, None, told, op="gap", after=backlog.after, upto=backlog.upto, why="SLOW")
            reader.seen = backlog.after = backlog.upto

    def id_of(self, entry: Entry) -> str:
        """The id of an entry in packets: unique, and the same for all who read it."""
        if entry.seq or entry.source is None:
            return f"{self.store.epoch}.{entry.seq}"
        new_id: str = entry.source[2]
        return new_id

    def packet_for(self, reader: Account | None, entry: Entry, batch: str | None = None) -> ServerPacket:
        """The packet that shows a message to a reader (None: to any but the sender's devices); `batch` is its `x.batch`."""
        target = entry.target
        in_room = target[:1] == MARK
        own = reader is not None and reader.id == entry.author and target != entry.name
        if not in_room:
            conv = f"@{target if own else entry.name}"
        elif (room := self._rooms.by_conv.get(entry.conv)) is not None:
            conv = target = room.name  # (it may have had another name then)
        else:
            conv = target
        ts = self._replies.timestamp(entry.ts)
        x = ServerX(id=self.id_of(entry), seq=entry.seq or None, ts=ts, conv=conv, re=entry.re, self_=own or None, batch=batch)
        x.tags = entry.tags
        return (SharedPacket if in_room else ServerPacket)(Sender(entry.name, entry.ip), target, entry.msg, x)

    def forms_for(self, reader: Account | None, entry: Entry, batch: str | None = None, excerpt: str = "") -> Forms:
        """The packets that show an entry of any kind; otherwise as `packet_for`. `excerpt` as in `lanchat.core.forms.forms`."""
        packet = self.packet_for(reader, entry, batch)
        if packet.x is not None and entry.edited is not None:
            packet.x.edited = self._replies.timestamp(entry.edited)
        if entry.reactions is not None:
            packet = with_more(packet, reactions=entry.reactions)
        if entry.kind == FILE:
            if packet.x is not None and (entry.author or 0) < 0:
                packet.x.bot, packet.x.kind = True, NOTICE
            file = entry.file  # (None if its row was damaged)
            return Forms(packet, packet) if file is None else FileForms(packet, entry.seq, file, self.file_links)
        return forms(entry, packet, self.id_of, excerpt)
