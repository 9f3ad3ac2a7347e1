"""Voice: what the server itself says to a session, what a session may ask of it, and what time it is."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from datetime import datetime, timezone
from functools import lru_cache
from typing import Any

from lanchat.model.session import Session
from lanchat.protocol.errors import RateLimited, TooBig
from lanchat.protocol.interfaces import Clock
from lanchat.protocol.limits import Limits
from lanchat.protocol.packet import MAX_PACKET, SERVER, Packet, ServerPacket, ServerX

#: Characters of a text that fit into a packet however they are written.
SURE_TO_FIT = MAX_PACKET // 8
#: So many deliveries cost a sender as much as another packet. Each so many characters of a text count as one more delivery.
DELIVERIES_A_PACKET, TEXT_A_DELIVERY = 20, 200
#: What is listed of so many names costs a sender as much as another packet.
NAMES_A_PACKET = 100


class Quoting(ServerPacket):
    """An answer of the server's that repeats what users wrote: a message, a topic, a reason."""


class Replies:
    """Answers, the limits on what is asked, and the time."""

    def __init__(self, clock: Clock, limits: Limits, now: Callable[[], float] = time.time) -> None:
        """`clock` is for what waits and only goes forward; `now` is the time of day, which people set."""
        self.now = now
        self.seconds = clock.seconds
        self.limits = limits

    def reply(
        self, session: Session, packet: Packet | None, msg: str, op: str = "ok", *, quotes: bool = False, **data: Any
    ) -> None:
        """Answer a packet of this session's, or (None) tell it something; `data` is for capable clients.

        `quotes`: what is told repeats what users wrote.
        """
        self.answer(session, packet.x.cid if packet and packet.x else None, msg, op, quotes=quotes, **data)

    def answer(self, session: Session, cid: str | None, msg: str, op: str = "ok", *, quotes: bool = False, **data: Any) -> None:
        """The same, to what had this `cid`."""
        x = None if session.caps is None else ServerX(op=op, cid=cid, **data)
        session.client.deliver((Quoting if quotes else ServerPacket)(SERVER, session.name.shown, msg, x))

    def charge(self, session: Session, cost: float) -> None:
        """Take so many packets' worth from what the session has left; raises `RateLimited` when that is not enough."""
        if wait := session.packets.try_take(cost, self.seconds()):
            raise RateLimited(f"That is too much at once. Try again in {math.ceil(wait)} s.", retry_ms=math.ceil(wait * 1000))

    def charge_for(self, session: Session, readers: int, text: str = "") -> None:
        """Take what it costs to tell so many something: more for a long text, which is written to each. Raises as `charge`.

        In a long text with characters that can't be shown each of those counts as it is written out, which is up to six bytes.
        """
        size = len(text)
        if size >= TEXT_A_DELIVERY and not text.isprintable():
            size = len(ascii(text))
        self.charge(session, readers * (1 + size // TEXT_A_DELIVERY) / DELIVERIES_A_PACKET)

    def timestamp(self, milliseconds: int | None = None) -> str:
        """A time (now, if none is given), as RFC 3339 in UTC with milliseconds."""
        return _written(round(self.now() * 1000) if milliseconds is None else milliseconds)


@lru_cache(maxsize=256)  # what happens in one turn happens in the same millisecond, as often as not
def _written(milliseconds: int) -> str:
    then = datetime.fromtimestamp(milliseconds / 1000, timezone.utc)
    return then.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def check_growth(message: ServerPacket) -> None:
    """Control characters take six bytes each: a text within its limit may still make a packet that is over its own."""
    if len(message.msg) > SURE_TO_FIT and len(message.line) > MAX_PACKET + 1:
        raise TooBig(f"With its control characters written out this is over {MAX_PACKET} bytes. Send it in parts.")
