"""What was said before: pages of the log, and a search in it."""

from __future__ import annotations

import re
from datetime import datetime
from functools import partial
from typing import Any

from lanchat import history, search
from lanchat.command import Command
from lanchat.entry import Entry
from lanchat.errors import ChatError, NoSuchTarget, NotMember, Usage
from lanchat.packet import Packet, X, visible
from lanchat.rooms import MARK
from lanchat.router import Router
from lanchat.session import Session

#: What a page and a search cost, in packets; so many entries that are found, and so many characters of them, cost one more.
PAGE_COST, SEARCH_COST = 5, 20
ENTRIES_A_PACKET, TEXT_A_PACKET = 4, 1024
#: Characters that are shown in words before others have their turn.
AT_ONCE = 16_384
#: Entries in a page that did not say how many.
PAGE = 50

# One of the words of a request. Each has one way to match: a pattern for all of them could try for hours.
_WORD = re.compile(r"(?:(before|after|around)\s+)?(\d{1,19})(?:\s+|$)", re.IGNORECASE)


async def _history(router: Router, session: Session, packet: Packet, args: list[str]) -> None:
    target, rest = args
    asked = _asked(packet.x or X(), rest)
    convs = _readable(router, session, target.strip())
    router.charge(session, PAGE_COST)
    await _own_first(router, session)
    page = await router.store.read(lambda connection: history.page(connection, convs, **asked))
    _leave_out(router, session, target.strip(), page)
    where = "in this conversation" if target.strip() else "in your conversations"
    further = f"{asked['limit']} {'after' if asked['after'] is not None else 'before'} {page.edge}"
    await _show(router, session, packet, page, where, f"/history {visible(target.strip(), 64)} {further}")


async def _search(router: Router, session: Session, packet: Packet, args: list[str]) -> None:
    query = search.parse_query(args[0], router.now())
    readable = _readable(router, session, query.where or "")
    x = packet.x or X()
    router.charge(session, SEARCH_COST)
    await _own_first(router, session)
    found = partial(search.search, query=query, readable=readable, before=x.before, limit=x.limit or PAGE)
    page = await router.store.read(found, slow=True)
    _leave_out(router, session, query.where or "", page)
    await _show(router, session, packet, page, "that has these words", "add in:#ROOM, from:NAME or since:7d")


def _leave_out(router: Router, session: Session, target: str, page: history.Page) -> None:
    """While it was read somebody may have been sent out of a room: what is said there is nothing for them any more."""
    try:
        readable = set(_readable(router, session, target))
    except ChatError:
        readable = set()
    page.entries = [entry for entry in page.entries if entry.conv in readable]


async def _own_first(router: Router, session: Session) -> None:
    """What somebody said before asking is there when the answer is made."""
    if session.pending:
        await router.delivery.settled()


def _asked(x: X, rest: str) -> dict[str, Any]:
    """Where a page begins, and how long it is: members of `x`, or words such as `20 before 1234`."""
    asked = {"before": x.before, "after": x.after, "around": x.around, "limit": x.limit or PAGE}
    rest, at = rest.strip(), 0
    while at < len(rest):
        if (word := _WORD.match(rest, at)) is None:
            raise Usage("Usage: /history ROOM-OR-USER [HOW MANY] [before NUMBER] (or after, or around), as in /history #ops 20")
        asked[(word[1] or "limit").lower()] = int(word[2])
        at = word.end()
    return asked


def _readable(router: Router, session: Session, target: str) -> list[str]:
    """The conversations that somebody may read: one of them, or all; raises `NotMember`, `Banned` or `NoSuchTarget`."""
    account = session.account
    if not target:
        return list(account.conversations) if account is not None else [room.conv for room in router.rooms.of(session)]
    if target.startswith(MARK):
        room = router.rooms.get(target, session)
        if session not in room.sessions:
            router.sanctions.check_may_join(session, room)
            raise NotMember(f"You are not in {room.name}. Send /join {room.name} to read what is said there.")
        return [room.conv]
    conv = None if account is None else router.delivery.between(account, target.removeprefix("@"))
    if conv is None:
        raise NoSuchTarget(f"Nothing is kept of you and {visible(target, 40)}: only what accounts say, or are told, is.")
    return [conv]


async def _show(  # noqa: PLR0913, PLR0917 (the last two are how it is said)
    router: Router, session: Session, packet: Packet, page: history.Page, where: str, further: str
) -> None:
    """Answer with a page: as packets for programs, as lines of text for people, who are told how to go on."""
    weight = len(page.entries) / ENTRIES_A_PACKET + sum(len(entry.msg) for entry in page.entries) / TEXT_A_PACKET
    session.packets.take(weight, router.clock.seconds())  # it was asked for: it is shown, and what is asked next waits for it
    before = page.edge if page.more or not page.entries else page.entries[0].seq
    if session.may("id"):
        batch = (packet.x and packet.x.cid) or packet.to.removeprefix("/").lower()
        await router.replay.show(session, page, batch)
        router.reply(session, packet, "", op="end", batch=batch, n=len(page.entries), more=page.more, before=before)
        return
    shown = 0
    for entry in page.entries:
        if session.client.behind() or shown > AT_ONCE:
            await session.client.caught_up()
            shown = 0
        router.reply(session, packet, _line(entry))
        shown += len(entry.msg)
    if not page.entries:
        router.reply(session, packet, f"There is nothing {where}.")
    elif page.more:
        router.reply(session, packet, f"There is more: {further}")


def _line(entry: Entry) -> str:
    """An entry as people read it, on one line: what follows is never part of what somebody said."""
    then = datetime.fromtimestamp(entry.ts / 1000).astimezone().strftime("%Y-%m-%d %H:%M")
    return f"{then} {entry.name} -> {entry.target}: {visible(entry.msg)}"


COMMANDS = {
    "/history": Command(_history, ("target", "text"), 0, "what was said in a room or with a user: /history #ops 20 before 99"),
    "/search": Command(_search, ("text",), 1, "look for words, from:NAME, in:#ROOM or in:@USER, since:7d"),
}
