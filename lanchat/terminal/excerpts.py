"""What stands in brackets after a name: that something is a reply, and to what, an edit, a reaction, or what a program says.

No name has a bracket, and what is quoted of others has no quotation mark, so no text of a user can look like these marks.
"""

from __future__ import annotations

from lanchat.client.recent_messages import RecentMessages
from lanchat.protocol.entry import EDIT, NO_TEXT, NOTICE, REACT, WITHDRAW
from lanchat.protocol.extensions import AnswerX
from lanchat.protocol.packet import EVERYONE, ReceivedPacket, visible

#: Characters of a message that are quoted, of a reaction, and of the names of those who reacted.
MAX_EXCERPT, MAX_REACTION, MAX_NAMES = 30, 32, 100
#: Reactions to one message that are shown.
MAX_REACTIONS = 5
#: Characters that could end a mark; a reaction with one of them is quoted.
_ENDING = frozenset('():,"')


class Excerpts:
    """Makes the marks of messages, by what is remembered of those to which they refer."""

    def __init__(self) -> None:
        self.recent = RecentMessages()

    def marks(self, packet: ReceivedPacket) -> str:
        """The marks of a packet from a user, with a blank before them; "" if it is just a message."""
        x = packet.x or AnswerX()
        marks = []
        if x.bot or x.kind == NOTICE:
            marks.append("bot" if x.bot else "notice")
        if x.op == EDIT or x.edited:
            marks.append(f"edited{self._of_another(packet)}")
        if x.op == REACT and packet.msg:
            marks.append(f"reacted{self._quoted(' to', x.id)}")
        if x.re:
            marks.append(self._quoted("re:", x.re) or "reply")
        for reaction, names in list((x.reactions or {}).items())[:MAX_REACTIONS]:
            shown = _quotation(reaction, MAX_REACTION) if _ENDING & set(reaction) else visible(reaction, MAX_REACTION)
            marks.append(f"{shown} {visible(' '.join(names), MAX_NAMES)}")
        return f" ({', '.join(marks)})" if marks else ""

    def text(self, packet: ReceivedPacket) -> str:
        """The text of a packet from a user, or what stands for that of a change that has none."""
        op = packet.x.op if packet.x is not None else None
        if op == WITHDRAW:
            theirs = self._of_another(packet)
            return f"(withdrew{theirs})" if theirs else NO_TEXT[WITHDRAW]
        return NO_TEXT[REACT] if op == REACT and not packet.msg else packet.msg

    def own_reaction(self, arguments: str) -> tuple[str, str, str]:
        """The recipient, the marks and the text of a `/react` with these arguments: the id of a message, and a reaction."""
        message_id, _, reaction = arguments.partition(" ")
        known = self.recent.get(message_id)
        to = known.conv.removeprefix("@") if known is not None else EVERYONE
        return to, f" (reacted{self._quoted(' to', message_id)})" if reaction else "", reaction or NO_TEXT[REACT]

    def reply_mark(self, message_id: str | None) -> str:
        """The mark of a message of the user's own that is a reply to this one; "" if it is none."""
        return f" ({self._quoted('re:', message_id) or 'reply'})" if message_id else ""

    def _quoted(self, what: str, message_id: str | None) -> str:
        """`what`, and the beginning of a message in quotation marks; "" if the message is not remembered."""
        known = self.recent.get(message_id)
        if known is None:
            return ""
        return f"{what} {_quotation(next(iter(known.text.splitlines()), ''), MAX_EXCERPT)}"

    def _of_another(self, packet: ReceivedPacket) -> str:
        """Whose message is changed, if not one of the sender's own (a moderator may do that); "" if it is, or is not known."""
        known = self.recent.get(packet.x.id if packet.x is not None and packet.x.op is not None else None)
        return "" if known is None or known.author == packet.from_.name else f" {visible(known.author, MAX_EXCERPT)}'s message"


def _quotation(text: str, max_chars: int) -> str:
    """A text in quotation marks; those in it become others, so that it can't seem to end earlier."""
    shown = visible(text, max_chars).replace('"', "'")
    return f'"{shown}"'
