"""Conversations: the list of them, up to where each was read, and which of them are muted by their reader."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from sqlite3 import Connection
from typing import Any, NamedTuple

from lanchat.commands.command import Command, account_of, list_argument, named
from lanchat.commands.page_requests import take_place
from lanchat.core.chat import Chat
from lanchat.core.read_markers import sent_to_classic
from lanchat.history import conversation_list
from lanchat.history.conversation_list import MOST, Conversation, Listed, said_last
from lanchat.history.conversations import with_name
from lanchat.history.moments import Moment, Place, end_of, parse_place
from lanchat.history.pages import clamp
from lanchat.model.failed_writes import RETRY_MS
from lanchat.model.room import MARK
from lanchat.model.session import Account, Role, Session
from lanchat.protocol.dates import local_minute
from lanchat.protocol.entry import ConversationId, Milliseconds, Seq
from lanchat.protocol.errors import NoSuchTarget, NotStored, Usage
from lanchat.protocol.events import READ
from lanchat.protocol.name_lists import NO_MORE, fitting_rows, more_line
from lanchat.protocol.packet import Packet, visible
from lanchat.state.rooms import not_in
from lanchat.tables.read_markers import Marker, SetMuted

#: What the list, what finding one conversation, and what finding a moment in the log costs, in packets; so many conversations
#: that are looked at cost one more.
LIST_COST, FIND_COST, MOMENT_COST = 20, 4, 8
LISTED_A_PACKET, LOOKED_AT_A_PACKET = 10, 100
#: More conversations than this don't fit into a packet.
PAGE = 750
_READ = "SELECT coalesce(max(read), 0) FROM members WHERE account = ? AND conv IN (SELECT value FROM json_each(?))"


class Found(NamedTuple):
    """A conversation that somebody named."""

    #: As its reader sees it.
    shown: str
    #: Its conversations in the log.
    convs: list[ConversationId]
    #: Up to where it was read.
    read: Seq
    #: What was asked for, or `read`; and when the last message up to there was said (None: there is none).
    seq: Seq
    ts: Milliseconds | None


async def _conversations(chat: Chat, session: Session, packet: Packet, args: list[str]) -> None:
    _, after = list_argument(session, packet, args[0])
    looked_at = min(len(chat.rooms.readable(session)), conversation_list.CONVERSATIONS)
    chat.charge(session, LIST_COST + looked_at / LISTED_A_PACKET)
    if session.pending:
        await chat.stored.settled()  # what it said and read before is in the list
    page, total = await chat.store.read(_query(chat, session, after))
    mine = chat.rooms.readable(session)  # without rooms that it was taken out of meanwhile
    here = [one for one in page if not one.floors.keys().isdisjoint(mine)]
    lines, rows = fitting_rows((_line(one), _row(chat, one, session)) for one in here)
    shown = after + len(rows)
    told = [f"Conversations ({total}):", *lines, *more_line(total, shown, "/conversations")]
    text = "\n".join(told) if rows else NO_MORE if total else "You have no conversations yet. Send /rooms to see the rooms."
    chat.reply(session, packet, text, quotes=True, conversations=rows, n=total, more=shown < total or None)


def _query(chat: Chat, session: Session, after: int) -> Callable[[Connection], Listed]:
    account = session.account
    if account is None:
        return partial(conversation_list.of_guest, rooms=chat.rooms.readable(session), after=after, most=PAGE)
    moved, sent = chat.read_markers.pending(account.id), sent_to_classic(account)
    return partial(conversation_list.of_account, account=account.id, moved=moved, sent=sent, after=after, most=PAGE)


def _line(one: Conversation) -> str:
    about = [f"{_number(one.unread)} unread"] * (one.unread > 0)
    about += [f"{_number(one.mentions)} mention{'s' * (one.mentions != 1)}"] * (one.mentions > 0)
    about += ["muted"] * one.muted
    return f"{one.shown}{' (' if about else ''}{', '.join(about)}{')' if about else ''} {one.topic}".rstrip()


def _row(chat: Chat, one: Conversation, session: Session) -> dict[str, object]:
    ts = None if one.ts is None else chat.timestamp(one.ts)
    kind = "room" if one.is_room else "person"
    row: dict[str, object] = {"conv": one.shown, "kind": kind, "topic": one.topic, "seq": one.seq, "ts": ts}
    if session.account is not None:
        row |= {"read": one.read, "unread": _number(one.unread), "mentions": _number(one.mentions), "muted": one.muted}
    return row


def _number(count: int) -> int | str:
    """A count as it is shown: beyond `MOST` nothing was counted."""
    return count if count <= MOST else f"{MOST}+"


async def _read(chat: Chat, session: Session, packet: Packet, args: list[str]) -> None:
    account = account_of(session)
    end = chat.store.last_seq
    place = _place(chat, session, packet, args[1])
    if isinstance(place, Moment):
        chat.charge(session, MOMENT_COST)
    found = await _find(chat, session, account, args[0], place)
    seq = found.seq
    if seq > end:
        raise Usage(f"Nothing was said after {end} yet, so nobody can have read up to {seq}.")
    if seq < found.read:
        raise Usage(f"You have read {found.shown} up to {found.read} already, and a read marker does not go back.")
    cid = packet.x.cid if packet.x is not None else None
    session.pending += 1
    markers = [Marker(account.id, conv, seq) for conv in found.convs]
    chat.read_markers.move(markers, partial(_moved, chat, session, account, cid, found))


def _moved(  # noqa: PLR0913, PLR0917 (what the answer needs)
    chat: Chat, session: Session, account: Account, cid: str | None, found: Found, stored: bool
) -> None:
    """Answer a `/read`, and tell the other devices of the account."""
    session.pending -= 1
    if not stored:
        chat.replies.answer(session, cid, NotStored.NOTHING_DONE, op="fail", code=NotStored.code, retry_ms=RETRY_MS)
        return
    marker = _marker(chat, found)
    for other in tuple(account.sessions):
        if other is not session and other.has_cap("read") and found.seq > found.read:
            chat.reply(other, None, "", op="event", ev=READ, ts=chat.timestamp(), **marker)
    chat.replies.answer(session, cid, f"You have read {found.shown} up to {found.seq}.", **marker)


def _marker(chat: Chat, found: Found) -> dict[str, Any]:
    """A read marker as members of `x`."""
    return {"conv": found.shown, "seq": found.seq, "at": None if found.ts is None else chat.timestamp(found.ts)}


async def _show_marker(chat: Chat, session: Session, packet: Packet, args: list[str]) -> None:
    if session.pending:
        await chat.stored.settled()  # what it read before counts
    found = await _find(chat, session, account_of(session), args[0].strip())
    last = "" if found.ts is None else f", {local_minute(found.ts / 1000)}"
    told = f"You have read {found.shown} up to {found.seq}{last}." if found.seq else f"You have not read {found.shown} yet."
    chat.reply(session, packet, told, **_marker(chat, found))


def _place(chat: Chat, session: Session, packet: Packet, text: str) -> Place:
    """The place in the log that a `/read` names; the end of the log, if it names none. Raises `Usage` or `NoSuchTarget`."""
    seq, words = named(session, packet).seq, text.split()[::-1]
    if seq is None and not words:
        return chat.store.last_seq
    place = seq if seq is not None else take_place(words)
    if words or place == "":
        raise Usage("Usage: /read ROOM-OR-USER [PLACE], as in /read #ops or /read @bob 1234")
    return parse_place(place, chat.now(), chat.store.epoch)


async def _notify(chat: Chat, session: Session, packet: Packet, args: list[str]) -> None:
    choice = args[1].strip().lower()
    if choice not in ("on", "off"):
        raise Usage("Usage: /notify ROOM-OR-USER on (or off), as in /notify #ops off")
    account = account_of(session)
    found = await _find(chat, session, account, args[0].strip())
    await chat.store.write(SetMuted(account.id, tuple(found.convs), choice == "off"))
    told = "is muted: clients don't ring for it, and count what is unread." if choice == "off" else "is not muted any more."
    chat.reply(session, packet, f"{found.shown} {told}", conv=found.shown)


async def _find(chat: Chat, session: Session, account: Account, target: str, place: Place | None = None) -> Found:
    """The conversation that somebody names: `#ops`, `@bob` or `bob`; and a place in it, or its read marker.

    Raises `NoSuchTarget` or `NotMember`.
    """
    chat.charge(session, FIND_COST)
    if target.startswith(MARK):
        room = chat.rooms.get(target, session)
        if room.conv not in account.conversations:
            raise not_in(room)
        shown, find = room.name, lambda _: [room.conv]
    else:
        chat.charge(session, min(len(account.conversations), conversation_list.CONVERSATIONS) / LOOKED_AT_A_PACKET)
        name = target.removeprefix("@")
        other = chat.online.account(name)
        shown = f"@{other.name.shown if other is not None else name}"
        find = partial(with_name, account=account.id, name=name, kept=other.name.key if other is not None else "")

    end, moved = chat.store.last_seq, chat.read_markers.pending(account.id)

    def query(connection: Connection) -> Found:
        convs = find(connection)
        read = connection.execute(_READ, (account.id, json.dumps(convs))).fetchone()[0]
        read = max([read, *(moved.get(conv, 0) for conv in convs)])
        seq = read if place is None else end_of(connection, place)
        seq = min(seq, end) if isinstance(place, Moment) else seq
        return Found(shown, convs, read, seq, said_last(connection, convs, clamp(seq, 0, end)))

    found = await chat.store.read(query)
    if not found.convs:
        raise NoSuchTarget(f"You have no conversation with {visible(target, 40)}. Send /conversations to see those you have.")
    moved = chat.read_markers.pending(account.id)
    return found._replace(read=max([found.read, *(moved.get(conv, 0) for conv in found.convs)]))


COMMANDS = {
    "/conversations": Command(_conversations, (), 0, "list your conversations, with what is unread in each"),
    "/read": Command(
        _read,
        ("target", "text"),
        1,
        "say that you have read a conversation, or up to which place: /read #ops 2h",
        Role.USER,
        called=("conv", "place"),
    ),
    "/marker": Command(
        _show_marker, ("target",), 1, "show up to where you have read a conversation", Role.USER, called=("conv",)
    ),
    "/notify": Command(
        _notify,
        ("target", "text"),
        2,
        "let your clients ring for a conversation, or not: /notify #ops off",
        Role.USER,
        called=("conv", "on/off"),
    ),
}
