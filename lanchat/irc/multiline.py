"""Multi-line messages: those that a client sends line by line, as a batch (IRCv3 draft "Multiline")."""

from __future__ import annotations

from lanchat.irc.message import Message, middle, unformatted
from lanchat.irc.request import Request
from lanchat.protocol.packet import MAX_MSG

#: The capability, which is also the type of the batches; and the tag of a line that goes on where the one before it ended.
CAP, CONCAT = "draft/multiline", "draft/multiline-concat"
#: The word for what is wrong with a batch, if there is no other.
INVALID = "MULTILINE_INVALID"
#: How many lines a message may have.
MAX_LINES = 64
#: Stands where a line ended, if there are too many to show each by itself.
END_OF_LINE = " \N{RETURN SYMBOL} "
#: What clients are told of the limits.
VALUE = f"max-bytes={MAX_MSG},max-lines={MAX_LINES}"
#: How many messages are remembered as they were composed.
MAX_COMPOSED = 32


class Multiline:
    """A message of several lines that a client has begun."""

    __slots__ = ("begin", "command", "is_refused", "lines", "name", "request", "size", "target")

    def __init__(self, begin: Message, request: Request | None) -> None:
        """`begin` is the line that opened the batch, which has the tags of the message; `request` is that of its label."""
        self.begin, self.request = begin, request
        self.name, self.target = begin.params[0][1:], begin.params[2]
        #: PRIVMSG or NOTICE, once there is a line.
        self.command = ""
        #: Its lines so far, each of one piece or more; and the bytes of them all.
        self.lines: list[list[str]] = []
        self.size = -1
        #: Whether something was wrong, which was answered; then the rest of the batch is ignored.
        self.is_refused = False

    @property
    def text(self) -> str:
        """The whole text; "" if it has nothing but blank lines."""
        text = "\n".join("".join(pieces) for pieces in self.lines)
        return text if text.strip("\n") else ""

    def add(self, message: Message) -> list[str]:
        """Add a line. If that can't be, returns the parameters of the `FAIL`; otherwise nothing."""
        text = unformatted(message.params[1]) if len(message.params) > 1 else ""
        goes_on = CONCAT in (message.tags or {})
        if not message.params or message.params[0] != self.target:
            given = message.params[0] if message.params else ""
            shown = [middle(self.target), middle(given)]
            return ["MULTILINE_INVALID_TARGET", *shown, "All lines of a message have the same target."]
        if self.command not in ("", message.command) or (goes_on and not text):
            return [INVALID, "A message is either PRIVMSG or NOTICE, and no blank line goes on."]
        self.command = message.command
        self.size += len(text.encode()) + (not goes_on)
        if self.size > MAX_MSG:
            return ["MULTILINE_MAX_BYTES", str(MAX_MSG), "The message is too long."]
        if sum(map(len, self.lines)) >= MAX_LINES:
            return ["MULTILINE_MAX_LINES", str(MAX_LINES), "The message has too many lines."]
        if goes_on and self.lines:
            self.lines[-1].append(text)
        else:
            self.lines.append([text])
        return []


class Compositions:
    """How the newest messages of several lines were composed, so that others are sent the same lines as far as these fit."""

    def __init__(self) -> None:
        self._of: dict[tuple[str, str], list[list[str]]] = {}  # by the sender's name and the text

    def add(self, sender: str, message: Multiline) -> None:
        """Remember how the message of a sender was composed."""
        self._of.pop((sender, message.text), None)
        self._of[sender, message.text] = message.lines
        if len(self._of) > MAX_COMPOSED:
            del self._of[next(iter(self._of))]

    def lines(self, sender: str, text: str) -> list[list[str]]:
        """The lines of a sender's text, each of one piece or more."""
        return self._of.get((sender, text)) or [[line] for line in split_lines(text)]


def split_lines(text: str) -> list[str]:
    """The lines of a text, without formatting. If they are very many, they become one, with signs where they ended.

    (Each has its sender before it: a text of nothing but ends of lines would be more than a reader may be sent at once.)
    """
    lines = unformatted(text).replace("\0", " ").splitlines()
    return lines if len(lines) <= MAX_LINES else [END_OF_LINE.join(filter(None, lines))]
