"""The server itself: PING, the numbers of users, the message of the day, leaving."""

from __future__ import annotations

from lanchat.irc import numerics
from lanchat.irc.client import IrcClient
from lanchat.irc.command import IrcCommand, Numeric
from lanchat.irc.message import Message
from lanchat.model.session import Role
from lanchat.protocol.interfaces import Work


def _ping(client: IrcClient, message: Message) -> Work | None:
    if not message.params or not message.params[0]:
        raise Numeric(numerics.ERR_NOORIGIN)
    session = client.session
    if session is not None and session.pending:
        return _pong_later(client, message.params[0])
    client.reply("PONG", client.server.name, message.params[0])
    return None


async def _pong_later(client: IrcClient, token: str) -> None:
    """Answer when all that the client has said before is stored and delivered."""
    await client.chat.stored.settled()
    client.reply("PONG", client.server.name, token)


def _pong(client: IrcClient, message: Message) -> None:
    """Do nothing: the connection has noted that something came."""


def _quit(client: IrcClient, message: Message) -> Work | None:
    if client.session is None or client.registering is not None:
        client.reply("ERROR", "Closing link: quit", source="")
        client.disconnect()
        return None
    return _leave(client, message.params[0] if message.params else "")


async def _leave(client: IrcClient, text: str) -> None:
    await client.ask("/quit", text=text)


def _lusers(client: IrcClient, message: Message) -> None:
    online, rooms = client.chat.online, len(client.chat.rooms)
    users, operators = len(online), sum(session.role is Role.OPERATOR for session in online)
    client.numeric(numerics.RPL_LUSERCLIENT, f"There are {users} users and 0 invisible on 1 servers")
    client.numeric(numerics.RPL_LUSEROP, str(operators), "IRC Operators online")
    client.numeric(numerics.RPL_LUSERCHANNELS, str(rooms), "channels formed")
    client.numeric(numerics.RPL_LUSERME, f"I have {users} clients and 0 servers")
    client.numeric(numerics.RPL_LOCALUSERS, str(users), str(users), f"Current local users {users}, max {users}")
    client.numeric(numerics.RPL_GLOBALUSERS, str(users), str(users), f"Current global users {users}, max {users}")


def _motd(client: IrcClient, message: Message) -> None:
    client.numeric(numerics.ERR_NOMOTD)


COMMANDS = {
    "PING": IrcCommand(_ping, 0, "<token>", "ask whether the server answers", anyone=True),
    "PONG": IrcCommand(_pong, 0, "<token>", "answer a PING", anyone=True),
    "QUIT": IrcCommand(_quit, 0, "[<text>]", "disconnect, with an optional goodbye message", anyone=True),
    "LUSERS": IrcCommand(_lusers, 0, "", "show how many users there are"),
    "MOTD": IrcCommand(_motd, 0, "", "show the message of the day"),
}
