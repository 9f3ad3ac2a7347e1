"""Replay: what a device missed, page by page from the log, until it has caught up with what is said now."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TypeVar

import msgspec
from twisted.logger import Logger
from twisted.python.failure import Failure

from lanchat.core.delivery import Delivery
from lanchat.core.replies import Replies
from lanchat.history import pages
from lanchat.history.pages import Page
from lanchat.history.positions import Count, OfAccount
from lanchat.model.session import Account, Backlog, Session
from lanchat.protocol.entry import Entry
from lanchat.protocol.errors import ChatError, TooSlow

#: What a replay calls itself in `x.batch`.
RESUME = "resume"
#: So many of what a classic client missed are shown to it when it logs in.
SHOWN = 50

_log = Logger("lanchat.replay")

T = TypeVar("T")


class Replay:
    """Brings sessions up to what is said now."""

    def __init__(self, delivery: Delivery, replies: Replies) -> None:
        self._delivery = delivery
        self._replies = replies

    async def missed(self, account: Account, after: int) -> int | None:
        """How many entries an account is owed after a place in the log, as far as it is counted; None if that can't be read."""
        try:
            count: Count = await self._delivery.store.read(partial(pages.missed, convs=OfAccount(account.id), after=after))
        except Exception:  # noqa: BLE001 (whatever it was, one may log in without this number)
            _tell("how many messages {name} missed could not be read", account)
            return None
        return count.number

    async def resume(self, session: Session, after: int) -> None:
        """Send a capable session all that it is owed after this; nothing live is shown until that is all, and said to be.

        If the log can't be read the batch ends early, and there is `more`: what lies between the last that came and the place
        that the welcome told of. If there is still more, that is told as a gap.
        """
        backlog, welcomed = self._begin(session, after), self._delivery.store.last_seq
        first, n, more = after + 1, 0, True
        try:
            while (more or backlog.upto > session.seen) and _is_here(session):
                if backlog.held and not more:
                    n += await self._hand_held(session, backlog)
                    continue
                page = await self._go_on(session, backlog, RESUME)
                first = page.entries[0].seq if page.entries and not n else first
                n, more = n + len(page.entries), page.more
            more = False
        except Exception:  # noqa: BLE001 (whatever it was, what was missed is still to be had)
            _tell("what {name} missed could not be read", session)
            more = True
        session.backlog = None
        self._replies.answer(session, None, "", op="end", batch=RESUME, n=n, more=more, before=first)
        if not more:
            session.sent(backlog.passed)
        else:
            upto = backlog.asked if backlog.held is not None else backlog.upto
            if upto > (known := max(session.seen, welcomed)):
                self._replies.answer(session, None, "", op="gap", after=known, upto=upto, why=TooSlow.code)
            session.seen = max(session.seen, welcomed, upto)
            self._show_held(session, backlog)

    async def newest(self, session: Session, after: int) -> None:
        """Show a classic session the newest of what it missed, as packets like any other.

        If the log can't be read it goes on without, and is told so. As it can't know what it lacks, its place stays there.
        """
        backlog, newest = self._begin(session, after), self._delivery.store.last_seq
        try:
            page, count = await self._read(pages.newest, session, backlog, limit=SHOWN, upto=newest)
            if page.more and not page.entries:
                self._skip(session, after)
            elif page.entries:
                self._replies.answer(session, None, _since_last(page, count))
            await self._owed(session, page, None, newest)
            while _lacks(session, backlog) and _is_here(session):
                await self._go_on(session, backlog, None)
        except Exception:  # noqa: BLE001 (as above)
            _tell("what {name} missed could not be read", session)
            self._skip(session, session.seen)
        session.backlog = None
        self._show_held(session, backlog)

    def skip(self, session: Session) -> None:
        """The same for a session of which not even the place is known."""
        session.seen = self._delivery.store.last_seq
        self._skip(session, 0)

    def _skip(self, session: Session, place: int) -> None:
        session.skipped = place
        self._replies.answer(session, None, "What you missed can't be shown now. Send /history to see it.")

    async def show(self, session: Session, page: Page, batch: str | None) -> None:
        """Deliver a page, in the order of the log."""
        for entry in _whole(page):
            await self._hand(session, entry, batch)

    def _begin(self, session: Session, after: int) -> Backlog:
        session.backlog, session.seen = Backlog(after, replays=True), after
        return session.backlog

    async def _go_on(self, session: Session, backlog: Backlog, batch: str | None) -> Page:
        """Send the next page of what a session is owed."""
        newest = self._delivery.store.last_seq
        page: Page = await self._read(pages.replay, session, backlog, upto=newest)
        await self._owed(session, page, batch, page.edge if page.more else newest)
        return page

    async def _owed(self, session: Session, page: Page, batch: str | None, upto: int) -> None:
        """Send a page; whatever else there is up to here is not for this session."""
        for entry in _whole(page):
            await self._hand(session, entry, batch)
            if not _is_here(session):
                return
            session.sent(entry.seq)
        session.sent(upto)

    async def _hand(self, session: Session, entry: Entry, batch: str | None) -> None:
        if session.client.behind():
            await session.client.caught_up()
        self._delivery.hand(session, self._delivery.seen_by(session.account, entry, batch))

    async def _read(self, query: Callable[..., T], session: Session, backlog: Backlog, upto: int, **asked: int) -> T:
        """What the log has for a session after what it has seen; what is said from here on is held, so that there is an end.

        No further than is settled: what is committed while this waits may be of a conversation that is not asked for yet.
        """
        account = session.account
        assert account is not None  # noqa: S101 (nobody else is owed anything)
        backlog.held, backlog.asked = [], upto
        convs = OfAccount(account.id)
        return await self._delivery.store.read(partial(query, convs=convs, after=session.seen, upto=upto, **asked))

    async def _hand_held(self, session: Session, backlog: Backlog) -> int:
        """Send what was said while the last page was read, as a part of the batch: its `end` says that all has come."""
        held, backlog.held = backlog.held or [], []
        n = 0
        for seq, packet in held:
            if seq > session.seen and packet.x is not None:
                if session.client.behind():
                    await session.client.caught_up()
                in_batch = msgspec.structs.replace(packet, x=msgspec.structs.replace(packet.x, batch=RESUME))
                self._delivery.hand(session, in_batch)
                session.sent(seq)
                n += 1
        return n

    def _show_held(self, session: Session, backlog: Backlog) -> None:
        """Show what was said while the last page was read."""
        for seq, packet in backlog.held or ():
            if seq > session.seen:
                self._delivery.show(session, packet, seq)


def _since_last(page: Page, count: Count) -> str:
    """What a classic session is told before it is shown the newest of what it missed."""
    shown, n = len(page.entries), max(count.number, len(page.entries))
    number = f"{'more than ' if count.more else ''}{n} messages were"
    what = f"Here are the newest {shown}; /history has the others" if page.more or n > shown else "Here they are"
    return f"Since you were last here, {number} said in your conversations. {what}:"


def _tell(what: str, whose: Session | Account) -> None:
    """Note in the log what could not be read, with the reason."""
    failure = Failure()
    if failure.check(ChatError):
        _log.info(f"{what}: {{why}}", name=whose.name.shown, why=str(failure.value))
    else:
        _log.failure(what, failure, name=whose.name.shown)


def _lacks(session: Session, backlog: Backlog) -> bool:
    """Whether something was said that a session was not sent, and that is not held for it."""
    return backlog.held is None and backlog.upto > session.seen


def _is_here(session: Session) -> bool:
    return session.account is not None and session in session.account.sessions


def _whole(page: Page) -> list[Entry]:
    """The entries of a page; if others were damaged, that is logged."""
    if page.damaged:
        _log.error("rows of the log are damaged, and not shown: {seqs}", seqs=page.damaged)
    return page.entries
