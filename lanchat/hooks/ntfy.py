"""ntfy's shape: a text with headers such as `Title` (`curl -H 'Title: Backup' -d 'It is done' ...`), or JSON with a `topic`.

(docs.ntfy.sh, "Publishing".) The topic says nothing here: a webhook is that of one room.
"""

from __future__ import annotations

from collections.abc import Mapping
from email.errors import HeaderParseError
from email.header import decode_header, make_header
from typing import Any, NamedTuple

from lanchat.hooks.bodies import header_text, media_type
from lanchat.hooks.posted import Post, Posted
from lanchat.hooks.texts import Gathered, clipped, line, link, objects, words

#: For each part of a message, how its header or parameter may be called.
_NAMES = {
    "title": ("x-title", "title", "ti", "t"),
    "message": ("x-message", "message", "m"),
    "priority": ("x-priority", "priority", "prio", "p"),
    "tags": ("x-tags", "tags", "tag", "ta"),
    "click": ("x-click", "click"),
    "attach": ("x-attach", "attach", "a"),
}
#: Priorities that are worth a word, by their number or name; 3 is the usual one, and lower ones don't matter in a room.
_PRIORITIES = {"4": "high", "high": "high", "5": "urgent", "max": "urgent", "urgent": "urgent"}
#: Some tags that are shown as a picture before the title, as ntfy does it with those that are names of one.
_PICTURES = {
    "+1": "\N{THUMBS UP SIGN}",
    "-1": "\N{THUMBS DOWN SIGN}",
    "fire": "\N{FIRE}",
    "heavy_check_mark": "\N{HEAVY CHECK MARK}",
    "loudspeaker": "\N{PUBLIC ADDRESS LOUDSPEAKER}",
    "no_entry": "\N{NO ENTRY}",
    "rotating_light": "\N{POLICE CARS REVOLVING LIGHT}",
    "skull": "\N{SKULL}",
    "tada": "\N{PARTY POPPER}",
    "warning": "\N{WARNING SIGN}",
    "white_check_mark": "\N{WHITE HEAVY CHECK MARK}",
    "x": "\N{CROSS MARK}",
}
#: The text of a message without one, as with ntfy.
_NO_MESSAGE = "triggered"
MOST_TAGS = 20
_MAX_HEADER = 4096


def is_ntfy(posted: Posted) -> bool:
    """Whether a text was sent as to ntfy: with one of its headers or parameters, by its client, or with credentials.

    (Others have the secret in the address.)
    """
    headers, query = posted.headers, posted.query
    if "authorization" in headers or headers.get("user-agent", "").lower().startswith("ntfy"):
        return True
    return any(name in headers or name in query for names in _NAMES.values() for name in names if len(name) > 2)


class Published(NamedTuple):
    """What was sent as to ntfy: the message to be said, and the parts of it that the answer repeats."""

    post: Post
    title: str
    message: str


def read_ntfy_json(sent: Mapping[str, Any], posted: Posted) -> Published:
    """A message that was sent as JSON. Some of its parts may be headers instead (apprise)."""
    tags = sent.get("tags")
    parts = {name: words(sent.get(name)) or _value(posted, name) for name in _NAMES}
    if isinstance(tags, list):
        parts["tags"] = ",".join(map(words, tags[:MOST_TAGS]))
    return _published(parts, sent.get("actions"), parts["message"] or _NO_MESSAGE)


def read_ntfy_text(posted: Posted) -> Published:
    """A message that was sent as a text, with its other parts as headers or parameters."""
    parts = {name: _value(posted, name) for name in _NAMES}
    return _published(parts, None, clipped(media_type(posted).decode(posted.body).strip()) or parts["message"])


def read_ntfy_caption(posted: Posted) -> Published:
    """What is said with a file, which is the body itself: everything is a header or a parameter, also the text."""
    parts = {name: _value(posted, name) for name in _NAMES}
    return _published(parts, None, clipped(parts["message"]))


def _published(parts: Mapping[str, str], actions: Any, message: str) -> Published:
    tags = [tag for tag in map(line, parts["tags"].split(",")[:MOST_TAGS]) if tag]
    pictures = " ".join(_PICTURES[tag] for tag in tags if tag in _PICTURES)
    title = line(parts["title"])
    text = Gathered()
    text.add(" ".join(filter(None, (pictures, title or message))))
    if title:
        text.add(message)
    if title or message:
        more = {
            "Priority": _PRIORITIES.get(line(parts["priority"]).lower()),
            "Tags": ", ".join(tag for tag in tags if tag not in _PICTURES),
        }
        text.add(", ".join(f"{name}: {value}" for name, value in more.items() if value))
        text.add(line(parts["click"]))
        text.add(link("Attachment", line(parts["attach"])) if parts["attach"] else "")
    for action in objects(actions):
        url = line(action.get("url"))
        text.add(link(line(action.get("label")), url) if url and action.get("action") == "view" else "")
    return Published(Post(str(text)), title, message)


def _value(posted: Posted, part: str) -> str:
    """A part of a message that is a header or a parameter; "" if it is neither."""
    return header_or_parameter(posted, *_NAMES[part])


def header_or_parameter(posted: Posted, *names: str) -> str:
    """The first header with one of these names, or else the first parameter; "" if there is none."""
    value = header_text(posted, *names)
    if not value:
        return next((posted.query[name] for name in names if name in posted.query), "")
    if "=?" in value and len(value) <= _MAX_HEADER:  # it may be written in ASCII (RFC 2047)
        try:
            return str(make_header(decode_header(value)))
        except (HeaderParseError, LookupError, ValueError):
            return value
    return value
