"""The secrets of webhooks in requests: senders have them in the path, in a header, or behind the `?`."""

from __future__ import annotations

from base64 import b64decode
from binascii import Error as NotBase64
from collections.abc import Iterator
from typing import Any

from lanchat.state.hooks import PATH

#: The paths of other chats below which a secret follows: ours, which is Mattermost's, and that of a bridge for Matrix.
BEFORE_SECRET = (PATH, "/api/v1/matrix/hook/")


def secrets_in(request: Any, path: str) -> Iterator[tuple[str, str]]:
    """All that may be a secret in a request, each with the path that is left without it."""
    for before in BEFORE_SECRET:
        if path.startswith(before):
            first, _, rest = path.removeprefix(before).partition("/")
            second, _, after = rest.partition("/")
            yield first, f"/{rest}"
            if second:  # as with Rocket.Chat's, which have two parts
                yield first + second, f"/{after}"
    yield from ((value.strip(), path) for value in request.values(b"X-Gotify-Key"))
    for value in request.values(b"Authorization"):
        scheme, _, rest = value.strip().partition(" ")
        if scheme.lower() == "bearer":
            yield rest.strip(), path
        elif scheme.lower() == "basic":
            user, _, password = _decoded(rest).partition(":")
            yield password or user, path
    if (token := request.query().get("token")) is not None:
        yield token, path


def _decoded(credentials: str) -> str:
    """The name and the password of basic authentication (RFC 7617); "" if they are wrongly written."""
    try:
        return b64decode(credentials.strip(), validate=True).decode(errors="replace")
    except NotBase64:
        return ""
