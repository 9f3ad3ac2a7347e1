"""The server itself: PING, the numbers of users, what it is and for how long it has run, leaving (RFC 2812, 3.4)."""

from __future__ import annotations

from lanchat import __version__
from lanchat.irc import numerics
from lanchat.irc.client import MAX_TOLD, IrcClient
from lanchat.irc.command import IrcCommand, Numeric
from lanchat.irc.message import Message, middle, unformatted
from lanchat.irc.names import rows
from lanchat.irc.shapes import split_text
from lanchat.irc_commands.isupport import isupport
from lanchat.irc_commands.rooms import settled
from lanchat.model.session import Role
from lanchat.protocol.interfaces import Work


def _ping(client: IrcClient, message: Message) -> Work | None:
    if not message.params or not message.params[0]:
        raise Numeric(numerics.ERR_NOORIGIN)
    session = client.session
    waits = client.done or client.chat.store.waiting or client.chat.delivery.held is not None
    if session is not None and waits:
        return _pong_later(client, message.params[0])
    client.reply("PONG", client.server.name, message.params[0])
    return None


async def _pong_later(client: IrcClient, token: str) -> None:
    """Answer when all that anybody has said and done before is stored and delivered, as clients take it so."""
    await settled(client)
    client.reply("PONG", client.server.name, token)


def _pong(client: IrcClient, message: Message) -> None:
    """Do nothing: the connection has noted that something came."""


def _quit(client: IrcClient, message: Message) -> Work | None:
    if client.session is None or client.registering is not None:
        client.reply("ERROR", "Closing link: quit", source="")
        client.disconnect()
        return None
    return _leave(client, unformatted("".join(message.params[:1])))


async def _leave(client: IrcClient, text: str) -> None:
    await client.ask("/quit", text=text)


def server_info() -> str:
    """What the server is, in a line."""
    return f"lanchat {__version__}"


def _lusers(client: IrcClient, message: Message) -> None:
    online, people, rooms = client.chat.online, client.server.people, len(client.chat.rooms)
    users, most, (invisible, operators) = len(online), people.most, people.counted()
    unknown = sum(not other.closed for other in client.server.unregistered)
    client.numeric(numerics.RPL_LUSERCLIENT, f"There are {users - invisible} users and {invisible} invisible on 1 servers")
    client.numeric(numerics.RPL_LUSEROP, str(operators), "IRC Operators online")
    client.numeric(numerics.RPL_LUSERUNKNOWN, str(unknown), "unknown connection(s)")
    client.numeric(numerics.RPL_LUSERCHANNELS, str(rooms), "channels formed")
    client.numeric(numerics.RPL_LUSERME, f"I have {users} clients and 0 servers")
    client.numeric(numerics.RPL_LOCALUSERS, str(users), str(most), f"Current local users {users}, max {most}")
    client.numeric(numerics.RPL_GLOBALUSERS, str(users), str(most), f"Current global users {users}, max {most}")


def _motd(client: IrcClient, message: Message) -> None:
    """Show the topic of the lobby, which everybody is in: it is what all are to read, in other clients, too."""
    lobby = client.chat.rooms.lobby
    if lobby is None or not lobby.topic:
        client.numeric(numerics.ERR_NOMOTD)
        return
    client.numeric(numerics.RPL_MOTDSTART, f"- {client.server.name} Message of the day -")
    for piece in split_text(lobby.topic, MAX_TOLD):
        client.numeric(numerics.RPL_MOTD, f"- {piece}")
    client.numeric(numerics.RPL_ENDOFMOTD)


def _version(client: IrcClient, message: Message) -> None:
    client.numeric(numerics.RPL_VERSION, f"lanchat-{__version__}", client.server.name, "a private chat server")
    for row in isupport(client):
        client.numeric(numerics.RPL_ISUPPORT, *row, "are supported by this server")


def _time(client: IrcClient, message: Message) -> None:
    client.numeric(numerics.RPL_TIME, client.server.name, client.chat.timestamp())


def _info(client: IrcClient, message: Message) -> None:
    started = client.chat.timestamp(round(client.server.created * 1000))
    for text in (f"{server_info()}, a private chat server for a local network", f"It has run since {started}."):
        client.numeric(numerics.RPL_INFO, text)
    client.numeric(numerics.RPL_ENDOFINFO)


def _admin(client: IrcClient, message: Message) -> None:
    operators = [session.name.shown for session in client.chat.online if session.role is Role.OPERATOR]
    client.numeric(numerics.RPL_ADMINME, client.server.name, "Administrative info")
    client.numeric(numerics.RPL_ADMINLOC1, server_info())
    online = next(rows(sorted(set(operators)), MAX_TOLD), "nobody")
    client.numeric(numerics.RPL_ADMINLOC2, f"Operators who are online: {online}")
    client.numeric(numerics.RPL_ADMINEMAIL, "Ask them, or who runs this server.")


def _links(client: IrcClient, message: Message) -> None:
    """There are no links: this server is the only one of its network."""
    client.numeric(numerics.RPL_ENDOFLINKS, "*")


def _stats(client: IrcClient, message: Message) -> None:
    query = message.params[0][:1] if message.params else ""
    if query == "u":
        days, seconds = divmod(int(client.chat.now() - client.server.created), 86400)
        minutes, seconds = divmod(seconds, 60)
        up = f"{days} days {minutes // 60}:{minutes % 60:02}:{seconds:02}"
        client.numeric(numerics.RPL_STATSUPTIME, f"Server Up {up}")
    client.numeric(numerics.RPL_ENDOFSTATS, middle(query))


COMMANDS = {
    "PING": IrcCommand(_ping, 0, "<token>", "ask whether the server answers", anyone=True),
    "PONG": IrcCommand(_pong, 0, "<token>", "answer a PING", anyone=True),
    "QUIT": IrcCommand(_quit, 0, "[<text>]", "disconnect, with an optional goodbye message", anyone=True),
    "LUSERS": IrcCommand(_lusers, 0, "", "show how many users there are"),
    "MOTD": IrcCommand(_motd, 0, "", "show the message of the day: the topic of the lobby"),
    "VERSION": IrcCommand(_version, 0, "", "show the version of the server, and what it supports"),
    "TIME": IrcCommand(_time, 0, "", "show the server's time"),
    "INFO": IrcCommand(_info, 0, "", "show what this server is"),
    "ADMIN": IrcCommand(_admin, 0, "", "show whom to ask about this server"),
    "LINKS": IrcCommand(_links, 0, "", "show the other servers of the network, of which there are none"),
    "STATS": IrcCommand(_stats, 0, "[u]", "show for how long the server has run"),
}
