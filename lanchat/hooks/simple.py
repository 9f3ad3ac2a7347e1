"""Programs that send a title and a message, as JSON or as a form: apprise, Home Assistant, Uptime Kuma, people's scripts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from lanchat.hooks.posted import Post
from lanchat.hooks.texts import Gathered, label_of, objects, words

#: One of these makes an object a message of this shape, in this order: `msg` is Uptime Kuma's.
MEMBERS = ("message", "msg", "text", "body", "title")


def read_simple(sent: Mapping[str, Any], files: Iterable[str] = ()) -> Post:
    """The message; its text is "" if there is nothing in it to say. `files` are the names of files that came with it."""
    text = Gathered()
    text.add(words(sent.get("title")))
    text.add(next(filter(None, (words(sent.get(member)) for member in MEMBERS[:-1])), ""))
    attached = [words(each.get("filename")) for each in objects(sent.get("attachments"))]  # (apprise: in base64)
    for name in filter(None, (*attached, *files)):
        text.add(f"(The file {name} was left out: send it to the webhook by itself.)")
    return Post(str(text), label_of(sent.get("username")))
