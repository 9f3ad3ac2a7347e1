"""The conversations of an account: which are muted, what is unread in them, and the list that `/conversations` shows."""

from __future__ import annotations

import re
from typing import Any

from lanchat.client.interfaces import OutgoingMessage
from lanchat.protocol.extensions import AnswerX
from lanchat.protocol.packet import ReceivedPacket, visible
from lanchat.protocol.spelling import key
from lanchat.terminal.formatting import plural

#: Conversations in the line about what is unread, and characters of a conversation's name and of its topic that are shown.
MAX_UNREAD, MAX_CONV, MAX_TOPIC = 8, 40, 80
#: Conversations that are remembered as muted.
MAX_MUTED = 10_000
_AFTER = re.compile(r"after:([0-9]{1,9})")


class Conversations:
    """The conversations that the user has muted: no bell rings for them."""

    def __init__(self) -> None:
        self._muted: set[str] = set()

    def learn(self, packet: ReceivedPacket, request: OutgoingMessage | None) -> None:
        """Take in an answer to `/conversations`, or to a `/notify`."""
        x = packet.x
        if x is None or x.op != "ok":
            return
        for listed in x.conversations or ():
            self._set(str(listed.get("conv")), listed.get("muted") is True)
        if request is not None and request.command == "/notify":
            conv, _, state = request.msg.strip().partition(" ")
            self._set(conv, state.strip().lower() == "off")

    def is_muted(self, conv: str | None) -> bool:
        """Whether the user wants no bell for this conversation ("#ops", "@bob")."""
        return conv is not None and key(conv) in self._muted

    def _set(self, conv: str, is_muted: bool) -> None:
        self._muted.discard(key(conv))
        if is_muted and len(self._muted) < MAX_MUTED:
            self._muted.add(key(conv))


def unread_line(x: AnswerX) -> str:
    """What is unread, and where, by an answer to `/conversations`: "Unread: #ops 3 (1 mention), @bob 1"; "" if nothing is."""
    unread = [listed for listed in x.conversations or () if listed.get("unread") and not listed.get("muted")]
    shown = [f"{_name(listed)} {_count(listed, 'unread')}{_mentions(listed, ' ({})')}" for listed in unread[:MAX_UNREAD]]
    if not shown:
        return ""
    if left := len(unread) - len(shown):
        shown.append(f"and {plural(left, 'other conversation')}")
    return f"Unread: {', '.join(shown)}{' (/conversations lists all)' if left or x.more else ''}"


def conversation_rows(x: AnswerX, asked: str) -> str:
    """The list for a person, one conversation a row; `asked` are the arguments of the `/conversations` that it answers."""
    rows = [_row(listed) for listed in x.conversations or ()]
    if x.more:
        before = _AFTER.search(asked)
        rows.append(f"more: /conversations after:{len(rows) + (int(before[1]) if before else 0)}")
    return "\n".join(rows or ["You have no conversations yet."])


def _row(listed: dict[str, Any]) -> str:
    unread = f": {_count(listed, 'unread')} unread" if listed.get("unread") else ""
    topic = listed.get("topic")
    about = f" - {visible(topic, MAX_TOPIC)}" if isinstance(topic, str) and topic else ""
    return f"{_name(listed)}{unread}{_mentions(listed, ', {}')}{' (muted)' * (listed.get('muted') is True)}{about}"


def _name(listed: dict[str, Any]) -> str:
    return visible(str(listed.get("conv", "?")), MAX_CONV)


def _count(listed: dict[str, Any], what: str) -> str:
    """A count of the server's: a number, or "1000+"."""
    return visible(str(listed.get(what, 0)), 10)


def _mentions(listed: dict[str, Any], form: str) -> str:
    """How often the user is mentioned, in this form; "" if that is not so."""
    count = listed.get("mentions")
    return form.format(f"{_count(listed, 'mentions')} mention{'' if count == 1 else 's'}") if count else ""
