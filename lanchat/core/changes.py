"""Changes of messages: edits, withdrawals, and reactions (docs/protocol.md, "Replies, edits, reactions").

The message is looked up in the log, and it is checked whether the user may change it. The change is an entry of the log as
messages are (`lanchat.protocol.entry.Entry.about`): it goes through the store, and is delivered and acknowledged when it comes
back. The store checks once more that the message is there, as it may be withdrawn meanwhile.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from sqlite3 import Connection

from lanchat.core import resending
from lanchat.core.delivery import Delivery
from lanchat.core.forms import sentence
from lanchat.core.replies import Replies, check_growth
from lanchat.core.stored_messages import StoredMessages, Target
from lanchat.history import changes
from lanchat.history.changes import Original
from lanchat.history.positions import OfAccount
from lanchat.model.conversation import of_two, with_guest
from lanchat.model.room import Room
from lanchat.model.room_rules import Rank
from lanchat.model.session import Account, Session
from lanchat.protocol.durations import format_duration
from lanchat.protocol.entry import EDIT, GONE, REACT, REPEAT_MS, WITHDRAW, Entry, Seq
from lanchat.protocol.errors import Banned, ClientGone, Forbidden, Full, Muted, NoSuchTarget, NotMember, NotStored
from lanchat.protocol.extensions import ServerX
from lanchat.protocol.packet import Packet, Sender, ServerPacket, visible
from lanchat.state.online import OnlineUsers
from lanchat.state.rooms import Rooms
from lanchat.state.sanctions import Sanctions

#: For how many seconds a message may be edited or withdrawn by who said it, if the operator sets nothing else.
EDIT_WITHIN = 86_400
#: What is written in place of the id of the newest message.
LAST = "last"
#: Among how many of the newest messages the last one is looked for.
LOOKED_AT = 200
#: What it costs to look up a message by its id, and the last one, in packets.
LOOK_COST, LAST_COST = 8, 12
#: What each kind of change costs besides, in packets; and how many bytes of an edited text, of the old one and the new one,
#: cost a packet more, as the words of both are looked up.
CHANGE_COST, BYTES_A_PACKET = {EDIT: 5, WITHDRAW: 20, REACT: 5}, 300
#: Characters of a message that are shown in a sentence about a reaction to it.
EXCERPT = 40
#: What is told to whoever made a change.
DONE = {EDIT: "The message is edited.", WITHDRAW: "The message is withdrawn.", REACT: ""}
NO_MESSAGE = "There is no message {} that you may read, or it was withdrawn."
#: The same for `LAST`, which looks among the newest messages only.
NO_LAST = "There is no such message among the newest. Give its number, which /history shows with the word numbers."


class Changes:
    """Finds messages that were said, and changes them."""

    def __init__(  # noqa: PLR0913, PLR0917 (it is made in one place)
        self,
        online: OnlineUsers,
        rooms: Rooms,
        replies: Replies,
        sanctions: Sanctions,
        delivery: Delivery,
        stored: StoredMessages,
    ) -> None:
        self._online = online
        self._rooms = rooms
        self._replies = replies
        self._sanctions = sanctions
        self._delivery = delivery
        self._stored = stored
        #: For how many seconds a message may be edited or withdrawn by who said it (`--edit-within`).
        self.edit_within: float = EDIT_WITHIN
        #: Called when a message was withdrawn; the service sets it.
        self.on_withdrawal: Callable[[], object] = lambda: None

    async def find(self, session: Session, name: str) -> tuple[Entry, str]:
        """Find a message that a session may read, by its id, its number, or `LAST` (the newest of others).

        Returns it, and whom a reply to it is for, as in `to` of a packet. Raises `NoSuchTarget`, also if that one is gone.
        """
        _, original = await self._look_up(session, name, None, None)
        entry = self._readable(session, name, original).entry
        to, shown = self._find_target(session.account, entry)
        if to is None:
            raise NoSuchTarget(f"The user {visible(shown, 40)} is no longer available.")
        return entry, shown

    def _readable(self, session: Session, name: str, original: Original | None) -> Original:
        """The message that was found; raises `NoSuchTarget` if there is none that a session may read."""
        if original is None or original.entry.conv not in self._rooms.readable(session):
            raise NoSuchTarget(NO_LAST if name == LAST else NO_MESSAGE.format(visible(name, 40)))
        return original

    async def _look_up(self, session: Session, name: str, kind: str | None, cid: str | None) -> tuple[Seq, Original | None]:
        """The place of the message that is called `name`, and the message, if it is there.

        `kind` and `cid` are those of the change that it is looked up for; both are None for a reply. `LAST` is the newest
        message that the user said, or for reactions and replies the newest of others. Raises `ClientGone`.
        """
        account = session.account
        self._replies.charge(session, LAST_COST if name == LAST else LOOK_COST)
        if session.pending:
            await self._stored.settled()
        convs = OfAccount(account.id) if account is not None else self._rooms.readable(session)
        author = account.id if account is not None else None
        since = round(self._replies.now() * 1000) - REPEAT_MS

        def last(connection: Connection) -> Seq:
            if author is not None and cid is not None and kind is not None:  # (a program that repeats it means the same one)
                before = changes.changed_before(connection, author, cid, kind, since)
                if before is not None:
                    return before
            return changes.last_said(connection, convs, (author, session.name.shown), kind in (EDIT, WITHDRAW), LOOKED_AT)

        def look(connection: Connection) -> tuple[Seq, Original | None]:
            place = last(connection) if name == LAST else self._seq(name)
            return place, changes.original(connection, place, author)

        found = await self._delivery.store.read(look)
        if session not in self._online:  # (its account may be erased, which must not be followed by anything from it)
            raise ClientGone
        return found

    async def change(  # noqa: PLR0913, PLR0917 (what, which and why)
        self, session: Session, packet: Packet, kind: str, name: str, text: str = "", why: str = ""
    ) -> None:
        """Change the message that is called `name`: by its id, its number, or `LAST`.

        `kind` is `EDIT`, `WITHDRAW` or `REACT`; `text` is the new text, or the reaction ("" takes it back); `why` the reason.
        Raises `NoSuchTarget`, `Forbidden`, `Full`, `Muted`, `TooBig`, `RateLimited` or `NotStored`.
        """
        if not self._delivery.store.stores_messages:
            raise Forbidden("Nothing was done: this server stores no messages, so none can be changed.")
        cid = packet.x.cid if packet.x is not None else None
        resending.check_order(session, cid, self._replies.seconds())
        account = session.account
        now = round(self._replies.now() * 1000)
        author = account.id if account is not None else None
        change = Entry("", author, session.name.shown, session.sender.ip, "", text, now, None, cid, kind=kind, why=why)
        try:
            change.about, found = await self._look_up(session, name, kind, cid)
            original = self._readable(session, name, found)
            change.conv = original.entry.conv
            to, change.target = self._find_target(account, original.entry)
            self._check(session, original, change, to)
        except (NoSuchTarget, NotMember, Forbidden, Full, Muted, Banned) as refusal:
            if change.about and resending.may_be_repeat(session, packet):
                await resending.answer_repeat(self._delivery, self._replies, session, change, refusal)
                return
            raise
        # (While the message was looked up, an earlier one of this client may have been refused.)
        resending.check_order(session, cid, self._replies.seconds())
        excerpt = visible(original.entry.msg, EXCERPT) if kind == REACT else ""
        change.source = partial(self._came_back, session, to, excerpt)
        try:
            self._delivery.store.append(change)
        except NotStored:
            resending.note_failed(session, cid, self._replies.seconds())
            raise
        session.pending += 1
        if self._delivery.store.full:
            await self._stored.settled()

    def _seq(self, name: str) -> Seq:
        """The number in the log of the message with this id or number, `e1.17` or `17`; 0 if there can't be one."""
        epoch, _, number = name.rpartition(".")
        if epoch not in ("", self._delivery.store.epoch) or not (number.isascii() and number.isdigit() and len(number) < 19):
            return 0
        return int(number)

    def _find_target(self, account: Account | None, original: Entry) -> tuple[Target | None, str]:
        """Find whom a reply or a change is for, and that one's name: the room, or the other person (None: not there any more).

        Another person may have that name now, who is not meant.
        """
        if (room := self._rooms.by_conv.get(original.conv)) is not None:
            return room, room.name
        if account is None:
            return None, original.target
        shown = original.target if original.author == account.id else original.name
        other, guest = self._online.account(shown), self._online.find(shown)
        if other is not None and of_two(account.id, other.id) == original.conv:
            return other, shown
        if guest is None or guest.account is not None or int(guest.named * 1000) > original.ts:
            return None, shown
        return (guest if with_guest(account.id, guest.name.key) == original.conv else None), shown

    def _check(self, session: Session, original: Original, change: Entry, to: Target | None) -> None:
        """Raise a `ChatError` if a session may not make a change, or it costs too much; otherwise charge it."""
        entry, room = original.entry, to if isinstance(to, Room) else None
        self._sanctions.check_may_speak(session, room)
        if change.kind != REACT:
            self._check_rights(session, entry, change, room)
        if change.kind != WITHDRAW and original.changes >= self._replies.limits["changes"]:
            raise Full("Nothing was done: you have changed this message, or reacted to it, too often.", limit="changes")
        if change.kind == REACT and original.reactions >= self._replies.limits["reactions"]:
            raise Full("Nothing was done: there were too many reactions to this message.", limit="reactions")
        readers = len(to.sessions) if isinstance(to, (Room, Account)) else 1
        check_growth(
            ServerPacket(
                Sender(change.name, change.ip),
                change.target,
                sentence(change, visible(entry.msg, EXCERPT)),
                ServerX(id=self._delivery.id_of(entry), ts=self._replies.timestamp(), conv=change.target),
            )
        )
        texts = (entry.msg + change.msg).encode() if change.kind == EDIT else b""
        self._replies.charge(session, CHANGE_COST[change.kind or ""] + len(texts) / BYTES_A_PACKET)
        self._replies.charge_for(session, readers + len(session.account.sessions if session.account else ()), change.msg)

    def _check_rights(self, session: Session, entry: Entry, change: Entry, room: Room | None) -> None:
        """Raise `Forbidden` if a session may not edit or withdraw a message."""
        if not _is_own(session, entry):
            if change.kind == EDIT:
                raise Forbidden("Nothing was done: you can edit only what you said yourself.")
            if room is None or not room.has_rank(session, Rank.OPERATOR):
                raise Forbidden("Nothing was done: you can withdraw only what you said yourself.")
        elif change.ts - entry.ts > self.edit_within * 1000:
            verb = "edited" if change.kind == EDIT else "withdrawn"
            ago = format_duration(self.edit_within)
            raise Forbidden(f"Nothing was done: a message can be {verb} for {ago}, and this one is older.")

    def _came_back(self, session: Session, to: Target | None, excerpt: str, change: Entry) -> None:
        """Deliver and acknowledge a change that came back from the store, or tell that it could not be made."""
        session.pending -= 1
        if not change.state:
            self._stored.tell_failed(session, change)
            return
        if session.failed_writes is not None:
            session.failed_writes.stored(change.cid)
        if change.state == GONE:
            told = NO_MESSAGE.format(change.about)
            self._replies.answer(session, change.cid, told, op="fail", code=NoSuchTarget.code)
            return
        if not change.dup:
            if change.kind == WITHDRAW:
                self.on_withdrawal()
            self._stored.deliver(self._delivery.forms_for(None, change, excerpt=excerpt), change, session, to, excerpt)
        self._stored.acknowledge(session, change, self._delivery.packet_for(None, change), DONE[change.kind or ""])


def _is_own(session: Session, entry: Entry) -> bool:
    """Whether a session's user said something: with its account, or as a guest under the name that it still has."""
    if session.account is not None or entry.author is not None:
        return session.account is not None and session.account.id == entry.author
    return entry.name == session.name.shown and int(session.named * 1000) <= entry.ts
