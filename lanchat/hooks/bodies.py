"""The body of a request by its type: what it says, in text or JSON. Reading one takes a time in proportion to its length."""

from __future__ import annotations

import json
from email.message import Message
from functools import lru_cache
from typing import Any

from lanchat.hooks.posted import INVALID_PAYLOAD, Posted, Unreadable

#: Character sets of old programs that are taken when a request names them; all else is UTF-8.
_CHARSETS = ("iso-8859-1", "iso-8859-15", "windows-1252")
JSON_TYPES = ("application/json", "text/json")


class MediaType:
    """A header Content-Type (RFC 9110, 8.3.1)."""

    def __init__(self, value: str) -> None:
        """`value` is that of the header; "" if there is none."""
        message = Message()
        message["Content-Type"] = " ".join(value.split()) or "application/octet-stream"
        #: Such as `text/plain`.
        self.name = message.get_content_type() if value else ""
        self._charset = str(message.get_param("charset", "")).lower()
        #: What stands between the parts of a body (RFC 2046, 5.1.1); "" if it has none.
        self.boundary = str(message.get_param("boundary", ""))

    @property
    def is_json(self) -> bool:
        """Whether the body is said to be JSON."""
        return self.name in JSON_TYPES or self.name.endswith("+json")

    def decode(self, body: bytes) -> str:
        """The text of a body, or of a part of it."""
        if self._charset in _CHARSETS:
            return body.decode(self._charset)
        return body.decode("utf-8-sig", errors="replace")


def media_type(posted: Posted) -> MediaType:
    """The type of what was posted."""
    return _media_type(posted.headers.get("content-type", ""))


# A sender's type is always the same one, and the library takes longer for it than we for the rest.
_media_type = lru_cache(64)(MediaType)


def parse_object(text: str) -> dict[str, Any]:
    """A JSON object, in which strings may have newlines and tabs as they are: some senders of Mattermost put them there.

    Raises `Unreadable` if it is none, or nested too deeply.
    """
    try:
        parsed = json.loads(text, strict=False)
    except (ValueError, RecursionError) as error:
        raise Unreadable(INVALID_PAYLOAD, f"That is not JSON: {error}.") from None
    if not isinstance(parsed, dict):
        raise Unreadable(INVALID_PAYLOAD, 'A JSON object is wanted here, such as {"text": "The disk is full"}.')
    return parsed


def header_text(posted: Posted, *names: str) -> str:
    """The first of some headers that is there, "" if none is; as UTF-8 if it is that (RFC 9110, 5.5, leaves it open)."""
    for name in names:
        value = posted.headers.get(name)
        if value:
            try:
                return value.encode("latin-1").decode()
            except UnicodeError:
                return value
    return ""
