"""Gotify's shape: `{"title", "message", "priority"}` at /message, with the secret in a header or a parameter.

(gotify.net, "Push messages".) Messages of the highest priorities, which make a phone ring, say so.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lanchat.hooks.posted import Post, Posted
from lanchat.hooks.simple import read_simple
from lanchat.hooks.texts import line

_HIGH = ("8", "9", "10")


def is_gotify(posted: Posted) -> bool:
    """Whether it was sent as to Gotify."""
    return "x-gotify-key" in posted.headers or posted.path.rstrip("/") == "/message"


def read_gotify(sent: Mapping[str, Any]) -> Post:
    """The message; its text is "" if there is nothing in it to say."""
    post = read_simple(sent)
    priority = line(sent.get("priority"))
    return post._replace(text=f"{post.text}\nPriority: {priority}") if post.text and priority in _HIGH else post
