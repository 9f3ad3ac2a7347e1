"""Channels, which are the chat's rooms: entering and leaving them (RFC 2812, 3.2)."""

from __future__ import annotations

from lanchat.irc.client import IrcClient
from lanchat.irc.command import IrcCommand
from lanchat.irc.message import Message

#: How many channels one command may name.
MAX_CHANNELS = 10


async def _join(client: IrcClient, message: Message) -> None:
    keys = message.params[1].split(",") if len(message.params) > 1 else []
    for number, channel in enumerate(message.params[0].split(",")[:MAX_CHANNELS]):
        await client.attempt("JOIN", channel, client.ask("/join", room=channel, key=keys[number] if number < len(keys) else ""))


async def _part(client: IrcClient, message: Message) -> None:
    for channel in message.params[0].split(",")[:MAX_CHANNELS]:
        await client.attempt("PART", channel, client.ask("/leave", room=channel))


COMMANDS = {
    "JOIN": IrcCommand(_join, 1, "<channel>{,<channel>} [<key>{,<key>}]", "enter channels", targets=MAX_CHANNELS),
    "PART": IrcCommand(_part, 1, "<channel>{,<channel>} [<text>]", "leave channels", targets=MAX_CHANNELS),
}
