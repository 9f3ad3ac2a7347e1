"""The markup in texts of Slack's shape, as plain words: links, entities, and mentions, which mention nobody here.

(Slack's documentation: "Formatting text for app surfaces".) What is no markup stays, for senders that escape nothing.
"""

from __future__ import annotations

import html
import re

from lanchat.hooks.texts import link

#: `<https://host/|label>`, `<@U1>`, `<#C1|general>`, `<!here>`: the label is optional.
_MARKED = re.compile(r"<((?:[a-zA-Z][a-zA-Z0-9+.-]{0,30}://|mailto:|tel:|[@#!])[^<>|\n]*)(?:\|([^<>]*))?>")
#: `[label](https://host/)`, as in Mattermost and Rocket.Chat; also of a picture.
_MARKDOWN = re.compile(r"!?\[([^\[\]\n]+)\]\((https?://[^\s()<>]+)\)")
#: What senders escape: the first three are Slack's, and some escape quotes, too.
_ENTITY = re.compile("&(?:amp|lt|gt|quot|#39|#x27);")


def unmarked(text: str) -> str:
    """The text without markup: `label (url)`, `@here`, `<` for `&lt;`."""
    text = _MARKDOWN.sub(lambda found: link(found[1], found[2]), _MARKED.sub(_shown, text))
    return _ENTITY.sub(lambda found: html.unescape(found[0]), text)


def _shown(found: re.Match[str]) -> str:
    what, label = found[1], (found[2] or "").strip()
    if what[0] in "@#":  # a person or a channel, by a number that says nothing here unless there is no name
        return what[0] + (label.lstrip("@#") or what[1:])
    if what[0] == "!":  # everybody, a group, or a date with the text of it
        name = what[1:].partition("^")[0]
        return label if label and name in ("date", "subteam") else f"@{name}"
    address = re.sub("^(?:mailto|tel):", "", what)
    return link(label, address)
