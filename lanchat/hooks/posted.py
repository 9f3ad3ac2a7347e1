"""What was posted to a webhook, and what was read in it, as values."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple


class Posted(NamedTuple):
    """A request to a webhook, whose secret was right."""

    #: The path without the secret, such as `/` or `/backup.tgz`, decoded.
    path: str
    query: Mapping[str, str]
    #: The headers, with their names in lower case.
    headers: Mapping[str, str]
    body: bytes


class Post(NamedTuple):
    """Something to say in the room of a webhook."""

    #: At most `lanchat.protocol.packet.MAX_MSG` bytes; what was longer is cut, and says so.
    text: str
    #: The name that the sender gave itself, "" if none.
    label: str = ""
    #: What makes a repeat of it the same message, such as an `Idempotency-Key`; None if nothing does.
    key: str | None = None


class Reading(NamedTuple):
    """What was read in a request: what is to be said, and how the sender is told that it was."""

    posts: tuple[Post, ...]
    #: The type and the body of the answer, for the number and the time (in seconds since the epoch) of the last message.
    answer: Callable[[int, int], tuple[str, bytes]]


class Unreadable(Exception):
    """Nothing can be said of what was posted. The text says why, in one line, to whoever set up the sender."""

    def __init__(self, code: str, text: str) -> None:
        """`code` is one of the two below."""
        super().__init__(text)
        self.code = code


#: The codes of `Unreadable`, as Slack calls them, because senders know these words: there is nothing to say in what was posted,
#: and what was posted is not of the form that its Content-Type promises.
NO_TEXT, INVALID_PAYLOAD = "no_text", "invalid_payload"
