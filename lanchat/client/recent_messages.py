"""What was said lately: replies, edits and reactions name a message by its id only, so its author and text are kept here."""

from __future__ import annotations

from typing import NamedTuple

from lanchat.client.interfaces import OutgoingMessage
from lanchat.client.shared_file import shared_file
from lanchat.protocol.destination import followed
from lanchat.protocol.entry import EDIT, WITHDRAW
from lanchat.protocol.events import NAME, RENAMED
from lanchat.protocol.extensions import AnswerX
from lanchat.protocol.packet import EVERYONE, ReceivedPacket
from lanchat.protocol.spelling import key

#: The word by which the server knows the newest message of one's own, or of others.
LAST = "last"
#: Messages that are remembered, and characters of each.
MAX_MESSAGES, MAX_TEXT = 2000, 200


class RecentMessage(NamedTuple):
    """A message that came, or was sent and acknowledged."""

    id: str
    #: The conversation as the reader sees it: "#ops", "@bob" or "Everyone".
    conv: str
    author: str
    text: str
    #: Its number in the log; 0 if it is not stored.
    seq: int
    #: Whether this user sent it, on whichever device.
    is_own: bool
    #: The name of the file that goes with it; "" if there is none.
    file: str = ""


class RecentMessages:
    """The last messages of all conversations, by their ids."""

    def __init__(self) -> None:
        self._messages: dict[str, RecentMessage] = {}

    def learn(self, packet: ReceivedPacket, request: OutgoingMessage | None, me: str) -> None:
        """Take in a packet that came, or that acknowledges a message of the user, whose name is `me`."""
        x = packet.x or AnswerX()
        if x.ev in (RENAMED, NAME):
            self._renamed(x)
        if not x.id:
            return
        if x.op is None and x.conv:
            file = shared_file(x)
            name = file.name if file is not None else ""
            self._add(RecentMessage(x.id, x.conv, packet.from_.name, packet.msg[:MAX_TEXT], x.seq or 0, bool(x.self_), name))
        elif x.op == "ack" and request is not None:
            self._sent(x.id, x.seq or 0, request, me)
        elif x.op == EDIT:
            self._edit(x.id, packet.msg)
        elif x.op == WITHDRAW:
            self._messages.pop(x.id, None)

    def sent_file(self, x: AnswerX, to: str, text: str, name: str, me: str) -> None:
        """Take in a message with a file that the user, whose name is `me`, has sent; `x` acknowledges it."""
        if x.id:
            self._add(RecentMessage(x.id, conversation(to), me, (text or name)[:MAX_TEXT], x.seq or 0, True, name))

    def newest_file(self, target: str) -> RecentMessage | None:
        """The newest message with a file in the conversation with this user or room; None if none is remembered."""
        here = [*self.of(target, own=False), *self.of(target, own=True)]
        return max((message for message in here if message.file), key=lambda message: message.seq, default=None)

    def get(self, message_id: str | None) -> RecentMessage | None:
        """The message with this id; None if it is not remembered."""
        return self._messages.get(message_id or "")

    def find(self, reference: str) -> RecentMessage | None:
        """The message that a user means by its id, or by its number in the log; None if it is not remembered."""
        if reference.isdecimal():
            return next((message for message in self._messages.values() if str(message.seq) == reference), None)
        return self.get(reference)

    def of(self, target: str, own: bool) -> list[RecentMessage]:
        """What was said in the conversation with this user or room: the user's own, or that of others; the newest first."""
        wanted = key(conversation(target))
        latest = reversed(self._messages.values())
        found = [message for message in latest if message.is_own is own and key(message.conv) == wanted]
        return sorted(found, key=lambda message: -message.seq)

    def _renamed(self, event: AnswerX) -> None:
        """Note that a room or a person has another name."""
        convs = {
            conv: conversation(followed(conv.removeprefix("@"), event)) for conv in {m.conv for m in self._messages.values()}
        }
        for message in self._messages.values():
            self._messages[message.id] = message._replace(conv=convs[message.conv])

    def _sent(self, message_id: str, seq: int, request: OutgoingMessage, me: str) -> None:
        """Take in what the user has said or changed."""
        if request.is_message and request.recipient:
            conv, text = conversation(request.recipient), request.text[:MAX_TEXT]
            self._add(RecentMessage(message_id, conv, me, text, seq, is_own=True))
        elif request.command in ("/edit", "/withdraw"):
            reference, _, text = request.msg.partition(" ")
            changed = self.find(reference) if reference != LAST else self._last_own()
            if changed is not None and request.command == "/edit":
                self._edit(changed.id, text)
            elif changed is not None:
                del self._messages[changed.id]

    def _edit(self, message_id: str, text: str) -> None:
        if message_id in self._messages:
            self._messages[message_id] = self._messages[message_id]._replace(text=text[:MAX_TEXT])

    def _last_own(self) -> RecentMessage | None:
        return max((message for message in self._messages.values() if message.is_own), key=lambda own: own.seq, default=None)

    def _add(self, message: RecentMessage) -> None:
        known = self._messages.get(message.id, message)
        self._messages[message.id] = message._replace(is_own=message.is_own or known.is_own)
        if len(self._messages) > MAX_MESSAGES:
            del self._messages[next(iter(self._messages))]


def conversation(target: str) -> str:
    """The conversation with this recipient, as `x.conv` has it: "#ops", "@bob" or "Everyone"."""
    if target.startswith(("#", "@")):
        return target
    return EVERYONE if target.lower() == EVERYONE.lower() else f"@{target}"
