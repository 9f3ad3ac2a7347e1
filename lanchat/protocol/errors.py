"""The errors that a request of a client can have: one class for each code of the wire (docs/protocol.md, "Codes").

They may be raised anywhere below `Router.receive`, which catches them and answers with the code and the text. The text is shown
to a user: it must contain no traceback, and nothing about other users that this user may not know.
"""

from __future__ import annotations


class ChatError(Exception):
    """A request could not be done. The text says why, in one line, to a user."""

    code = "INTERNAL"
    #: The `cid` of the wrong packet, where it could still be read.
    cid: str | None = None
    #: Whether the text contains words of other users, such as the reason of a ban.
    quotes = False

    def __init__(self, text: str = "", retry_ms: int | None = None) -> None:
        super().__init__(text)
        #: After how many milliseconds it is worth trying again, where that is known.
        self.retry_ms = retry_ms


class ClientGone(Exception):
    """The client that asked has disconnected meanwhile: there is nobody to answer, and nothing is wrong."""


class BadJson(ChatError):
    """The bytes are not a JSON text (RFC 8259)."""

    code = "BAD_JSON"


class BadPacket(ChatError):
    """The bytes are JSON, but not a packet."""

    code = "BAD_PACKET"


class TooBig(ChatError):
    """A packet or its text is longer than allowed."""

    code = "TOO_BIG"


class LineTooBig(TooBig):
    """A line (or an unframed object) is longer than allowed; the rest of it is skipped."""


class BadFrom(ChatError):
    """A capable client sent a packet with the name of another user in `from`."""

    code = "BAD_FROM"


class BadName(ChatError):
    """The text can't be a user's name."""

    code = "BAD_NAME"


class NameTaken(ChatError):
    """Another user has this name, or one that looks the same."""

    code = "NAME_TAKEN"


class UnknownCommand(ChatError):
    """A command of that name does not exist."""

    code = "UNKNOWN_COMMAND"


class Usage(ChatError):
    """The arguments of a command are wrong."""

    code = "USAGE"


class NoSuchTarget(ChatError):
    """No user or room of that name exists, or the user is not online."""

    code = "NO_SUCH_TARGET"


class Idle(ChatError):
    """The client sent nothing within the time that it had."""

    code = "IDLE"


class Full(ChatError):
    """A number of things that may exist at once (connections, rooms, members ...) has reached its limit."""

    code = "FULL"

    def __init__(self, text: str = "", limit: str = "") -> None:
        """`limit` is the name of the limit, if it is for the code that answers to count it in `Limits.met`."""
        super().__init__(text)
        self.limit = limit


class RateLimited(ChatError):
    """The request costs more than the session may spend now; `retry_ms` says when it can be repeated."""

    code = "RATE_LIMITED"


class NotStored(ChatError):
    """Something that must last could not be written to the disk; nothing of it was done."""

    code = "NOT_STORED"

    #: What people read if it was something that they wanted to be done; for messages there are other texts.
    NOTHING_DONE = "Nothing was done: the server can't write to its disk right now. Try again in a while."


class TooSlow(ChatError):
    """Answering took longer than one request may keep the server busy."""

    code = "SLOW"


class AuthRequired(ChatError):
    """The request is only for users who have logged in."""

    code = "AUTH_REQUIRED"


class AuthFailed(ChatError):
    """The password or token is not that of the account."""

    code = "AUTH_FAILED"


class Forbidden(ChatError):
    """The user may not do what was asked."""

    code = "FORBIDDEN"


class NotMember(ChatError):
    """The request is only for members of the room."""

    code = "NOT_MEMBER"


class Banned(ChatError):
    """The user is banned, from a room or from the server."""

    code = "BANNED"
    quotes = True


class Muted(ChatError):
    """The user is muted, in a room or on the server."""

    code = "MUTED"
    quotes = True
