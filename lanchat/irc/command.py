"""IrcCommand: a row of the table of IRC commands, and the errors with which they end."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, NamedTuple, TypeAlias

from lanchat.irc.message import Message
from lanchat.protocol.errors import ChatError, Usage
from lanchat.protocol.interfaces import Work
from lanchat.protocol.packet import ServerPacket

#: The function of a command: it is called with the client (`lanchat.irc.client.IrcClient`) and its line. What has to wait is
#: returned, and until it is done no other line of this client is served.
Run: TypeAlias = Callable[[Any, Message], Work | None]

#: How a text of the core begins to say which command helps. (IRC clients have JOIN themselves.)
_SEND_COMMAND = re.compile(r"\bSend /(?!join\b|msg\b)(?=[a-z])")


def for_irc(text: str) -> str:
    """A text of the core, in which its commands are written as people give them in IRC clients."""
    return _SEND_COMMAND.sub("Send /msg SERVER ", text)


class IrcCommand(NamedTuple):
    """A command of IRC, whose name is its key in the table."""

    run: Run
    #: How many parameters it needs.
    min_params: int
    #: Its parameters as they are written, such as `<channel> [<key>]`.
    usage: str
    #: What it does, in one line.
    help: str
    #: Whether it may come before the registration is complete.
    anyone: bool = False
    #: How many targets it takes at once, separated by commas; 0 if it takes no list.
    targets: int = 0


class Numeric(ChatError):
    """A command can't be carried out, and there is a numeric for that."""

    code = Usage.code

    def __init__(self, number: int, *params: str, text: str = "") -> None:
        """`params` are what comes between the client's nick and the text; without a text it is the usual one."""
        super().__init__(text)
        self.number, self.params = number, params


class Fail(ChatError):
    """A command can't be carried out, and its specification has a word for that (IRCv3 "Standard Replies")."""

    code = Usage.code

    def __init__(self, word: str, *context: str, text: str) -> None:
        """`context` is what comes between the word and the text."""
        super().__init__(text)
        self.word, self.context = word, context


class Refused(ChatError):
    """The core has refused what it was asked for; `code` is its code (docs/protocol.md, "Codes")."""

    def __init__(self, packet: ServerPacket) -> None:
        super().__init__(for_irc(packet.msg))
        x = packet.x
        self.packet = packet
        self.code = (x.code if x is not None else None) or ChatError.code
