"""Channels: their topics, who is in them, who is invited to them and taken out, and their names (RFC 2812, 3.2)."""

from __future__ import annotations

from lanchat.commands.moderation import MAX_REASON
from lanchat.core.replies import NAMES_A_PACKET
from lanchat.irc import numerics
from lanchat.irc.client import IrcClient
from lanchat.irc.command import Fail, IrcCommand, Numeric, Refused
from lanchat.irc.message import Message, middle, unformatted
from lanchat.irc.names import show_names, show_topic
from lanchat.irc_commands.rooms import (
    check_in,
    find_person,
    find_room,
    has_member,
    settled,
    split_channels,
)
from lanchat.model.room import Room
from lanchat.model.room_rules import Rank
from lanchat.model.session import Account
from lanchat.protocol.errors import AuthRequired, Forbidden, NameTaken
from lanchat.protocol.interfaces import Work

#: How many people one KICK may name, and how many channels one NAMES.
MAX_KICKED, MAX_NAMES = 10, 4


# The topic.


def _topic(client: IrcClient, message: Message) -> Work | None:
    room = find_room(client, message.params[0])
    if len(message.params) > 1:
        return _set_topic(client, room, unformatted(message.params[1]))
    if room.topic:
        show_topic(client, room)
    else:
        client.numeric(numerics.RPL_NOTOPIC, room.name)
    return None


async def _set_topic(client: IrcClient, room: Room, topic: str) -> None:
    check_in(client, room)
    await client.ask("/topic", room=room.name, text=topic)
    await settled(client)


# Who is there.


async def _names(client: IrcClient, message: Message) -> None:
    session, chat = client.session, client.chat
    assert session is not None  # noqa: S101 (only those who are registered ask)
    if message.params:
        channels = split_channels(message.params[0], MAX_NAMES)
        for channel in channels:
            room = chat.rooms.find(channel) if channel else None
            if room is not None and chat.rooms.is_visible_to(room, session):
                chat.charge(session, room.people / NAMES_A_PACKET)
                await show_names(client, room, end=False)
        # (As it was written: a list of channels has one end.)
        client.numeric(numerics.RPL_ENDOFNAMES, ",".join(map(middle, channels)))
        return
    rooms = [room for room in chat.rooms.with_prefix("") if chat.rooms.is_visible_to(room, session)]
    chat.charge(session, sum(1 + room.people for room in rooms) / NAMES_A_PACKET)
    for room in rooms:
        await show_names(client, room, end=False)
    client.numeric(numerics.RPL_ENDOFNAMES, "*")


# Who is invited, and who is taken out.


def _invite(client: IrcClient, message: Message) -> Work | None:
    if not message.params:
        _list_invitations(client)
        return None
    if len(message.params) == 1:
        raise Numeric(numerics.ERR_NEEDMOREPARAMS, message.command)
    return _invite_to(client, message.params[0], message.params[1])


def _list_invitations(client: IrcClient) -> None:
    """List the rooms to which a client is invited."""
    session, chat = client.session, client.chat
    assert session is not None  # noqa: S101 (as above)
    chat.charge(session, len(chat.rooms) / NAMES_A_PACKET)
    for room in chat.rooms.with_prefix(""):
        if room.invites(session):
            client.numeric(numerics.RPL_INVITELIST, room.name)
    client.numeric(numerics.RPL_ENDOFINVITELIST)


async def _invite_to(client: IrcClient, nick: str, channel: str) -> None:
    room = find_room(client, channel)
    check_in(client, room)
    person = find_person(client, nick)
    if has_member(room, person):
        raise Numeric(numerics.ERR_USERONCHANNEL, person.name.shown, room.name)
    try:
        await client.ask("/invite", user=person.name.shown, room=room.name)
    except Refused as error:
        if error.code in {AuthRequired.code, Forbidden.code}:
            raise Numeric(numerics.ERR_CHANOPRIVSNEEDED, room.name, text=str(error)) from None
        raise
    client.numeric(numerics.RPL_INVITING, person.name.shown, room.name)
    if isinstance(person, Account) and not person.sessions:
        client.numeric(numerics.RPL_AWAY, person.name.shown, "They read it when they come.")
    await settled(client)


async def _kick(client: IrcClient, message: Message) -> None:
    channels, nicks = message.params[0].split(","), message.params[1].split(",")[:MAX_KICKED]
    reason = unformatted("".join(message.params[2:3]))[:MAX_REASON]
    if len(channels) == 1:
        channels *= len(nicks)
    if len(channels) != len(nicks):
        raise Numeric(numerics.ERR_NEEDMOREPARAMS, message.command)
    for channel, nick in zip(channels, nicks, strict=True):
        await client.attempt("KICK", channel, _take_out(client, channel, nick, reason))
    await settled(client)


async def _take_out(client: IrcClient, channel: str, nick: str, reason: str) -> None:
    room = find_room(client, channel)
    check_in(client, room)
    if client.session is not None and not room.has_rank(client.session, Rank.OPERATOR):
        raise Numeric(numerics.ERR_CHANOPRIVSNEEDED, room.name)
    person = find_person(client, nick)
    if not has_member(room, person):
        raise Numeric(numerics.ERR_USERNOTINCHANNEL, person.name.shown, room.name)
    await client.ask("/kick", room=room.name, target=person.name.shown, text=reason)


# The name.


async def _rename(client: IrcClient, message: Message) -> None:
    room, new = find_room(client, message.params[0]), message.params[1]
    check_in(client, room)
    if client.session is not None and not room.has_rank(client.session, Rank.OWNER):
        raise Numeric(numerics.ERR_CHANOPRIVSNEEDED, room.name)
    try:
        await client.ask("/rename", room=room.name, text=new)
    except Refused as error:
        code = "CHANNEL_NAME_IN_USE" if error.code == NameTaken.code else "CANNOT_RENAME"
        if error.code == AuthRequired.code:
            raise Numeric(numerics.ERR_NEEDREGGEDNICK, room.name, text=str(error)) from None
        raise Fail(code, room.name, middle(new), text=str(error)) from None
    await settled(client)


COMMANDS = {
    "TOPIC": IrcCommand(_topic, 1, "<channel> [<topic>]", "show the topic of a channel, or set it"),
    "NAMES": IrcCommand(_names, 0, "[<channel>{,<channel>}]", "show who is in a channel", targets=MAX_NAMES),
    "INVITE": IrcCommand(_invite, 0, "[<nick> <channel>]", "invite somebody to a channel, or show where you are invited"),
    "KICK": IrcCommand(_kick, 2, "<channel> <nick>{,<nick>} [<reason>]", "take people out of a channel", targets=MAX_KICKED),
    "RENAME": IrcCommand(_rename, 2, "<channel> <new name> [<reason>]", "give a channel another name"),
}
