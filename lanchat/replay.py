"""Replay: what a device missed, page by page from the log, until it has caught up with what is said now."""

from __future__ import annotations

from functools import partial

from twisted.logger import Logger

from lanchat import history
from lanchat.delivery import Delivery
from lanchat.history import Page
from lanchat.packet import SharedPacket
from lanchat.session import Lag, Session
from lanchat.voice import Voice

#: What a replay calls itself in `x.batch`.
RESUME = "resume"
#: So many of what a classic client missed are shown to it when it logs in.
SHOWN = 50

_log = Logger()


class Replay:
    """Brings sessions up to what is said now."""

    def __init__(self, delivery: Delivery, voice: Voice) -> None:
        self._delivery = delivery
        self._voice = voice

    async def missed(self, session: Session, conversations: dict[str, int], after: int) -> int:
        """How many entries of these conversations there are after a place in the log."""
        return await self._delivery.store.read(partial(history.missed, convs=dict(conversations), after=after))

    async def resume(self, session: Session, after: int) -> None:
        """Send a capable session all that it is owed after this; nothing live is shown until that is all, and said to be."""
        account, lag = session.account, Lag(after)
        assert account is not None  # noqa: S101 (nobody else is owed anything)
        session.lag, first, n = lag, after + 1, 0
        while session in account.sessions:
            asked = partial(history.replay, convs=dict(account.conversations), after=after)
            page = await self._delivery.store.read(asked)
            first = page.entries[0].seq if page.entries and not n else first
            n += len(page.entries)
            self.show(session, page, RESUME)
            after = max(after, page.edge)
            await session.client.caught_up()
            if not page.more and lag.upto <= after:
                break
        session.lag, session.seen = None, max(after, session.seen)
        self._voice.answer(session, None, "", op="end", batch=RESUME, n=n, more=False, before=first)

    async def newest(self, session: Session, after: int) -> None:
        """Show a classic session the newest of what it missed, as packets like any other."""
        account, lag = session.account, Lag(after)
        assert account is not None  # noqa: S101 (as above)
        session.lag = lag
        page, n = await self._delivery.store.read(
            partial(history.newest, convs=dict(account.conversations), after=after, limit=SHOWN)
        )
        if n:
            shown = f"Here are the newest {SHOWN}; /history has the others" if n > len(page.entries) else "Here they are"
            self._voice.answer(session, None, f"While you were away, {n} messages came for you. {shown}:")
        while session in account.sessions:
            self.show(session, page, None)
            after = max(after, *(entry.seq for entry in page.entries), page.edge)
            if lag.upto <= after:
                break
            page = await self._delivery.store.read(partial(history.replay, convs=dict(account.conversations), after=after))
        session.lag, session.seen = None, max(after, session.seen)

    def show(self, session: Session, page: Page, batch: str | None) -> None:
        """Deliver a page, in the order of the log."""
        if page.damaged:
            _log.error("rows of the log are damaged, and not shown: {seqs}", seqs=page.damaged)
        for entry in page.entries:
            packet = self._delivery.seen_by(session.account, entry, batch)
            if isinstance(packet, SharedPacket) and not session.may("room"):
                packet = packet.prefixed
            session.client.deliver(packet)
