"""WHOIS: what is known of somebody. WHOWAS: who had a name before. ISON and USERHOST: who of several people is online."""

from __future__ import annotations

from lanchat.core.replies import NAMES_A_PACKET
from lanchat.irc import numerics
from lanchat.irc.client import IrcClient
from lanchat.irc.command import IrcCommand, Numeric
from lanchat.irc.message import MAX_LINE, Message, middle
from lanchat.irc.modes import PREFIXES
from lanchat.irc.names import rows
from lanchat.irc.people import BOT, INVISIBLE, Member, has_mode, host_of, person, realname_of, user_of
from lanchat.irc_commands.status import server_info
from lanchat.model.names import key
from lanchat.model.session import Account, Role, Session
from lanchat.protocol.durations import format_duration
from lanchat.protocol.interfaces import IConnection

#: What is said of an account that is not online.
NOT_ONLINE = "is not online. What you write is kept"
#: How many connections of somebody are shown, at most, and how many names USERHOST takes.
MAX_SHOWN, MAX_NAMES = 16, 5


def _whois(client: IrcClient, message: Message) -> None:
    params, online = message.params, client.chat.online
    if not params[-1]:
        raise Numeric(numerics.ERR_NONICKNAMEGIVEN)
    nick = params[1] if len(params) > 1 else params[0]
    if len(params) > 1 and key(params[0]) not in {key(client.server.name), key(nick)} and online.find(params[0]) is None:
        raise Numeric(numerics.ERR_NOSUCHSERVER, middle(params[0]))
    if (whom := person(online, nick)) is not None:
        _show(client, whom)
    elif (bot := client.chat.bots.find(nick)) is not None:
        client.numeric(numerics.RPL_WHOISUSER, bot.name, "~bot", client.server.name, "*", bot.name)
        client.numeric(numerics.RPL_WHOISBOT, bot.name)
    else:
        client.numeric(numerics.ERR_NOSUCHNICK, middle(nick))
    client.numeric(numerics.RPL_ENDOFWHOIS, middle(nick))


def _show(client: IrcClient, whom: Member) -> None:
    chat, asker, session, name = client.chat, client.session, whom.session, whom.name
    assert asker is not None  # noqa: S101 (the table lets nobody else ask)
    sessions = whom.account.sessions if whom.account is not None else [session] if session is not None else []
    chat.charge(asker, (len(chat.rooms.of_person(_identity(whom))) + len(sessions)) / NAMES_A_PACKET)
    client.numeric(numerics.RPL_WHOISUSER, name, user_of(session), whom.host, "*", realname_of(session, name))
    _show_channels(client, whom)
    client.numeric(numerics.RPL_WHOISSERVER, name, client.server.name, server_info())
    away = _identity(whom).away
    if session is None or away:
        client.numeric(numerics.RPL_AWAY, name, away or NOT_ONLINE)
    if whom.is_operator:
        client.numeric(numerics.RPL_WHOISOPERATOR, name)
    if whom.account is not None:
        client.numeric(numerics.RPL_WHOISACCOUNT, name, whom.account.name.shown, "is logged in as")
    if has_mode(session, BOT):
        client.numeric(numerics.RPL_WHOISBOT, name)
    if sessions and all(_encryption(one) for one in sessions):
        client.numeric(numerics.RPL_WHOISSECURE, name)
    if asker in sessions or asker.role >= Role.MODERATOR:
        for one in sorted(sessions, key=lambda one: one.spoke, reverse=True)[:MAX_SHOWN]:
            client.numeric(numerics.RPL_WHOISHOST, name, _connection(client, one))
    if sessions:
        idle, since = min(_idle(client, one) for one in sessions), min(one.since for one in sessions)
        client.numeric(numerics.RPL_WHOISIDLE, name, str(idle), str(int(since)), "seconds idle, signon time")


def _identity(whom: Member) -> Account | Session:
    """Whose rooms somebody is in: an account's, or a guest's."""
    known = whom.account or whom.session
    assert known is not None  # noqa: S101 (a person has one of them)
    return known


def _show_channels(client: IrcClient, whom: Member) -> None:
    """Show those channels of somebody that the client sees; of an invisible user, those in which it is itself."""
    rooms, asker, identity = client.chat.rooms, client.session, _identity(whom)
    assert asker is not None  # noqa: S101 (as above)
    shown = [room for room in rooms.of_person(identity) if rooms.is_visible_to(room, asker)]
    if has_mode(whom.session, INVISIBLE) and asker.role < Role.MODERATOR:
        shown = [room for room in shown if asker in room.sessions]
    used = len(f":{client.server.name} 319 {client.nick} {whom.name} :".encode())
    signs = PREFIXES["multi-prefix" in client.caps]
    for row in rows((signs[room.rank_of(identity)] + room.name for room in shown), MAX_LINE - used):
        client.numeric(numerics.RPL_WHOISCHANNELS, whom.name, row)


def _connection(client: IrcClient, session: Session) -> str:
    """One connection of somebody, for themselves and moderators."""
    ways = (session.gateway, _encryption(session), session.device and f"device {session.device}")
    idle = format_duration(_idle(client, session))
    about = ", ".join([*filter(None, ways), f"idle for {idle}"])
    return f"is connecting from {user_of(session)}@{host_of(session.sender.ip)} ({about})"


def _encryption(session: Session) -> str:
    connection = IConnection(session.client, None)
    return connection.encryption() if connection is not None else ""


def _idle(client: IrcClient, session: Session) -> int:
    """For how many seconds somebody has done nothing of their own."""
    return int(client.chat.clock.seconds() - session.spoke)


def _whowas(client: IrcClient, message: Message) -> None:
    nick, count = message.params[0], message.params[1] if len(message.params) > 1 else ""
    found = [one for one in reversed(client.server.people.former) if one.key == key(nick)]
    most = int(count) if count.isascii() and count.isdigit() and len(count) < 4 else 0
    for one in found[: most or None]:
        client.numeric(numerics.RPL_WHOWASUSER, one.name, one.user, one.host, "*", one.realname)
        client.numeric(numerics.RPL_WHOISSERVER, one.name, client.server.name, client.chat.timestamp(round(one.until * 1000)))
    if not found:
        client.numeric(numerics.ERR_WASNOSUCHNICK, middle(nick))
    client.numeric(numerics.RPL_ENDOFWHOWAS, middle(nick))


def _ison(client: IrcClient, message: Message) -> None:
    names = [name for param in message.params for name in param.split()]
    _charge(client, len(names))
    sessions = filter(None, map(client.chat.online.find, names))
    used = len(f":{client.server.name} 303 {client.nick} :".encode())
    row = next(rows((session.name.shown for session in sessions), MAX_LINE - used), "")
    client.numeric(numerics.RPL_ISON, row)


def _userhost(client: IrcClient, message: Message) -> None:
    found = []
    for name in message.params[:MAX_NAMES]:
        if (session := client.chat.online.find(name)) is not None:
            operator = "*" if session.role is Role.OPERATOR else ""
            here = "-" if session.away else "+"
            found.append(f"{session.name.shown}{operator}={here}{user_of(session)}@{host_of(session.sender.ip)}")
    client.numeric(numerics.RPL_USERHOST, " ".join(found))


def _charge(client: IrcClient, names: int) -> None:
    """Charge a client for looking so many names up. Raises `RateLimited`."""
    if client.session is not None:
        client.chat.charge(client.session, names / NAMES_A_PACKET)


COMMANDS = {
    "WHOIS": IrcCommand(_whois, 1, "[<server>] <nick>", "show what is known of somebody", targets=1),
    "WHOWAS": IrcCommand(_whowas, 1, "<nick> [<count>]", "show who had a nick before"),
    "ISON": IrcCommand(_ison, 1, "<nick>{ <nick>}", "show who of these is online"),
    "USERHOST": IrcCommand(_userhost, 1, "<nick>{ <nick>}", "show the addresses of up to 5 people, and whether they are away"),
}
