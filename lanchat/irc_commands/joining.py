"""Entering and leaving channels, which are the chat's rooms: JOIN and PART (RFC 2812, 3.2.1 and 3.2.2)."""

from __future__ import annotations

import contextlib

from lanchat.commands.joining import said_on_leaving
from lanchat.core.replies import NAMES_A_PACKET
from lanchat.irc import numerics
from lanchat.irc.client import IrcClient
from lanchat.irc.command import IrcCommand, Numeric, Refused
from lanchat.irc.events import shown_at_once
from lanchat.irc.message import Message, middle, unformatted
from lanchat.irc.names import show_entered, show_implicit_names
from lanchat.irc_commands.history import show_latest
from lanchat.irc_commands.rooms import MAX_CHANNELS, is_in, settled, split_channels
from lanchat.model.room import MARK, Room
from lanchat.protocol.errors import Forbidden, Full
from lanchat.protocol.events import JOINED, LEFT
from lanchat.protocol.extensions import ServerX

#: Instead of a channel: all those that one is in.
ALL = "0"


async def _join(client: IrcClient, message: Message) -> None:
    if message.params[0] == ALL:
        await _leave_all(client)
        return
    keys = message.params[1].split(",") if len(message.params) > 1 else []
    entered: dict[Room, bool] = {}  # with whether they were there before
    for number, channel in enumerate(split_channels(message.params[0])):
        before = client.chat.rooms.find(channel)
        if before is not None and is_in(client, before):
            continue
        await client.attempt("JOIN", channel, _enter(client, channel, keys[number] if number < len(keys) else ""))
        if (room := client.chat.rooms.find(channel)) is not None and is_in(client, room):
            entered[room] = before is not None
            show_entered(client, room)  # (at once, before what happens there)
    for room, was_there in entered.items():
        if is_in(client, room):
            _charge_for_names(client, room)
            await show_implicit_names(client, room)
            if was_there:
                await _show_history(client, room)


async def _enter(client: IrcClient, channel: str, key: str) -> None:
    """Enter a channel, which may have to be made. Raises `Numeric`, or as the core does."""
    if not channel.startswith(MARK):
        raise Numeric(numerics.ERR_NOSUCHCHANNEL, middle(channel))
    try:
        with shown_at_once(client, JOINED, channel):
            await client.ask("/join", room=channel, key=key)
    except Refused as error:
        room, number = client.chat.rooms.find(channel), None
        if error.code == Full.code:
            number = numerics.ERR_TOOMANYCHANNELS if room is None or _is_in_most(client) else numerics.ERR_CHANNELISFULL
        elif error.code == Forbidden.code and room is not None:
            number = _forbidden(client, room)
        elif error.code == "BAD_NAME":
            number = numerics.ERR_BADCHANMASK
        if number is None:
            raise
        raise Numeric(number, middle(channel), text=str(error)) from None


def _is_in_most(client: IrcClient) -> bool:
    """Whether a client is in as many channels as one may be in."""
    assert client.session is not None  # noqa: S101 (only those who are registered join)
    return len(client.chat.rooms.of(client.session)) >= client.chat.limits["joined"]


def _forbidden(client: IrcClient, room: Room) -> int:
    """The numeric that says why somebody may not enter a room, in the order in which the core looks at its rules."""
    if room.rules.accounts_only and client.session is not None and client.session.account is None:
        return numerics.ERR_NEEDREGGEDNICK
    return numerics.ERR_INVITEONLYCHAN if room.private else numerics.ERR_BADCHANNELKEY


def _charge_for_names(client: IrcClient, room: Room) -> None:
    """Charge for the names that somebody is shown in any case; the next command waits for it."""
    assert client.session is not None  # noqa: S101 (as above)
    client.session.packets.take(len(room.sessions) / NAMES_A_PACKET, client.chat.clock.seconds())


async def _show_history(client: IrcClient, room: Room) -> None:
    """Show the newest messages of a room to a client that can't ask for them."""
    most = client.server.settings.history
    if not most or "draft/chathistory" in client.caps or not client.chat.store.stores_messages:
        return
    with contextlib.suppress(Refused):  # (it is in the room all the same)
        await show_latest(client, room.name, most)


async def _part(client: IrcClient, message: Message) -> None:
    reason = unformatted("".join(message.params[1:2]))
    for channel in split_channels(message.params[0]):
        await client.attempt("PART", channel, _leave(client, channel, reason))


async def _leave(client: IrcClient, channel: str, text: str = "") -> None:
    """Leave a channel, and show that at once, so that what the client does next need not wait for the store."""
    if not channel.startswith(MARK):
        raise Numeric(numerics.ERR_NOSUCHCHANNEL, middle(channel))
    session, room = client.session, client.chat.rooms.find(channel)
    assert session is not None  # noqa: S101 (as above)
    if session.pending:
        await settled(client)  # (what it has said is shown before)
    told = said_on_leaving(client.chat, session, room, text) if room is not None else ""
    with shown_at_once(client, LEFT, channel):
        await client.ask("/leave", room=channel, text=text)
    if room is not None:
        x, reason = ServerX(ts=client.chat.timestamp()), [told] if told else []
        client.reply_written(client.event_shape.write(x, client.nick, "PART", room.name, *reason, mask=client.mask))


async def _leave_all(client: IrcClient) -> None:
    assert client.session is not None  # noqa: S101 (as above)
    for room in client.chat.rooms.of(client.session):
        if room is not client.chat.rooms.lobby:
            await client.attempt("JOIN", room.name, _leave(client, room.name))


COMMANDS = {
    "JOIN": IrcCommand(
        _join, 1, "<channel>{,<channel>} [<key>{,<key>}]", "enter channels; JOIN 0 leaves all", targets=MAX_CHANNELS
    ),
    "PART": IrcCommand(_part, 1, "<channel>{,<channel>} [<text>]", "leave channels", targets=MAX_CHANNELS),
}
