"""Pages: what was said before, as a person at a terminal asks for it: a page, and the one before that."""

from __future__ import annotations

import re

from lanchat.client.interfaces import BATCHED, NotSent, Said
from lanchat.client.log_sync import MISSED
from lanchat.client.session import ClientSession
from lanchat.protocol.packet import EVERYONE, ServerPacket, ServerX
from lanchat.protocol.typed_lines import NOT_KEPT

_HISTORY = re.compile(r"(?P<where>[#@]\S+)?\s*(?P<limit>[0-9]{1,9})?")
#: Messages of one page that are held until it is whole; no server has longer ones.
MAX_PAGE = 1000


class Pages:
    """Asks for pages, and puts what comes in order."""

    def __init__(self, conversation: ClientSession) -> None:
        self._conversation = conversation
        self._packets: list[ServerPacket] = []
        self._asked: Said | None = None
        self._before: int | None = None

    def ask(self, command: str, words: str, target: str) -> None:
        """Ask for the newest page: of `target`, if no other is named. Raises `NotSent`."""
        limit, msg = None, words.strip()
        if command.lower() == "/history" and (typed := _HISTORY.fullmatch(msg)):
            msg = typed["where"] or ("" if target.lower() == EVERYONE.lower() else target)
            limit = int(typed["limit"]) if typed["limit"] else None
        self._say(command, msg, {"limit": limit})

    def more(self) -> None:
        """Ask for the page before the one that was shown last. Raises `NotSent`."""
        if self._asked is None or self._before is None:
            raise NotSent("there is no page to go on from. Ask for one with /history or /search.")
        self._say(self._asked.to, self._asked.msg, {**self._asked.args, "before": self._before})

    def forget(self) -> None:
        """The connection is gone: the rest of a page will not come, and what there is of it is no part of the next one."""
        self._packets = []

    def holds(self, packet: ServerPacket) -> bool:
        """Keep a message of a page until all of it is here; whether it is one."""
        x = packet.x
        if x is None or x.op is not None or x.batch in (None, MISSED) or len(self._packets) >= MAX_PAGE:
            return False
        self._packets.append(packet)
        return True

    def turned(self, packet: ServerPacket, answers: Said | None) -> list[ServerPacket] | None:
        """The messages of the page that is at its end with this packet, the oldest first; None if none is."""
        x = packet.x
        if x is None or answers is None or answers.command not in BATCHED or x.op not in ("end", "fail"):
            return None
        if x.op == "fail":
            self._before = answers.args.get("before")  # that page can be asked for again
        else:
            self._before = x.before if x.more else None
        packets, self._packets = self._packets, []
        return sorted(packets, key=lambda shown: (shown.x or ServerX()).seq or 0)

    def ending(self, shown: int) -> str:
        """What a person is told after so many messages."""
        if self._before is not None:
            return "more: /more"
        if shown:
            return "That is all."
        of_one = self._asked is not None and self._asked.to == "/history" and bool(self._asked.msg)
        return "There is nothing." if of_one else f"There is nothing. {NOT_KEPT}"

    def _say(self, command: str, msg: str, args: dict[str, int | None]) -> None:
        given = {name: value for name, value in args.items() if value is not None}
        self._asked = self._conversation.say(command, msg, args=given)
