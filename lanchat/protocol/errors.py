"""What can be wrong with what a client sent: one class for each code of the wire (docs/protocol.md, "Codes").

Raised anywhere, caught once (`Router.receive`), answered with the code and the text. It must never carry a traceback or
anything about another user: the text is shown to a person.
"""

from __future__ import annotations


class ChatError(Exception):
    """The client asked for something that is not to be had; `str()` of it says why, in one line, to a person."""

    code = "INTERNAL"
    #: The client's id of the packet that was wrong, where it could still be read.
    cid: str | None = None
    #: Whether the text has words of other users in it, such as a reason.
    quotes = False

    def __init__(self, text: str = "", retry_ms: int | None = None) -> None:
        super().__init__(text)
        #: In how many milliseconds it is worth trying again, where that is known.
        self.retry_ms = retry_ms


class Left(Exception):
    """Whoever asked for this has left meanwhile: there is nobody to answer, and nothing is wrong."""


class BadJson(ChatError):
    """These bytes are no JSON text (RFC 8259)."""

    code = "BAD_JSON"


class BadPacket(ChatError):
    """This is JSON, but not a packet."""

    code = "BAD_PACKET"


class TooBig(ChatError):
    """A packet or its text is over its limit."""

    code = "TOO_BIG"


class LineTooBig(TooBig):
    """A line (or an unframed object) is over the limit; what was left of it is being skipped."""


class BadFrom(ChatError):
    """A capable client claimed another's name."""

    code = "BAD_FROM"


class BadName(ChatError):
    """This can't be a user's name."""

    code = "BAD_NAME"


class NameTaken(ChatError):
    """Somebody else has this name, or one that looks the same."""

    code = "NAME_TAKEN"


class UnknownCommand(ChatError):
    """There is no such command."""

    code = "UNKNOWN_COMMAND"


class Usage(ChatError):
    """The command is known, its arguments are wrong."""

    code = "USAGE"


class NoSuchTarget(ChatError):
    """Nobody of that name is here."""

    code = "NO_SUCH_TARGET"


class Idle(ChatError):
    """Nothing came in the time that was given."""

    code = "IDLE"


class Full(ChatError):
    """There is no room for another of these."""

    code = "FULL"

    def __init__(self, text: str = "", limit: str = "") -> None:
        """`limit` is the one that was met, where whoever answers this is to count that."""
        super().__init__(text)
        self.limit = limit


class RateLimited(ChatError):
    """This costs more than the session has left; it may be asked for again in `retry_ms`."""

    code = "RATE_LIMITED"


class NotStored(ChatError):
    """What must last could not be written to the disk; nothing of it was done."""

    code = "NOT_STORED"


class TooSlow(ChatError):
    """To answer this took longer than anybody may keep the server busy."""

    code = "SLOW"


class AuthRequired(ChatError):
    """This is for those who have logged in."""

    code = "AUTH_REQUIRED"


class AuthFailed(ChatError):
    """That was not the password, or the token, of this account."""

    code = "AUTH_FAILED"


class Forbidden(ChatError):
    """Whoever asks may not do that."""

    code = "FORBIDDEN"


class NotMember(ChatError):
    """This is for the members of a room."""

    code = "NOT_MEMBER"


class Banned(ChatError):
    """Whoever asks is shut out, from a room or from the server."""

    code = "BANNED"
    quotes = True


class Muted(ChatError):
    """Whoever says this may not speak for now."""

    code = "MUTED"
    quotes = True
