"""What commands about channels share: finding a room and the people in it, and waiting for what was done to be shown."""

from __future__ import annotations

from lanchat.irc import numerics
from lanchat.irc.client import IrcClient
from lanchat.irc.command import Numeric
from lanchat.irc.message import middle
from lanchat.model.room import MARK, Room
from lanchat.model.session import Account, Role, Session

#: How many channels one command may name.
MAX_CHANNELS = 50


def split_channels(text: str, most: int = MAX_CHANNELS) -> list[str]:
    """The channels that one command names. Raises `Numeric` if they are too many."""
    channels = text.split(",")
    if len(channels) > most:
        raise Numeric(numerics.ERR_TOOMANYTARGETS, middle(channels[most]))
    return channels


def find_room(client: IrcClient, channel: str) -> Room:
    """The room of this name. Raises `Numeric` if there is none that the client may know of."""
    room = client.chat.rooms.find(channel) if channel.startswith(MARK) else None
    if room is None or client.session is None or not client.chat.rooms.is_visible_to(room, client.session):
        raise Numeric(numerics.ERR_NOSUCHCHANNEL, middle(channel))
    return room


def check_in(client: IrcClient, room: Room) -> None:
    """Raise `Numeric` unless the client is in the room, or is a moderator's."""
    if not is_in(client, room) and client.session is not None and client.session.role < Role.MODERATOR:
        raise Numeric(numerics.ERR_NOTONCHANNEL, room.name)


def is_in(client: IrcClient, room: Room) -> bool:
    """Whether a client is in a room."""
    return client.session in room.sessions


def find_person(client: IrcClient, nick: str) -> Account | Session:
    """The account or the guest of this name. Raises `Numeric` if there is none."""
    person = client.chat.online.account(nick) or client.chat.online.find(nick)
    if person is None:
        raise Numeric(numerics.ERR_NOSUCHNICK, middle(nick))
    return person


def has_member(room: Room, person: Account | Session) -> bool:
    """Whether an account is a member of a room, or a guest is in it."""
    return person.id in room.members if isinstance(person, Account) else person in room.sessions


async def settled(client: IrcClient) -> None:
    """Wait until the client was shown what it has done, which comes back from the store."""
    await client.chat.stored.settled()
    client.done = ()
