"""Pages of /history and /search, as a user at a terminal asks for them: one page, then the page before it."""

from __future__ import annotations

import re

from lanchat.client.interfaces import BATCHED, NotSent, OutgoingMessage
from lanchat.client.log_sync import DELIVERIES, RESUME_BATCH
from lanchat.client.session import ClientSession
from lanchat.protocol.extensions import AnswerX
from lanchat.protocol.packet import EVERYONE, ReceivedPacket
from lanchat.protocol.typed_lines import NOT_KEPT

_HISTORY = re.compile(
    r"(?P<where>[#@]\S+)?\s*(?P<limit>[0-9]{1,9}(?!\S))?\s*(?P<place>(?:before|after|around|between)\s.*)?", re.IGNORECASE
)
# A request whose next page is after the one before; and the place in another one, which the next page replaces.
_ONWARD = re.compile(r"(?:^|\s)(?:after|between)\s", re.IGNORECASE)
_PLACE = re.compile(r"(?:^|\s+)(?:before|around)\s.*", re.IGNORECASE)
#: The most messages of one page; no server sends longer ones.
MAX_PAGE = 1000


class HistoryPages:
    """Asks for pages of older messages, and sorts what comes."""

    def __init__(self, session: ClientSession) -> None:
        self._session = session
        self._packets: list[ReceivedPacket] = []
        self._request: OutgoingMessage | None = None
        self._before: int | None = None

    def ask(self, command: str, words: str, target: str) -> None:
        """Ask for the newest page: of the conversation in `words`, else of `target`. Raises `NotSent`."""
        limit, msg = None, words.strip()
        if command.lower() == "/history" and (typed := _HISTORY.fullmatch(msg)):
            where = typed["where"] or ("" if target.lower() == EVERYONE.lower() else target)
            msg = " ".join(filter(None, [where, typed["place"]]))
            limit = int(typed["limit"]) if typed["limit"] else None
        self._send(command, msg, {"limit": limit})

    def more(self) -> None:
        """Ask for the page before the last one, or after it where the request goes onward. Raises `NotSent`."""
        if self._request is None or self._before is None:
            raise NotSent("there is no earlier page. Ask for one with /history or /search first.")
        to, msg, args = self._request.to, self._request.msg, self._request.args
        in_order = self._request.command == "/history"
        if in_order and _ONWARD.search(msg):
            self._send(to, msg, {**args, "after": self._before})
        else:
            self._send(to, _PLACE.sub("", msg) if in_order else msg, {**args, "before": self._before})

    def discard(self) -> None:
        """Drop an incomplete page: the connection has ended, and the rest of it will not come."""
        self._packets = []

    def collect(self, packet: ReceivedPacket) -> bool:
        """Keep a message or event that belongs to a page until the page is complete; whether it was one."""
        x = packet.x
        if x is None or x.op not in DELIVERIES or x.batch in (None, RESUME_BATCH) or len(self._packets) >= MAX_PAGE:
            return False
        self._packets.append(packet)
        return True

    def finish(self, packet: ReceivedPacket, request: OutgoingMessage | None) -> list[ReceivedPacket] | None:
        """The messages of the page that this packet completes, oldest first; None if it completes none."""
        x = packet.x
        if x is None or request is None or request.command not in BATCHED or x.op not in ("end", "fail"):
            return None
        if x.op == "fail":
            self._before = request.args.get("after", request.args.get("before"))  # the same page can be asked for again
        else:
            self._before = x.before if x.more else None
        packets, self._packets = self._packets, []
        return sorted(packets, key=lambda shown: (shown.x or AnswerX()).seq or 0)

    def footer(self, shown: int) -> str:
        """The line for the user after a page of so many messages."""
        if self._before is not None:
            return "more: /more"
        if shown:
            return "That is all."
        of_one = self._request is not None and self._request.to == "/history" and bool(self._request.msg)
        return "There is nothing." if of_one else f"There is nothing. {NOT_KEPT}"

    def _send(self, command: str, msg: str, args: dict[str, int | None]) -> None:
        given = {name: value for name, value in args.items() if value is not None}
        self._request = self._session.send(command, msg, args=given)
