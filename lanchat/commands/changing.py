"""Changing messages: edits, withdrawals and reactions (docs/protocol.md, "Replies, edits, reactions").

The message is looked up in the log, and it is checked whether the user may change it. The change is an entry of the log as
messages are (`lanchat.protocol.entry.Entry.about`): it goes through the store, and is delivered and acknowledged when it comes
back. The store checks once more that the message is there, as it may be withdrawn meanwhile.
"""

from __future__ import annotations

from functools import partial
from sqlite3 import Connection

from lanchat.core import resending
from lanchat.core.chat import Chat
from lanchat.core.forms import sentence
from lanchat.core.replies import check_growth
from lanchat.core.stored_messages import Target
from lanchat.history import changes, pages
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

#: What is written in place of the id of the newest message.
LAST = "last"
#: Among how many of the newest messages the last one is looked for.
LOOKED_AT = 200
#: What it costs to look up a message, in packets; and the newest ones.
LOOK_COST, LAST_COST = 3, 12
#: Characters of a message that are shown in a sentence about a reaction to it.
EXCERPT = 40
#: What is told to whoever made a change.
DONE = {EDIT: "The message is edited.", WITHDRAW: "The message is withdrawn.", REACT: ""}
NO_MESSAGE = "There is no message {} that you may read, or it was withdrawn."


async def find(chat: Chat, session: Session, name: str) -> Entry:
    """Find a message that a session may read, by its id, its number, or `LAST` (the newest of others).

    Raises `NoSuchTarget`.
    """
    _, original = await _look_up(chat, session, name, None, None)
    return _readable(chat, session, name, original).entry


async def change(chat: Chat, session: Session, packet: Packet, kind: str, args: list[str]) -> None:
    """Make a change of this kind (`EDIT`, `WITHDRAW` or `REACT`) of a message.

    `args` are what the message is called, as in `find`, and the new text, or the reaction ("" takes it back).

    Raises `NoSuchTarget`, `Forbidden`, `Full`, `Muted`, `Banned`, `TooBig`, `RateLimited` or `NotStored`.
    """
    if not chat.store.stores_messages:
        raise Forbidden("Nothing was done: this server stores no messages, so none can be changed.")
    cid = packet.x.cid if packet.x is not None else None
    resending.check_order(session, cid, chat.clock.seconds())
    account = session.account
    assert account is not None  # noqa: S101 (the commands are for accounts)
    now = round(chat.now() * 1000)
    name, text = args[0].strip(), args[1] if len(args) > 1 else ""
    change = Entry("", account.id, session.name.shown, session.sender.ip, "", text, now, None, cid, kind=kind)
    try:
        change.about, found = await _look_up(chat, session, name, kind, cid)
        original = _readable(chat, session, name, found)
        change.conv = original.entry.conv
        to = _find_target(chat, account, original.entry, change)
        _check(chat, session, original, change, to)
    except (NoSuchTarget, NotMember, Forbidden, Full, Muted, Banned) as refusal:
        if change.about and resending.may_be_repeat(session, packet):
            await resending.answer_repeat(chat.delivery, chat.replies, session, change, refusal)
            return
        raise
    excerpt = visible(original.entry.msg, EXCERPT) if kind == REACT else ""
    change.source = partial(_came_back, chat, session, to, excerpt)
    try:
        chat.store.append(change)
    except NotStored:
        resending.note_failed(session, cid, chat.clock.seconds())
        raise
    session.pending += 1
    if chat.store.full:
        await chat.messages.stored.settled()


async def _look_up(chat: Chat, session: Session, name: str, kind: str | None, cid: str | None) -> tuple[Seq, Original | None]:
    """The place of the message that is called so, for a change of this kind or a reply, and the message if it is there.

    The last one is the newest that the user said, or for reactions and replies the newest of others. Raises `ClientGone`.
    """
    account = session.account
    chat.charge(session, LAST_COST if name == LAST else LOOK_COST)
    if session.pending:
        await chat.messages.stored.settled()
    convs = OfAccount(account.id) if account is not None else [room.conv for room in chat.rooms.of(session)]
    author = account.id if account is not None else None
    since = round(chat.now() * 1000) - REPEAT_MS

    def last(connection: Connection) -> Seq:
        if author is not None and cid is not None and kind is not None:  # (a program that repeats it means the same one)
            before = changes.changed_before(connection, author, cid, kind, since)
            if before is not None:
                return before
        newest = pages.page(connection, convs, limit=LOOKED_AT).entries[::-1]
        own = kind in (EDIT, WITHDRAW)
        return next((one.seq for one in newest if (author is not None and one.author == author) == own), 0)

    def look(connection: Connection) -> tuple[Seq, Original | None]:
        place = last(connection) if name == LAST else _seq(chat, name)
        return place, changes.original(connection, place, author)

    found = await chat.store.read(look)
    if session not in chat.online:  # (its account may be erased, which must not be followed by anything from it)
        raise ClientGone
    return found


def _readable(chat: Chat, session: Session, name: str, original: Original | None) -> Original:
    """The message that was found; raises `NoSuchTarget` if there is none that a session may read."""
    if original is None or not _may_read(chat, session, original.entry.conv):
        raise NoSuchTarget(NO_MESSAGE.format(visible(name, 40)))
    return original


def _seq(chat: Chat, name: str) -> Seq:
    """The number in the log of the message that is called so: `e1.17` or `17`; 0 if there can't be one."""
    epoch, _, number = name.rpartition(".")
    if epoch not in ("", chat.store.epoch) or not (number.isascii() and number.isdigit() and len(number) < 19):
        return 0
    return int(number)


def _find_target(chat: Chat, account: Account, original: Entry, change: Entry) -> Target | None:
    """Find whom a change is for: the room, or the other one, who may not be there any more; its `target` is set."""
    if (room := chat.rooms.by_conv.get(original.conv)) is not None:
        change.target = room.name
        return room
    change.target = original.target if original.author == account.id else original.name
    other = chat.online.account(change.target)
    if other is not None and of_two(account.id, other.id) == original.conv:
        return other
    guest = chat.online.find(change.target)
    is_it = guest is not None and guest.account is None and with_guest(account.id, guest.name.key) == original.conv
    return guest if is_it else None


def _check(chat: Chat, session: Session, original: Original, change: Entry, to: Target | None) -> None:
    """Raise a `ChatError` if a session may not make a change, or it costs too much; otherwise charge it."""
    entry, room = original.entry, to if isinstance(to, Room) else None
    chat.sanctions.check_may_speak(session, room)
    if change.kind != REACT:
        _check_rights(chat, session, entry, change, room)
    if change.kind != WITHDRAW and original.changes >= chat.limits["changes"]:
        raise Full("Nothing was done: you have changed this message, or reacted to it, too often.", limit="changes")
    readers = len(to.sessions) if isinstance(to, (Room, Account)) else 1
    check_growth(
        ServerPacket(
            Sender(change.name, change.ip),
            change.target,
            sentence(change, visible(entry.msg, EXCERPT)),
            ServerX(id=chat.delivery.id_of(entry), ts=chat.timestamp(), conv=change.target),
        )
    )
    chat.replies.charge_for(session, readers + len(session.account.sessions if session.account else ()), change.msg)


def _check_rights(chat: Chat, session: Session, entry: Entry, change: Entry, room: Room | None) -> None:
    """Raise `Forbidden` if a session may not edit or withdraw a message."""
    if entry.author != change.author:
        if change.kind == EDIT:
            raise Forbidden("Nothing was done: you can edit only what you said yourself.")
        if room is None or not room.has_rank(session, Rank.OPERATOR):
            raise Forbidden("Nothing was done: you can withdraw only what you said yourself.")
    elif change.ts - entry.ts > chat.changes.edit_within * 1000:
        verb = "edited" if change.kind == EDIT else "withdrawn"
        ago = format_duration(chat.changes.edit_within)
        raise Forbidden(f"Nothing was done: a message can be {verb} for {ago}, and this one is older.")


def _came_back(chat: Chat, session: Session, to: Target | None, excerpt: str, change: Entry) -> None:
    """Deliver and acknowledge a change that came back from the store, or tell that it could not be made."""
    session.pending -= 1
    if not change.state:
        chat.messages.stored.tell_failed(session, change)
        return
    if session.failed_writes is not None:
        session.failed_writes.stored(change.cid)
    if change.state == GONE:
        told = NO_MESSAGE.format(change.about)
        chat.replies.answer(session, change.cid, told, op="fail", code=NoSuchTarget.code)
        return
    if not change.dup:
        if change.kind == WITHDRAW:
            chat.changes.on_withdrawal()
        chat.messages.stored.deliver(chat.delivery.forms_for(None, change, excerpt=excerpt), change, session, to, excerpt)
    chat.messages.stored.acknowledge(session, change, chat.delivery.packet_for(None, change), DONE[change.kind or ""])


def _may_read(chat: Chat, session: Session, conv: str) -> bool:
    if session.account is not None:
        return conv in session.account.conversations
    return any(room.conv == conv for room in chat.rooms.of(session))
