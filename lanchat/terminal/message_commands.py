"""Commands about messages, as they are typed at a terminal: it knows which message is meant where the line does not say so.

On the wire each has the id of a message first (docs/protocol.md).
"""

from __future__ import annotations

from collections.abc import Callable

from lanchat.client.interfaces import NotSent, OutgoingMessage
from lanchat.client.recent_messages import LAST, RecentMessage, RecentMessages
from lanchat.client.session import ClientSession
from lanchat.protocol.packet import visible

#: The commands whose first word is a message; those that are about one's own.
_ABOUT_OWN = frozenset({"/edit", "/withdraw"})
_COMMANDS = _ABOUT_OWN | {"/reply", "/react"}
#: Messages that TAB offers, and characters of each that are shown.
MAX_CHOICES, MAX_ABOUT = 10, 50


class MessageCommands:
    """Edits, withdrawals, reactions and replies."""

    def __init__(
        self, session: ClientSession, recent: RecentMessages, target: Callable[[], str], sent: Callable[[OutgoingMessage], None]
    ) -> None:
        """`target` returns the current target of lines; `sent` is called with a reply that was sent."""
        self._session = session
        self._recent = recent
        self._target = target
        self._sent = sent
        #: The commands, except `/edit`, which without a text is another.
        self.commands = {"/reply": self.reply, "/react": self.react, "/withdraw": self.withdraw}

    def edit(self, words: str) -> None:
        """`/edit [ID] TEXT`: without an id, the user's last message. Raises `NotSent`."""
        self._change("/edit", words)

    def withdraw(self, words: str) -> None:
        """`/withdraw [ID]`: without an id, the user's last message. Raises `NotSent`."""
        self._change("/withdraw", words)

    def react(self, words: str) -> None:
        """`/react [ID] [TEXT]`: without an id, to the newest message of others in this conversation. Raises `NotSent`."""
        message, text = self._meant(words)
        self._session.send("/react", f"{message.id} {text}".rstrip())

    def reply(self, words: str) -> None:
        """`/reply [ID] TEXT`: without an id, to the newest message of others in this conversation. Raises `NotSent`."""
        message, text = self._meant(words)
        if not text.strip():
            raise NotSent("/reply needs a text: /reply TEXT, or /reply ID TEXT.")
        self._sent(self._session.send(message.conv.removeprefix("@"), text, args={"re": message.id}))

    def choices(self, line: str) -> list[tuple[str, str]]:
        """What can follow `/reply ` and the others: numbers or ids of messages, the newest first, each with what it says."""
        command, blank, word = line.partition(" ")
        if not blank or command not in _COMMANDS:
            return []
        here = self._recent.of(self._target(), own=command in _ABOUT_OWN)[:MAX_CHOICES]
        named = [(str(message.seq or message.id), f"{message.author}: {message.text}") for message in here]
        return [(reference, visible(about, MAX_ABOUT)) for reference, about in named if reference.startswith(word)]

    def _change(self, command: str, words: str) -> None:
        """Send a command about a message of the user's own."""
        first, text = _split(words)
        message = self._recent.find(first)
        known = message.id if message is not None else LAST
        rest = text if message is not None or first == LAST else words
        self._session.send(command, f"{known} {rest}".rstrip())

    def _meant(self, words: str) -> tuple[RecentMessage, str]:
        """The message of others that the first word names, or else the newest here, and the text for it. Raises `NotSent`."""
        first, text = _split(words)
        if (message := self._recent.find(first)) is not None:
            return message, text
        here = self._recent.of(self._target(), own=False)
        if not here:
            raise NotSent("no message of others has come here yet. /history shows earlier ones.")
        return here[0], text if first == LAST else words


def _split(words: str) -> tuple[str, str]:
    first, *rest = words.split(maxsplit=1) or [""]
    return first, "".join(rest)
