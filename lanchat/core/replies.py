"""Replies: the server's answers to a session, what requests cost it, and the time as it is written in packets."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from functools import lru_cache
from typing import Any, TypeAlias

from msgspec.structs import replace

from lanchat.model.session import Account, Session
from lanchat.protocol.dates import utc_milliseconds
from lanchat.protocol.entry import Entry
from lanchat.protocol.errors import RateLimited, TooBig
from lanchat.protocol.extensions import AnswerX, ServerX
from lanchat.protocol.interfaces import Clock
from lanchat.protocol.limits import Limits
from lanchat.protocol.packet import MAX_PACKET, SERVER, Packet, ServerPacket

#: Characters of a text that fit into a packet even if each is written as an escape.
SURE_TO_FIT = MAX_PACKET // 8
#: How many deliveries of a message cost its sender as much as another packet; how many characters of its text count as one
#: more delivery.
DELIVERIES_A_PACKET, TEXT_A_DELIVERY = 20, 120
#: The `op` of answers that may have data of their own (`AnswerX`).
WITH_DATA = ("ok", "welcome")
#: How many names that are looked at for a list cost as much as another packet.
NAMES_A_PACKET = 100
#: How many times somebody was told that another is away are remembered; whoever is forgotten is told again.
MAX_TOLD = 10_000

#: Identifies an account, or a guest from the connection to its end.
_Identity: TypeAlias = int | tuple[str, float]


class Quoting(ServerPacket):
    """An answer of the server's that repeats what users wrote, such as a message, a topic or a reason; so it is not trusted."""


class Replies:
    """Answers clients, and charges them for expensive requests."""

    def __init__(self, clock: Clock, limits: Limits, now: Callable[[], float] = time.time) -> None:
        """`clock` only goes forward, and is for rates; `now` returns the time of day, in seconds since 1970."""
        self.now = now
        self.seconds = clock.seconds
        self.limits = limits
        self._told_away: dict[tuple[_Identity, _Identity], str] = {}  # by who was told, and of whom; the latest is the last

    def reply(
        self, session: Session, packet: Packet | None, msg: str, op: str = "ok", *, quotes: bool = False, **data: Any
    ) -> None:
        """Answer a packet of this session's, or, with None, tell it something that it did not ask for.

        People read `msg`; capable clients also get `op` and `data` as members of `x`. `quotes` says that the answer repeats
        what users wrote.
        """
        self.answer(session, packet.x.cid if packet and packet.x else None, msg, op, quotes=quotes, **data)

    def answer(self, session: Session, cid: str | None, msg: str, op: str = "ok", *, quotes: bool = False, **data: Any) -> None:
        """Answer the packet that had this `cid`; otherwise as `reply`."""
        x = None if session.caps is None else (AnswerX if op in WITH_DATA else ServerX)(op=op, cid=cid, **data)
        session.client.deliver((Quoting if quotes else ServerPacket)(SERVER, session.name.shown, msg, x))

    def acknowledge_relayed(self, session: Session, packet: Packet, x: ServerX, told: str = "", n: int | None = None) -> bool:
        """Acknowledge a message if the sender's client asked for that; returns whether it did."""
        cid = packet.x.cid if packet.x is not None and session.has_cap("ack") else None
        if cid is not None:
            self.answer(session, cid, told, op="ack", id=x.id, ts=x.ts, state="relayed", n=n)
        return cid is not None

    def acknowledge_stored(self, session: Session, entry: Entry, packet: ServerPacket, told: str) -> None:
        """Acknowledge an entry to its sender, who may be told something besides."""
        if session.has_cap("ack") and entry.cid is not None and packet.x is not None:
            x, dup = packet.x, entry.dup or None
            self.answer(session, entry.cid, told, op="ack", id=x.id, ts=x.ts, state=entry.state, seq=x.seq, dup=dup)
        elif told:
            self.answer(session, entry.cid, told)

    def tell_away(self, session: Session, whom: Session | Account) -> None:
        """Tell the sender of a message that the one it is for is away, unless they were told this text already."""
        pair = _identity(session), _identity(whom)
        if pair[0] == pair[1] or self._told_away.get(pair) == whom.away:
            return
        self._told_away.pop(pair, None)
        self._told_away[pair] = whom.away
        if len(self._told_away) > MAX_TOLD:
            del self._told_away[next(iter(self._told_away))]
        name, text = whom.name.shown, whom.away
        self.reply(session, None, f"{name} is away: {text}", quotes=True, people=[{"name": name, "away": text}])

    def charge(self, session: Session, cost: float) -> None:
        """Charge a session as if it had sent `cost` packets more. Raises `RateLimited` if its rate does not allow that now."""
        if wait := session.packets.try_take(cost, self.seconds()):
            raise RateLimited(f"That is too much at once. Try again in {math.ceil(wait)} s.", retry_ms=math.ceil(wait * 1000))

    def charge_for(self, session: Session, readers: int, text: str = "") -> None:
        """Charge a session for a text that is delivered to so many readers; a long one costs more. Raises as `charge`.

        In a long text with control characters, those count as they are written in JSON, which is up to six bytes.
        """
        size = len(text)
        if size >= TEXT_A_DELIVERY and not text.isprintable():
            size = len(ascii(text))
        self.charge(session, readers * (1 + size // TEXT_A_DELIVERY) / DELIVERIES_A_PACKET)

    def timestamp(self, milliseconds: int | None = None) -> str:
        """A time in milliseconds since 1970 (None: now), as RFC 3339 in UTC with milliseconds: `2026-11-20T14:03:22.500Z`."""
        return _written(round(self.now() * 1000) if milliseconds is None else milliseconds)


def _identity(whom: Session | Account) -> _Identity:
    account = whom.account if isinstance(whom, Session) else whom
    if account is not None:
        return account.id
    assert isinstance(whom, Session)  # noqa: S101 (or it would be an account)
    return whom.name.key, whom.since


_written = lru_cache(maxsize=256)(utc_milliseconds)  # (most of one turn happens in the same millisecond)


def with_more(packet: ServerPacket, **more: Any) -> ServerPacket:
    """A packet with more members of `x`; without them, if it would be too long."""
    longer = replace(packet, x=replace(packet.x or ServerX(), **more))
    return packet if len(longer.line) > MAX_PACKET + 1 else longer


def check_growth(message: ServerPacket) -> None:
    """Raise `TooBig` if a packet is over its limit although its text is not, as control characters take six bytes each."""
    if len(message.msg) > SURE_TO_FIT and len(message.line) > MAX_PACKET + 1:
        raise TooBig(f"With its control characters escaped, this is over {MAX_PACKET} bytes. Send it in parts.")
