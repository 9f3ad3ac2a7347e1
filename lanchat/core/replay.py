"""Replay: sends a device the messages that it missed, page by page from the log, until it has caught up with the new ones."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, TypeVar

import msgspec
from twisted.logger import Logger
from twisted.python.failure import Failure

from lanchat.core.delivery import Delivery
from lanchat.core.replies import Replies, with_more
from lanchat.history import changes, pages
from lanchat.history.pages import Page
from lanchat.history.positions import Count, OfAccount
from lanchat.model.session import Account, Backlog, Session
from lanchat.protocol.entry import ConversationId, Entry, Seq
from lanchat.protocol.errors import ChatError, TooSlow

#: The `x.batch` of the packets of a replay.
RESUME = "resume"
#: How many of the messages that it missed a classic client is shown when it logs in.
SHOWN = 50

_log = Logger("lanchat.replay")

T = TypeVar("T")


class Replay:
    """Brings the sessions of accounts up to date."""

    def __init__(self, delivery: Delivery, replies: Replies) -> None:
        self._delivery = delivery
        self._replies = replies

    async def missed(self, account: Account, after: int) -> int | None:
        """How many messages after the number `after` an account missed, as far as it is counted; None if that can't be read."""
        try:
            count: Count = await self._delivery.store.read(partial(pages.missed, convs=OfAccount(account.id), after=after))
        except Exception:  # noqa: BLE001 (whatever it was, a login works without this count)
            _tell("how many messages {name} missed could not be read", account)
            return None
        return count.number

    async def resume(self, session: Session, after: int, convs: Mapping[ConversationId, Seq] | None = None) -> None:
        """Send a capable session all messages after the number `after`, as a batch. New ones are held back until it has ended.

        `convs` are the conversations that are read, each with the number after which its messages count; None: all of the
        account.

        If the log can't be read, the batch ends early with `more`: the client fetches what is missing up to the number in the
        welcome. What came after that is announced as a gap.
        """
        backlog, welcomed = self._begin(session, after), self._delivery.store.last_seq
        backlog.convs = convs
        first, n, more = after + 1, 0, True
        try:
            while (more or backlog.upto > session.seen) and _is_here(session):
                if backlog.held and not more:
                    n += await self._deliver_held(session, backlog)
                    continue
                page, delivered = await self._next_page(session, backlog, RESUME)
                first = page.entries[0].seq if page.entries and not n else first
                n, more = n + delivered, page.more
            more = False
        except Exception:  # noqa: BLE001 (whatever it was, the client can fetch what is missing)
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

    async def newest(self, session: Session, after: int, say_how_many: bool = True) -> None:
        """Show a classic session the newest messages that it missed, as usual packets; before them it is told how many.

        If the log can't be read, it is told so. As it can't know what is missing, its cursor stays where it was.
        """
        backlog, newest = self._begin(session, after), self._delivery.store.last_seq
        try:
            page, count = await self._read(changes.newest, session, backlog, limit=SHOWN, upto=newest)
            if page.more and not page.entries:
                self._skip(session, after)
            elif page.entries and say_how_many:
                self._replies.answer(session, None, _since_last(page, count))
            await self._deliver_page(session, page, None, newest)
            while _lacks(session, backlog) and _is_here(session):
                await self._next_page(session, backlog, None)
        except Exception:  # noqa: BLE001 (as above)
            _tell("what {name} missed could not be read", session)
            self._skip(session, session.seen)
        session.backlog = None
        self._show_held(session, backlog)

    def tell_skipped(self, session: Session) -> None:
        """Tell a classic session whose cursor can't be read that it is not shown what it missed."""
        session.seen = self._delivery.store.last_seq
        self._skip(session, 0)

    def _skip(self, session: Session, place: int) -> None:
        session.skipped = place
        self._replies.answer(session, None, "The messages you missed can't be shown right now. Send /history to see them.")

    async def show(self, session: Session, page: Page, batch: str | None) -> int:
        """Deliver a page of messages that a client asked for, in the order of the log. Returns how many packets were sent."""
        shown = 0
        for entry in _whole(page):
            shown += await self._deliver(session, entry, batch, page.extra.get(entry.seq))
        return shown

    def _begin(self, session: Session, after: int) -> Backlog:
        session.backlog, session.seen = Backlog(after, replays=True), after
        return session.backlog

    async def _next_page(self, session: Session, backlog: Backlog, batch: str | None) -> tuple[Page, int]:
        """Send the next page of what a session missed. Returns it, and how many of its entries were for this client."""
        newest = self._delivery.store.last_seq
        page: Page = await self._read(pages.replay, session, backlog, upto=newest)
        return page, await self._deliver_page(session, page, batch, page.edge if page.more else newest)

    async def _deliver_page(self, session: Session, page: Page, batch: str | None, upto: int) -> int:
        """Send a page. After it the session has all up to the number `upto`: what else lies before that is not for it.

        Returns how many packets were sent.
        """
        delivered = 0
        for entry in _whole(page):
            delivered += await self._deliver(session, entry, batch)
            if not _is_here(session):
                return delivered
            session.sent(entry.seq)
        session.sent(upto)
        return delivered

    async def _deliver(self, session: Session, entry: Entry, batch: str | None, extra: dict[str, Any] | None = None) -> bool:
        """Deliver an entry, with these members of `x`. Returns False if it is of a kind that this client is not sent."""
        if session.client.behind():
            await session.client.caught_up()
        packet = self._delivery.forms_for(session.account, entry, batch).of(session)
        if packet is not None:
            self._delivery.deliver(session, packet if extra is None else with_more(packet, **extra))
        return packet is not None

    async def _read(self, query: Callable[..., T], session: Session, backlog: Backlog, upto: int, **asked: int) -> T:
        """Run a query for the messages after those that a session has seen; new ones are held, so that the replay has an end.

        It reads up to the number `upto`, which is known to be delivered: what is committed during the query may be of a
        conversation that the query does not know yet.
        """
        account = session.account
        assert account is not None  # noqa: S101 (guests miss nothing)
        backlog.held, backlog.asked = [], upto
        convs = OfAccount(account.id) if backlog.convs is None else backlog.convs
        return await self._delivery.store.read(partial(query, convs=convs, after=session.seen, upto=upto, **asked))

    async def _deliver_held(self, session: Session, backlog: Backlog) -> int:
        """Send the messages that were held during the last page, as a part of the batch; returns how many."""
        held, backlog.held = backlog.held or [], []
        n = 0
        for seq, packet in held:
            if seq > session.seen and packet.x is not None:
                if session.client.behind():
                    await session.client.caught_up()
                in_batch = msgspec.structs.replace(packet, x=msgspec.structs.replace(packet.x, batch=RESUME))
                self._delivery.deliver(session, in_batch)
                session.sent(seq)
                n += 1
        return n

    def _show_held(self, session: Session, backlog: Backlog) -> None:
        """Show the messages that were held during the last page, after the batch."""
        for seq, packet in backlog.held or ():
            if seq > session.seen:
                self._delivery.show(session, packet, seq)


def _since_last(page: Page, count: Count) -> str:
    """The line before the messages that a classic session missed."""
    shown, n = len(page.entries), max(count.number, len(page.entries))
    number = f"{'more than ' if count.more else ''}{n} message{' was' if n == 1 else 's were'}"
    what = f"Here are the newest {shown}; /history has the others" if page.more or n > shown else "Here they are"
    return f"Since you were last here, {number} sent to you or your rooms. {what}:"


def _tell(what: str, whose: Session | Account) -> None:
    """Log what could not be read, with the reason."""
    failure = Failure()
    if failure.check(ChatError):
        _log.info(f"{what}: {{why}}", name=whose.name.shown, why=str(failure.value))
    else:
        _log.failure(what, failure, name=whose.name.shown)


def _lacks(session: Session, backlog: Backlog) -> bool:
    """Whether there are messages that a session was not sent, and that are not held for it."""
    return backlog.held is None and backlog.upto > session.seen


def _is_here(session: Session) -> bool:
    return session.account is not None and session in session.account.sessions


def _whole(page: Page) -> list[Entry]:
    """The entries of a page. If there were damaged rows among them, that is logged."""
    if page.damaged:
        _log.error("rows of the log are damaged, and not shown: {seqs}", seqs=page.damaged)
    return page.entries
