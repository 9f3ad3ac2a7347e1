"""Resources: what answers requests at the people's HTTP port besides the files of the chat page."""

from __future__ import annotations

from typing import Any, Protocol, runtime_checkable

from lanchat.net.http import Body


@runtime_checkable
class LongBody(Body, Protocol):
    """What takes a body that may be long, and may take long."""

    #: So many bytes it has at most.
    most: int
    #: For so many seconds may next to nothing of it come (`lanchat.webchat.channel.PACE_BYTES`).
    idle_seconds: float


class Resource(Protocol):
    """Answers requests: those to take a body from, too. Its methods may raise `lanchat.net.http.Refusal`, which is answered."""

    #: Whether requests must come to one of the server's own names (the header Host), because what they carry is no secret: else
    #: a page of another site could have a browser send them, and read the answer (DNS rebinding).
    own_names_only: bool

    def serves(self, method: bytes, path: bytes) -> bool:
        """Whether it answers requests with this method, such as `b"GET"`, at this path (as sent, without the query)."""

    def take_body(self, request: Any, length: int | None) -> Body:
        """What takes the body of a request (`lanchat.webchat.http.Request`), of which only the headers are there.

        `length` is its size in bytes; None if the client does not know it yet. If it is no `LongBody`, the whole request has
        to come in time (`lanchat.webchat.channel.REQUEST_SECONDS`).
        """

    def answer(self, request: Any) -> None:
        """Answer a request, now or later, with its methods `respond` or `tell`. All of it is there (`request.body`)."""
