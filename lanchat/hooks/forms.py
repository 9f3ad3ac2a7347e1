"""Forms: `payload=` with JSON in it (GitLab), fields such as `text` and `message` (curl, Home Assistant), multipart bodies.

`curl -d 'disk full'` says that it sends a form, but it does not. So a form is only what has a field that we know.
"""

from __future__ import annotations

import re
from typing import NamedTuple
from urllib.parse import parse_qsl

from lanchat.hooks.bodies import MediaType
from lanchat.hooks.texts import MOST_MEMBERS

#: A form has one of these fields: JSON, or a text. (`data` is what Uptime Kuma calls the one field of its multipart body.)
JSON_FIELDS = ("payload", "data")
TEXT_FIELDS = ("text", "message", "msg")
URLENCODED, MULTIPART = "application/x-www-form-urlencoded", "multipart/form-data"
#: The name of a part of a multipart body, or the name of a file in it (RFC 7578, 4.2).
_PARAMETER = re.compile(r'[;\s](filename|name)=(?:"((?:[^"\\]|\\.)*)"|([^\s;"]+))', re.IGNORECASE)
_ESCAPED = re.compile(r"\\(.)|%22", re.DOTALL)
#: The most bytes of the headers of a part.
_MAX_HEADERS = 1024


class Form(NamedTuple):
    """The fields of a form, each by its name, with the first value that it has."""

    fields: dict[str, str]
    #: The names of files that came with it, and are not kept.
    files: tuple[str, ...] = ()

    @property
    def is_known(self) -> bool:
        """Whether it has a field from which a message can be read."""
        return any(name in self.fields for name in (*JSON_FIELDS, *TEXT_FIELDS))


def read_urlencoded(body: bytes) -> Form:
    """A form as browsers encode it. It has no fields if it is no such form."""
    try:
        pairs = parse_qsl(body.decode(errors="replace"), keep_blank_values=True, errors="replace", max_num_fields=MOST_MEMBERS)
    except ValueError:  # there are too many: it is a text with many `&` in it
        pairs = []
    fields: dict[str, str] = {}
    for name, value in pairs:
        fields.setdefault(name, value)
    return Form(fields)


def read_multipart(body: bytes, kind: MediaType) -> Form:
    """The fields of a multipart body. What is not between the boundaries, or has no name, is passed over."""
    fields: dict[str, str] = {}
    files = []
    parts = (b"\r\n" + body).split(b"\r\n--" + kind.boundary.encode(), MOST_MEMBERS) if kind.boundary else []
    for part in parts[1:]:
        head, _, content = part.partition(b"\r\n\r\n")
        lines = head[:_MAX_HEADERS].decode(errors="replace").splitlines()
        disposition = next((line for line in lines if line.lower().startswith("content-disposition:")), "")
        named = {found[1].lower(): _unescaped(found[2] or found[3] or "") for found in _PARAMETER.finditer(disposition)}
        if "filename" in named:
            files.append(named["filename"])
        elif "name" in named:
            fields.setdefault(named["name"], _type_of(lines).decode(content))
    return Form(fields, tuple(files))


def _type_of(lines: list[str]) -> MediaType:
    """The type of a part of a multipart body, by the lines of its headers."""
    return MediaType(next((line.partition(":")[2] for line in lines if line.lower().startswith("content-type:")), ""))


def _unescaped(value: str) -> str:
    return _ESCAPED.sub(lambda found: found[1] or '"', value)
