"""Resending: messages that a client sends again are stored in their order, and once.

A client sends a message again that was refused for now, or whose acknowledgement did not reach it. It is known by its `cid`.
"""

from __future__ import annotations

from lanchat.core.delivery import Delivery
from lanchat.core.replies import Replies
from lanchat.model.failed_writes import RETRY_MS, FailedWrites
from lanchat.model.session import Session
from lanchat.protocol.entry import Entry
from lanchat.protocol.errors import ChatError, NotStored
from lanchat.protocol.packet import Packet
from lanchat.state.interfaces import Store

BEHIND = "An earlier message could not be stored, so nobody got this one either. Try again in a moment."
PERHAPS_STORED = "The server can't check right now whether it has already stored this. Try again in a moment."


def note_failed(session: Session, cid: str | None, now: float) -> None:
    """Note that a message could not be stored for now. What has no `cid` is never sent again by the client itself.

    `now` is in seconds, by the clock that only goes forward.
    """
    if cid is not None:
        session.failed_writes = session.failed_writes or FailedWrites()
        session.failed_writes.add(cid, now)


def check_order(session: Session, cid: str | None, now: float) -> None:
    """Raise `NotStored` for a message that would go past an earlier one that was refused and may be sent again."""
    if session.failed_writes is not None and session.failed_writes.must_wait(cid, now):
        note_failed(session, cid, now)
        raise NotStored(BEHIND, retry_ms=RETRY_MS)


def may_be_repeat(session: Session, packet: Packet) -> bool:
    """Whether a packet has what a repeated message is recognised by: an account as its author, and a `cid`."""
    return session.account is not None and packet.x is not None and packet.x.cid is not None


def as_entry(session: Session, packet: Packet, kind: str | None, now: float) -> Entry:
    """What a packet says, which `may_be_repeat`, as an entry for `answer_repeat`. `now` is in seconds since 1970."""
    author, cid = session.account, packet.x.cid if packet.x is not None else None
    assert author is not None  # noqa: S101 (`may_be_repeat`)
    sender, to = session.sender, packet.to.strip()
    return Entry("", author.id, sender.name, sender.ip, to, packet.msg, round(now * 1000), None, cid, kind=kind)


async def find_repeated(store: Store, session: Session, sent: Entry, replies: Replies) -> Entry | None:
    """Find the stored message that another one repeats; None if it is a new one.

    Raises `NotStored` if the log can't be read now.
    """
    try:
        known = await store.find_repeated(sent)
    except NotStored:
        note_failed(session, sent.cid, replies.seconds())
        raise NotStored(PERHAPS_STORED, retry_ms=RETRY_MS) from None
    if session.failed_writes is not None:
        session.failed_writes.stored(sent.cid)
    return known


async def answer_repeat(delivery: Delivery, replies: Replies, session: Session, sent: Entry, refusal: ChatError) -> None:
    """Acknowledge a refused entry if it repeats a stored one; raises `refusal` if not, `NotStored` if that is unknown.

    Of `sent`, `ts` is the time of now; its `conv` is not used.
    """
    known = await find_repeated(delivery.store, session, sent, replies)
    if known is None:
        raise refusal
    replies.acknowledge_stored(session, known, delivery.packet_for(None, known), "")
