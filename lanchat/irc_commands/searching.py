"""Searching: messages with some words, as SEARCH finds them (soju.im/search)."""

from __future__ import annotations

from lanchat.history.pages import MAX_PAGE
from lanchat.irc.client import IrcClient
from lanchat.irc.command import Fail, IrcCommand, Refused
from lanchat.irc.message import Message, middle, parse_tags
from lanchat.irc_commands.history import messages_in, send_messages

#: What a search may be narrowed by, with the words of the core for it.
_FILTERS = {"from": "from:", "in": "in:", "after": "since:", "before": "before:"}
#: The other attributes of a search.
_TEXT, _LIMIT = "text", "limit"


async def _search(client: IrcClient, message: Message) -> None:
    attributes = parse_tags(message.params[0])
    if unknown := attributes.keys() - {*_FILTERS, _TEXT, _LIMIT}:
        raise Fail("INVALID_PARAMS", middle(min(unknown)), text="There is no such attribute")
    words = [attributes.get(_TEXT, "")]
    for name, word in _FILTERS.items():
        if value := attributes.get(name, ""):
            words.append(word + _filter(name, value))
    try:
        page, _ = await client.ask_for_page("/search", text=" ".join(words).strip(), limit=_limit(attributes))
    except Refused as error:
        word = "INVALID_PARAMS" if error.code == "USAGE" else "MESSAGE_ERROR"
        raise Fail(word, _TEXT, text=str(error)) from None
    with client.batch("soju.im/search") as tags:
        await send_messages(client, messages_in(page), tags)


def _filter(name: str, value: str) -> str:
    """The value of an attribute as the core reads it. Raises `Fail`."""
    value = value.removeprefix("timestamp=")
    if " " in value:
        raise Fail("INVALID_PARAMS", name, text="There can't be a space in this")
    return f"@{value}" if name == "in" and not value.startswith("#") else value


def _limit(attributes: dict[str, str]) -> int:
    """How many messages are wanted, at most. Raises `Fail`."""
    limit = attributes.get(_LIMIT, str(MAX_PAGE))
    if not limit.isascii() or not limit.isdigit() or len(limit) > 9 or not int(limit):
        raise Fail("INVALID_PARAMS", _LIMIT, text="This is not a number of messages")
    return min(int(limit), MAX_PAGE)


COMMANDS = {
    "SEARCH": IrcCommand(_search, 1, "text=<words>;in=<channel or nick>;from=<nick>;limit=<number>", "find messages"),
}
