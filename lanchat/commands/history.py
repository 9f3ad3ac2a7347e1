"""History: pages of the log, and search."""

from __future__ import annotations

from collections.abc import Callable, Collection
from functools import partial
from sqlite3 import Connection
from typing import NamedTuple, TypeAlias

from lanchat.commands import page_requests
from lanchat.commands.command import Command, named
from lanchat.commands.page_requests import is_alone, page_request
from lanchat.core.chat import Chat
from lanchat.core.forms import with_file
from lanchat.history import pages, search
from lanchat.history.changes import fold_found, fold_page
from lanchat.history.conversations import with_name
from lanchat.history.moments import Moment, parse_place, place_of
from lanchat.history.positions import ALL, SAID, WITH_EVENTS, OfAccount
from lanchat.history.snippets import snippet
from lanchat.model.room import MARK
from lanchat.model.session import Session
from lanchat.protocol import events
from lanchat.protocol.dates import local_minute
from lanchat.protocol.entry import ACTION, BOT, EVENT, NOTICE, Entry
from lanchat.protocol.errors import NoSuchTarget
from lanchat.protocol.packet import EVERYONE, Packet, visible
from lanchat.protocol.typed_lines import NOT_KEPT
from lanchat.state.rooms import not_in

#: What a page and a search cost, in packets. So many entries that are found, and so many characters of them, cost one more.
PAGE_COST, SEARCH_COST = 12, 20
ENTRIES_A_PACKET, TEXT_A_PACKET = 4, 1024
#: Characters of a page in words that are sent before others have their turn.
AT_ONCE = 16_384

#: Conversations that somebody may read: some, or all of an account's.
Readable: TypeAlias = Collection[str] | OfAccount


class Found(NamedTuple):
    """A page, the conversations in which it was looked for, and the `seq` before which it had to end, if any."""

    convs: Readable
    page: pages.Page
    before: int | None


async def _history(chat: Chat, session: Session, packet: Packet, args: list[str]) -> None:
    target, rest = _target(session, packet, args)
    asked = page_request(chat, named(session, packet), rest)
    find = _readable_query(chat, session, target)
    kinds = WITH_EVENTS if session.understands("event") and named(session, packet).events is not False else SAID
    if session.has_cap("edit") and asked.after is not None and not target:  # (it may fill a gap, in which changes were)
        kinds = ALL
    chat.charge(session, PAGE_COST)
    await _settle_own(chat, session)

    def read(connection: Connection) -> Found:
        before, after, around = (None if place is None else place_of(connection, place) for place in asked[:3])
        if isinstance(asked.after, Moment) and after is not None:
            after -= 1  # (the first message at that moment is on the page)
        convs = find(connection)
        page = pages.page(connection, convs, before=before, after=after, around=around, limit=asked.limit, kinds=kinds)
        fold_page(connection, page, forward=after is not None)
        return Found(convs, page, before)

    convs, page, before = await chat.store.read(read)
    _drop_unreadable(chat, session, page)
    if _are_several(session, convs):
        _tell_several(chat, session, target)
    where = "in this conversation." if target else f"in your conversations. {_not_kept(chat)}"
    further = ["/history", _written(target), str(pages.Size.asked(asked.limit).entries), *["numbers"] * asked.numbers]
    further += ["before", str(page.edge)] if asked.after is None else ["after", str(page.edge)]
    further += ["before", str(before)] if asked.after is not None and before is not None else []
    await _show(chat, session, packet, page, where, " ".join(filter(None, further)), asked.numbers)


async def _search(chat: Chat, session: Session, packet: Packet, args: list[str]) -> None:
    query = search.parse_query(args[0], chat.now(), chat.store.epoch)
    find = _readable_query(chat, session, query.where or "")
    x = named(session, packet)
    before = None if x.before is None else parse_place(x.before, chat.now(), chat.store.epoch)
    chat.charge(session, SEARCH_COST)
    await _settle_own(chat, session)

    def read(connection: Connection) -> tuple[Readable, pages.Page]:
        convs = find(connection)
        page = search.search(connection, query, convs, before=before, limit=x.limit or page_requests.PAGE)
        fold_found(connection, page)
        if session.has_cap("id"):
            page.extra = {entry.seq: {"snippet": snippet(entry.msg, query.words)} for entry in page.entries}
        return convs, page

    convs, page = await chat.store.read(read, slow=True)
    _drop_unreadable(chat, session, page)
    if query.sender is not None and len({entry.author for entry in page.entries}) > 1:
        _tell_several(chat, session, query.sender)
    elif query.where is not None and page.entries and _are_several(session, convs):
        _tell_several(chat, session, query.where)
    if page.unindexed:
        chat.reply(session, None, "Older messages are still being indexed, so there may be more. Search again later.")
    where = f"with these words. {_not_kept(chat)}"
    await _show(chat, session, packet, page, where, f"/search {search.going_on(args[0], page.edge)}")


def _are_several(session: Session, convs: Readable) -> bool:
    """Whether these are private conversations of an account with several people who had the same name."""
    return session.account is not None and not isinstance(convs, OfAccount) and len(convs) > 1


def _tell_several(chat: Chat, session: Session, name: str) -> None:
    """Tell a session that the messages may be of several people who had this name."""
    shown = visible(name.removeprefix("@"), 40)
    chat.reply(session, None, f"These may be different people: several have used the name {shown}.")


def _drop_unreadable(chat: Chat, session: Session, page: pages.Page) -> None:
    """Leave out the entries of rooms that somebody was taken out of while the page was read."""
    mine = chat.rooms.readable(session)
    page.entries = [entry for entry in page.entries if entry.conv in mine]


async def _settle_own(chat: Chat, session: Session) -> None:
    """Wait until what a session said before is in the log, as its answer may have to show it."""
    if session.pending:
        await chat.stored.settled()


def _target(session: Session, packet: Packet, args: list[str]) -> tuple[str, str]:
    """The room or user that a page is of ("" for all conversations), and the rest of the request.

    `20 before 99` is of all conversations. A user whose name is a number is written `@20`.
    """
    x = named(session, packet)
    if x.target is x.text is None and is_alone(packet.msg):
        return "", packet.msg
    return args[0].strip(), args[1]


def _written(target: str) -> str:
    """A room or a user as it is typed: a user with `@`, so that it is not taken for a number."""
    return visible(target if target[:1] in ("", MARK, "@") else f"@{target}", 64)


def _readable_query(chat: Chat, session: Session, target: str) -> Callable[[Connection], Readable]:
    """A query that finds the conversations with a target ("" is all) that a session may read.

    Raises `NotMember`, `Banned` or `NoSuchTarget`; the query raises `NoSuchTarget`.
    """
    account = session.account
    if not target:
        mine = OfAccount(account.id) if account is not None else chat.rooms.readable(session)
        return lambda connection: mine
    if target.startswith(MARK):
        room = chat.rooms.get(target, session)
        if session not in room.sessions:
            chat.sanctions.check_may_join(session, room)
            raise not_in(room, "read what is said there")
        return lambda connection: [room.conv]
    if target.removeprefix("@").lower() == EVERYONE.lower():
        raise NoSuchTarget(_not_kept(chat))
    nothing = NoSuchTarget(
        f"There are no stored messages between you and {visible(target, 40)}: only messages from or to accounts are stored."
    )
    if account is None:
        raise nothing
    name = target.removeprefix("@")
    other = chat.online.account(name)
    kept = other.name.key if other is not None else ""
    return partial(_private_conversations, account=account.id, name=name, kept=kept, nothing=nothing)


def _private_conversations(connection: Connection, account: int, name: str, kept: str, nothing: NoSuchTarget) -> list[str]:
    """The private conversations of an account with those who had this name. Raises `nothing` if there is none."""
    convs = with_name(connection, account, name, kept)
    if not convs:
        raise nothing
    return convs


async def _show(  # noqa: PLR0913, PLR0917 (the last ones are about the lines)
    chat: Chat, session: Session, packet: Packet, page: pages.Page, where: str, further: str, numbers: bool = False
) -> None:
    """Answer with a page: with messages for programs, with lines of text for people, who are told how to see more."""
    weight = len(page.entries) / ENTRIES_A_PACKET + sum(len(entry.msg) for entry in page.entries) / TEXT_A_PACKET
    session.packets.take(weight, chat.clock.seconds())  # (the page is shown in any case, and the next request waits)
    before = page.edge if page.more or not page.entries else page.entries[0].seq
    if session.has_cap("id"):
        batch = (packet.x and packet.x.cid) or packet.to.removeprefix("/").lower()
        n = await chat.replay.show(session, page, batch)
        chat.reply(session, packet, "", op="end", batch=batch, n=n, more=page.more, before=before)
        return
    shown = 0
    for entry in page.entries:
        if session.client.behind() or shown > AT_ONCE:
            await session.client.caught_up()
            shown = 0
        told, link = _with_file(chat, session, entry)
        chat.reply(session, packet, _line(entry, numbers, told), quotes=True)
        if link:
            chat.reply(session, packet, link)
        shown += len(entry.msg)
    if page.more:
        chat.reply(session, packet, f"There is more: {further}")
    elif not page.entries:
        chat.reply(session, packet, f"There is nothing {where}")


def _not_kept(chat: Chat) -> str:
    """A sentence that says which messages are not stored."""
    return NOT_KEPT if chat.store.stores_messages else "This server stores no messages."


def _with_file(chat: Chat, session: Session, entry: Entry) -> tuple[str, str]:
    """The text of a message, with a sentence about the file that goes with it; and its link, if that stands by itself."""
    if entry.file is None:
        return entry.msg, ""
    said, link = chat.uploads.links.told(session, entry.seq, entry.file)
    return with_file(entry.msg, entry.file, said, " - "), link


def _line(entry: Entry, number: bool = False, text: str | None = None) -> str:
    """An entry on one line, for people. As it is one line, no part of a message looks like another entry.

    `text` is shown instead of its own.
    """
    then = local_minute(entry.ts / 1000)
    if entry.kind == EVENT:
        told = f"* {visible(events.decode(entry.msg).sentence(entry.name, entry.target))}"
    else:
        is_bot = entry.kind == BOT or (entry.author or 0) < 0
        mark = f" ({BOT})" if is_bot else f" ({NOTICE})" if entry.kind == NOTICE else ""
        action = f"* {entry.name} " if entry.kind == ACTION else ""
        edited = " (edited)" if entry.edited is not None else ""
        told = f"{entry.name}{mark} -> {entry.target}: {action}{visible(entry.msg if text is None else text)}{edited}"
    return f"{then} {told} [{entry.seq}]" if number else f"{then} {told}"


COMMANDS = {
    "/history": Command(
        _history, ("target", "text"), 0, "show earlier messages of a room or with a user: /history #ops 20 before 99"
    ),
    "/search": Command(_search, ("text",), 1, "search for words, from:NAME, in:#ROOM or in:@USER, since:7d, before:1234"),
}
