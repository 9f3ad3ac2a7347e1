"""Registration: capabilities, a nick, a user name, perhaps a password (RFC 2812, 3.1; IRCv3 "Capability Negotiation")."""

from __future__ import annotations

import re

from lanchat.commands.accounts import check_connected, enter_device
from lanchat.irc import caps as capabilities, numerics
from lanchat.irc.client import IrcClient
from lanchat.irc.command import IrcCommand, Numeric
from lanchat.irc.isupport import isupport
from lanchat.irc.message import MAX_LINE, Message
from lanchat.irc.names import rows, show_joined
from lanchat.irc_commands.logins import check_password, mechanisms
from lanchat.model.names import parse as parse_name
from lanchat.model.session import CLASSIC, Account, Session
from lanchat.protocol.errors import AuthRequired, BadName, Banned, ChatError, Forbidden
from lanchat.protocol.interfaces import Work
from lanchat.protocol.packet import visible

#: The user and channel modes there are, as the welcome tells them.
USER_MODES, CHANNEL_MODES = "Bior", "Rbiklmnostv"
#: Characters of a user name, with the `~` that says that nobody has checked it; and of a real name.
MAX_USER, MAX_REALNAME = 16, 100
#: Clients that say this have CAP version 302 or newer, and read values of capabilities.
WITH_VALUES = 302
_NO_USER_NAME = re.compile(r"[^A-Za-z0-9._-]")
_PASSWORD_WITH_ACCOUNT = re.compile(r"(?P<account>[^\s:]{1,64}):(?P<password>.+)", re.DOTALL)


# Capabilities.


def offered(client: IrcClient) -> dict[str, str]:
    """The capabilities that a client is offered, with their values."""
    found = dict.fromkeys(capabilities.CAPS, "")
    if mechs := mechanisms(client):
        found[capabilities.SASL] = ",".join(mechs)
    if not client.encryption() and client.server.settings.sts_port:
        found[capabilities.STS] = f"port={client.server.settings.sts_port}"
    if client.chat.store.stores_messages is False:
        for stored in ("draft/chathistory", "draft/read-marker", "draft/message-redaction", "soju.im/search"):
            del found[stored]
    return dict(sorted(found.items()))


def _cap(client: IrcClient, message: Message) -> Work | None:
    subcommand, *rest = message.params
    name = subcommand.upper()
    if client.registering is not None and name in ("LS", "REQ"):
        client.registering.negotiating = True
    if name == "LS":
        version = int(rest[0]) if rest and rest[0].isascii() and rest[0].isdigit() and len(rest[0]) < 6 else 301
        _list(client, "LS", offered(client), version >= WITH_VALUES)
        if version >= WITH_VALUES and client.registering is not None:
            client.caps |= {"cap-notify"}
    elif name == "LIST":
        _list(client, "LIST", dict.fromkeys(sorted(client.caps), ""), True)
    elif name == "REQ":
        _request(client, rest[0] if rest else "")
    elif name == "END":
        if client.registering is not None:
            client.registering.negotiating = False
    else:
        raise Numeric(numerics.ERR_INVALIDCAPCMD, visible(subcommand, 40).replace(" ", "_") or "*")
    return _then_complete(client)


def _list(client: IrcClient, name: str, found: dict[str, str], several: bool) -> None:
    """Send a list of capabilities, in several lines if the client reads those."""
    words = [f"{cap}={value}" if value and several else cap for cap, value in found.items()]
    most = MAX_LINE - len(f":{client.server.name} CAP {client.nick} {name} * :".encode())
    found_rows = list(rows(words, most)) or [""]
    for row in found_rows[:-1] if several else ():
        client.reply("CAP", client.nick, name, "*", row)
    client.reply("CAP", client.nick, name, found_rows[-1] if several else " ".join(words)[:most])


def _request(client: IrcClient, text: str) -> None:
    """Grant all the capabilities that were asked for, or none."""
    there = offered(client).keys() - {capabilities.STS}
    caps = set(client.caps)
    for word in text.split():
        name = word.removeprefix("-")
        if name not in there or (word.startswith("-") and name == "cap-notify"):
            client.reply("CAP", client.nick, "NAK", text)
            return
        (caps.discard if word.startswith("-") else caps.add)(name)
    client.reply("CAP", client.nick, "ACK", text)
    client.use_caps(frozenset(caps))


# The registration.


def _then_complete(client: IrcClient) -> Work | None:
    """Complete the registration, if nothing is missing."""
    known = client.registering
    if known is None or known.negotiating or not known.nick or known.user is None:
        return None
    return _complete(client)


def _password(client: IrcClient, message: Message) -> None:
    if client.registering is None:
        raise Numeric(numerics.ERR_ALREADYREGISTERED)
    client.registering.password = " ".join(message.params)


def _user(client: IrcClient, message: Message) -> Work | None:
    if client.registering is None:
        raise Numeric(numerics.ERR_ALREADYREGISTERED)
    user, realname = message.params[0], message.params[3]
    if not user or not realname.strip():
        raise Numeric(numerics.ERR_NEEDMOREPARAMS, "USER")
    name = _NO_USER_NAME.sub("", user.removeprefix("~"))[: MAX_USER - 1] or "u"
    client.registering.user = f"~{name}", visible(realname.strip(), MAX_REALNAME)
    return _then_complete(client)


def nick_before(client: IrcClient, message: Message) -> Work | None:
    """Take the nick of a client whose registration is not complete."""
    assert client.registering is not None  # noqa: S101 (asked before)
    nick = message.params[0] if message.params else ""
    if not nick:
        raise Numeric(numerics.ERR_NONICKNAMEGIVEN)
    try:
        parse_name(nick, client.chat.online.is_free)
    except BadName as error:
        raise Numeric(numerics.ERR_ERRONEUSNICKNAME, shown_nick(nick), text=str(error)) from None
    client.registering.nick = nick
    return _then_complete(client)


def shown_nick(nick: str) -> str:
    """What a client wrote as a nick, as a parameter of an answer."""
    return visible(nick, 40).replace(" ", "_").lstrip(":") or "*"


async def _complete(client: IrcClient) -> None:
    known = client.registering
    assert known is not None  # noqa: S101 (asked before)
    assert known.user is not None  # noqa: S101 (as above)
    try:
        account = known.account or await _account_of_password(client, known.password)
    except ChatError as error:
        client.counts_refused(error)
        client.reply(f"{numerics.ERR_PASSWDMISMATCH:03}", client.nick, str(error))
        client.disconnect(error.code, str(error))
        return
    client.username, client.realname = known.user
    try:
        session = client.open(account.name.shown if account is not None else known.nick)
        await _enter(client, session, account)
    except ChatError as error:
        _not_entered(client, known.nick, error)


async def _enter(client: IrcClient, session: Session, account: Account | None) -> None:
    """Let a session be online, and welcome it. Raises `AuthRequired` if its name is an account's, and it has not logged in."""
    chat, known = client.chat, client.registering
    cursor: int | None = None
    if account is None and session in chat.pending_logins:
        raise AuthRequired(f"The nick {session.name.shown} is an account's. Log in with SASL or PASS, or take another nick.")
    session.greeted, session.framed = True, True
    if account is not None:
        chat.pending_logins.check_login_rate(account)
        cursor = await enter_device(chat, account, CLASSIC)
        check_connected(chat, session, account, cursor or 0)
        session.caps = None
        chat.admit(session, account)
        chat.cursors.begin(session, CLASSIC, cursor or 0)
    client.registering = None
    client.use_caps(client.caps)
    if account is None:
        session.seen = chat.store.last_seq
    chat.keepalive.watch(session)
    _welcome(client)
    for room in chat.rooms.of(session):
        show_joined(client, room)
    if known is not None and known.away:
        await client.ask("/away", known.away)
    chat.tell_mutes(session, None, *chat.rooms.of(session))
    if account is not None and cursor is None:
        chat.replay.tell_skipped(session)
    elif account is not None and cursor is not None:
        await chat.replay.newest(session, cursor)


def _not_entered(client: IrcClient, nick: str, error: ChatError) -> None:
    """Tell a client why it can't have a nick, so that it takes another; or close it, if that would not help."""
    client.counts_refused(error)
    if client.session is not None:
        client.chat.leave(client.session, "was not admitted", code=error.code)
        client.session = None
    if client.registering is None or isinstance(error, (Banned, Forbidden)) or client.closed:
        client.reply(f"{numerics.ERR_YOUREBANNEDCREEP:03}", client.nick, str(error))
        client.refuse(error)
        return
    if isinstance(error, AuthRequired):
        client.reply(f"{numerics.ERR_PASSWDMISMATCH:03}", client.nick, str(error))
    number = numerics.ERR_ERRONEUSNICKNAME if isinstance(error, BadName) else numerics.ERR_NICKNAMEINUSE
    client.reply(f"{number:03}", client.nick, shown_nick(nick), str(error))
    client.registering.nick = ""
    client.restart_deadline()


async def _account_of_password(client: IrcClient, password: str) -> Account | None:
    """The account of `PASS account:password`; None if there was none. Raises what `check_password` does."""
    found = _PASSWORD_WITH_ACCOUNT.fullmatch(password)
    known = client.registering
    if known is None or not password:
        return None
    name = found["account"] if found is not None else known.nick
    if client.chat.online.account(name) is None:
        return None  # (a guest, whose client always sends a password)
    return await check_password(client, name, found["password"] if found is not None else password)


def _welcome(client: IrcClient) -> None:
    server = client.server
    client.numeric(numerics.RPL_WELCOME, f"Welcome to {server.name}, {client.mask}")
    client.numeric(numerics.RPL_YOURHOST, f"Your host is {server.name}, running lanchat")
    created = client.chat.timestamp(round(server.created * 1000))
    client.numeric(numerics.RPL_CREATED, f"This server was started {created}")
    client.numeric(numerics.RPL_MYINFO, server.name, "lanchat", USER_MODES, CHANNEL_MODES, "bklov")
    for row in isupport(client):
        client.numeric(numerics.RPL_ISUPPORT, *row, "are supported by this server")
    client.server.commands["LUSERS"].run(client, Message("LUSERS", []))
    client.server.commands["MOTD"].run(client, Message("MOTD", []))


COMMANDS = {
    "CAP": IrcCommand(
        _cap,
        1,
        "LS|LIST|REQ|END",
        "negotiate capabilities",
        anyone=True,
    ),
    "PASS": IrcCommand(_password, 1, "<account>:<password>", "log in to an account while connecting", anyone=True),
    "USER": IrcCommand(_user, 4, "<user> 0 * <realname>", "say who you are", anyone=True),
}
