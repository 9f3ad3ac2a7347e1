"""Slack's "blocks": the texts and links in them, without the layout."""

from __future__ import annotations

from typing import Any

from lanchat.hooks.markup import unmarked
from lanchat.hooks.texts import Gathered, link, objects, words

#: How deep lists of rich text may be in one another.
MAX_DEPTH = 6
#: How many texts stand side by side, as Slack has it.
MOST_IN_CONTEXT = 10


def gather_blocks(blocks: Any, into: Gathered) -> None:
    """Add the texts of all blocks. Those of a kind that we don't know are read as far as they look like the known ones."""
    for block in objects(blocks):
        if into.is_full:
            return
        into.add(unmarked(words(block.get("text"))))
        into.add_all(unmarked(words(text)) for text in objects(block.get("fields")))
        elements = objects(block.get("elements"))
        if block.get("type") == "rich_text":
            into.add_all(_rich(element, 0) for element in elements)
        elif block.get("type") == "context":  # its texts stand side by side
            into.add(" ".join(filter(None, (unmarked(words(element)) for element in elements[:MOST_IN_CONTEXT]))))
        else:
            into.add_all(map(button, elements))
        if isinstance(block.get("accessory"), dict):
            into.add(button(block["accessory"]))
        into.add(_picture(block))


def button(element: dict[str, Any]) -> str:
    """What a button says, if it leads somewhere: else it is of no use here, and nothing is said."""
    url = words(element.get("url"))
    return link(unmarked(words(element.get("text"))), url) if url else ""


def _picture(block: dict[str, Any]) -> str:
    url = words(block.get("image_url"))
    return link(unmarked(words(block.get("title")) or words(block.get("alt_text"))) or "Picture", url) if url else ""


def _rich(element: dict[str, Any], depth: int) -> str:
    """The text of an element of rich text: of a section, a list of them, a quote, or a word in it."""
    kind = element.get("type")
    if kind == "link":
        return link(words(element.get("text")), words(element.get("url")))
    for sign, member in (("@", "user_id"), ("@", "usergroup_id"), ("@", "range"), ("#", "channel_id")):
        if member in element:
            return sign + words(element[member])
    if kind == "emoji":
        return f":{words(element.get('name'))}:"
    if depth == MAX_DEPTH or "elements" not in element:
        return words(element.get("text"))
    inner = [_rich(each, depth + 1) for each in objects(element["elements"])]
    return "\n".join(f"- {each}" for each in inner) if kind == "rich_text_list" else "".join(inner)
