"""Slack's shape, which Mattermost and Rocket.Chat share, and most programs send: Alertmanager, Grafana, Gitea, GitLab, Jenkins.

A message is a `text`, or `attachments`, or `blocks`; any of them may be missing, null or empty. Colours and icons are for
display elsewhere, and are passed over; so is `channel`, because a webhook is that of one room.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lanchat.hooks.blocks import button, gather_blocks
from lanchat.hooks.markup import unmarked
from lanchat.hooks.posted import Post
from lanchat.hooks.texts import Gathered, label_of, link, objects, words

#: One of these makes an object a message of this shape.
MEMBERS = ("text", "attachments", "blocks")


def read_slack(sent: Mapping[str, Any]) -> Post:
    """The message; its text is "" if there is nothing in it to say."""
    gathered = Gathered()
    gathered.add(unmarked(words(sent.get("text"))))
    for attachment in objects(sent.get("attachments")):
        if gathered.is_full:
            break
        _gather_attachment(attachment, gathered)
    if not gathered:
        gather_blocks(sent.get("blocks"), gathered)
    if not gathered:
        gathered.add(unmarked(words(sent.get("fallback"))))
    return Post(str(gathered), label_of(sent.get("username")) or label_of(sent.get("alias")))


def _gather_attachment(attachment: dict[str, Any], into: Gathered) -> None:
    """Add what an attachment says. Its `fallback` repeats that in other words, so it counts only if there is nothing else."""
    own = Gathered()
    own.add(unmarked(words(attachment.get("pretext"))))
    own.add(_linked(attachment, "author_name", "author_link"))
    own.add(_linked(attachment, "title", "title_link"))
    own.add(unmarked(words(attachment.get("text"))))
    own.add_all(map(_field, objects(attachment.get("fields"))))
    gather_blocks(attachment.get("blocks"), own)
    own.add_all(map(button, objects(attachment.get("actions"))))
    picture = words(attachment.get("image_url"))
    if picture:
        own.add(link("Picture", picture))
    if not own:
        own.add(unmarked(words(attachment.get("fallback"))))
    into.add(str(own))


def _field(field: dict[str, Any]) -> str:
    title, value = (unmarked(words(field.get(member))) for member in ("title", "value"))
    return f"{title}: {value}" if title and value else title or value


def _linked(attachment: dict[str, Any], member: str, url: str) -> str:
    """The text of a member of an attachment, with the link that belongs to it."""
    text = unmarked(words(attachment.get(member)))
    return link(text, words(attachment.get(url))) if text else ""
