"""Replay: what a device missed, page by page from the log, until it has caught up with what is said now."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TypeVar

import msgspec
from twisted.logger import Logger

from lanchat import history
from lanchat.delivery import Delivery
from lanchat.entry import Entry
from lanchat.history import Page
from lanchat.session import Lag, Session
from lanchat.voice import Voice

#: What a replay calls itself in `x.batch`.
RESUME = "resume"
#: So many of what a classic client missed are shown to it when it logs in.
SHOWN = 50

_log = Logger()

T = TypeVar("T")


class Replay:
    """Brings sessions up to what is said now."""

    def __init__(self, delivery: Delivery, voice: Voice) -> None:
        self._delivery = delivery
        self._voice = voice

    async def missed(self, session: Session, conversations: dict[str, int], after: int) -> int:
        """How many entries of these conversations there are after a place in the log."""
        return await self._delivery.store.read(partial(history.missed, convs=dict(conversations), after=after))

    async def resume(self, session: Session, after: int) -> None:
        """Send a capable session all that it is owed after this; nothing live is shown until that is all, and said to be.

        Raises `RateLimited` or `TooSlow` when the log can't be read; then it must not go on as if it had been.
        """
        lag = self._begin(session, after)
        first, n, more = after + 1, 0, True
        while (more or lag.upto > session.seen) and _is_here(session):
            if lag.held and not more:
                n += await self._hand_held(session, lag)
                continue
            page = await self._go_on(session, lag, RESUME)
            first = page.entries[0].seq if page.entries and not n else first
            n, more = n + len(page.entries), page.more
        session.lag = None
        self._voice.answer(session, None, "", op="end", batch=RESUME, n=n, more=False, before=first)

    async def newest(self, session: Session, after: int) -> None:
        """Show a classic session the newest of what it missed, as packets like any other."""
        lag, newest = self._begin(session, after), self._delivery.store.last_seq
        try:
            page, n = await self._read(history.newest, session, limit=SHOWN, upto=newest)
            if n:
                shown = f"Here are the newest {len(page.entries)}; /history has the others" if page.more else "Here they are"
                self._voice.answer(
                    session, None, f"Since you were last here, {n} messages were said in your conversations. {shown}:"
                )
            await self._owed(session, page, None, newest)
            while _lacks(session, lag) and _is_here(session):
                await self._go_on(session, lag, None)
        finally:
            session.lag = None
        self._show_held(session, lag)

    async def show(self, session: Session, page: Page, batch: str | None) -> None:
        """Deliver a page, in the order of the log."""
        for entry in _whole(page):
            await self._hand(session, entry, batch)

    def _begin(self, session: Session, after: int) -> Lag:
        session.lag, session.seen = Lag(after, replays=True), after
        return session.lag

    async def _go_on(self, session: Session, lag: Lag, batch: str | None) -> Page:
        """Send the next page of what a session is owed; what is said from here on is held, so that there is a last page."""
        newest, lag.held = self._delivery.store.last_seq, []
        # No further than is settled: what is committed while this waits may be of a conversation that is not asked for yet.
        page: Page = await self._read(history.replay, session, upto=newest)
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

    async def _read(self, query: Callable[..., T], session: Session, **asked: int) -> T:
        """What the log has for a session after what it has seen."""
        account = session.account
        assert account is not None  # noqa: S101 (nobody else is owed anything)
        convs = dict(account.conversations)
        return await self._delivery.store.read(partial(query, convs=convs, after=session.seen, **asked))

    async def _hand_held(self, session: Session, lag: Lag) -> int:
        """Send what was said while the last page was read, as a part of the batch: its `end` says that all has come."""
        held, lag.held = lag.held or [], []
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

    def _show_held(self, session: Session, lag: Lag) -> None:
        """Show what was said while the last page was read."""
        for seq, packet in lag.held or ():
            if seq > session.seen:
                self._delivery.show(session, packet, seq)


def _lacks(session: Session, lag: Lag) -> bool:
    """Whether something was said that a session was not sent, and that is not held for it."""
    return lag.held is None and lag.upto > session.seen


def _is_here(session: Session) -> bool:
    return session.account is not None and session in session.account.sessions


def _whole(page: Page) -> list[Entry]:
    """The entries of a page; if others were damaged, that is logged."""
    if page.damaged:
        _log.error("rows of the log are damaged, and not shown: {seqs}", seqs=page.damaged)
    return page.entries
