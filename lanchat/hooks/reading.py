"""Reading what was posted to a webhook: which shape it has, what is to be said, and which answer its sender takes for a yes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

from lanchat.hooks import answers, forms, simple, slack
from lanchat.hooks.alertmanager import digest, read_alertmanager
from lanchat.hooks.answers import Answer
from lanchat.hooks.bodies import MediaType, header_text, media_type, parse_object
from lanchat.hooks.forms import Form, read_multipart, read_urlencoded
from lanchat.hooks.gotify import is_gotify, read_gotify
from lanchat.hooks.grafana import read_grafana
from lanchat.hooks.ntfy import Published, is_ntfy, read_ntfy_json, read_ntfy_text
from lanchat.hooks.posted import INVALID_PAYLOAD, NO_TEXT, Post, Posted, Reading, Unreadable
from lanchat.hooks.texts import clipped, cut, line, tidy, words
from lanchat.hooks.xml_text import is_xml, read_xml
from lanchat.protocol.extensions import MAX_CID
from lanchat.protocol.packet import MAX_MSG

#: What a shape was read as.
_Read: TypeAlias = tuple[tuple[Post, ...], Answer]

_NOTHING = 'There is no text in it, so nothing was said. Send a text, or JSON such as {"text": "The disk is full"}.'
_ONLY_FILES = "There is a file in it, but no text. Send a file by itself, as with: curl -T FILE ADDRESS/FILE"


def read(posted: Posted) -> Reading:
    """What is to be said, one message or more, and how the sender is answered.

    Raises `Unreadable` if there is no text in it, or if it is not what its Content-Type promises. It takes no longer than the
    length of the body allows, however that is made, and nothing in it is ever fetched.
    """
    posts, answer = _read(posted, media_type(posted))
    said = [_bounded(post) for post in posts]
    said = [post for post in said if post.text.strip()]
    if not said:
        raise Unreadable(NO_TEXT, _NOTHING)
    return Reading(tuple(_keyed(said, header_text(posted, "idempotency-key", "x-idempotency-key"))), answer)


def _read(posted: Posted, kind: MediaType) -> _Read:
    """Find out the shape by what is in the body; its type counts only where it promises something."""
    if kind.name == forms.MULTIPART:
        return _read_form(read_multipart(posted.body, kind), posted)
    text = kind.decode(posted.body)
    if text.lstrip()[:1] == "{" or (kind.is_json and text.strip()):
        read_as = _read_json(text, kind, posted)
        if read_as is not None:
            return read_as
    if kind.name == forms.URLENCODED:
        form = read_urlencoded(posted.body)
        if form.is_known:
            return _read_form(form, posted)
    if is_xml(text):
        found = read_xml(text)
        if found:
            return (simple.read_simple(found),), answers.ok(posted)
    if is_ntfy(posted):
        return _read_ntfy(read_ntfy_text(posted), line(posted.path.strip("/")))
    return (Post(clipped(text)),), answers.ok(posted)


def _read_json(text: str, kind: MediaType, posted: Posted) -> _Read | None:
    """Read JSON. None if it need not be any, because its type does not say so, and it is not of a shape that we know."""
    try:
        sent = parse_object(text)
    except Unreadable:
        if kind.is_json:
            raise
        return None
    read_as = _read_object(sent, posted)
    if read_as is None and kind.is_json:
        raise Unreadable(NO_TEXT, _NOTHING)
    return read_as


def _read_object(sent: Mapping[str, Any], posted: Posted, files: tuple[str, ...] = ()) -> _Read | None:
    """Read a JSON object, or the fields of a form. None if it is not of a shape that we know."""
    if isinstance(sent.get("alerts"), list):
        return (read_grafana if "orgId" in sent else read_alertmanager)(sent), answers.ok(posted)
    if isinstance(sent.get("topic"), str) and not any(member in sent for member in slack.MEMBERS):
        return _read_ntfy(read_ntfy_json(sent, posted), line(sent["topic"]))
    if is_gotify(posted):
        return (read_gotify(sent),), answers.gotify(sent)
    if not (words(sent.get("message")) or words(sent.get("msg"))) and any(member in sent for member in slack.MEMBERS):
        post = slack.read_slack(sent)
        if post.text:
            return (post,), answers.ok(posted)
    if any(member in sent for member in simple.MEMBERS):
        return (simple.read_simple(sent, files),), answers.ok(posted)
    return None


def _read_ntfy(published: Published, topic: str) -> _Read:
    return (published.post,), answers.ntfy(topic, published.title, tidy(published.message))


def _read_form(form: Form, posted: Posted) -> _Read:
    """Read a form that has fields which we know, or a multipart body, which may have none of them."""
    for name in forms.JSON_FIELDS:
        if name in form.fields:
            read_as = _read_object(parse_object(form.fields[name]), posted, form.files)
            if read_as is None:
                raise Unreadable(NO_TEXT, _NOTHING)
            return read_as
    read_as = _read_object(form.fields, posted, form.files)
    if read_as is None and form.files:
        raise Unreadable(NO_TEXT, _ONLY_FILES)
    if read_as is None:
        raise Unreadable(NO_TEXT if form.fields else INVALID_PAYLOAD, _NOTHING)
    return read_as


def _bounded(post: Post) -> Post:
    """The message with a text that fits, also after its label, which is said before it."""
    return post._replace(text=cut(tidy(post.text), MAX_MSG - len(post.label.encode()) - 2))


def _keyed(posts: list[Post], key: str) -> list[Post]:
    """The messages with keys made of the one that the sender gave, if it gave any."""
    if not key:
        return posts
    if len(posts) == 1 and len(key) <= MAX_CID and key.isascii() and key.isprintable():
        return [posts[0]._replace(key=key)]
    return [post._replace(key=digest(key, str(number))) for number, post in enumerate(posts)]
