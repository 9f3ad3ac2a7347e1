"""Registration: a client says who it is, perhaps logs in, and is welcomed (RFC 2812, 3.1).

It is complete when there is a nick and a user name, and no capabilities are being negotiated. Who logs in gets the name of the
account, whatever nick was asked for; so only then is it told that a nick can't be had.
"""

from __future__ import annotations

import contextlib
import re

from lanchat import __version__
from lanchat.core import logins
from lanchat.irc import caps, numerics
from lanchat.irc.client import IrcClient
from lanchat.irc.command import IrcCommand, Numeric, Refused
from lanchat.irc.message import Message, middle, unformatted
from lanchat.irc.names import show_joined
from lanchat.irc_commands.isupport import CHANNEL_MODES, MAX_REALNAME, MAX_USER, USER_MODES, isupport
from lanchat.irc_commands.logins import check_password, log_in, tell_logged_in
from lanchat.model.session import CLASSIC, Account, Role, Session
from lanchat.protocol.errors import AuthFailed, AuthRequired, BadName, Banned, ChatError, ClientGone, Forbidden, NameTaken
from lanchat.protocol.interfaces import Work
from lanchat.protocol.packet import visible

#: The software and its version, as the welcome tells them.
VERSION = f"lanchat-{__version__}"
#: The device of an account whose client asks for the messages that it missed; it is not sent them.
DEVICE = "irc"
#: So often a client that can't have a nick gets the usual time again to choose another.
MAX_RESTARTS = 3
_NO_USER_NAME = re.compile(r"[^A-Za-z0-9._-]")
_PASSWORD_WITH_ACCOUNT = re.compile(r"(?P<account>[^\s:]{1,64}):(?P<password>.+)", re.DOTALL)


def _password(client: IrcClient, message: Message) -> None:
    if client.registering is None:
        raise Numeric(numerics.ERR_ALREADYREGISTERED)
    client.registering.password = " ".join(message.params)


def _user(client: IrcClient, message: Message) -> Work | None:
    if client.registering is None:
        raise Numeric(numerics.ERR_ALREADYREGISTERED)
    user, realname = message.params[0], unformatted(message.params[3])
    if not user or not realname.strip():
        raise Numeric(numerics.ERR_NEEDMOREPARAMS, "USER")
    name = _NO_USER_NAME.sub("", user.removeprefix("~"))[: MAX_USER - 1] or "u"
    client.registering.user = f"~{name}", visible(realname.strip(), MAX_REALNAME)
    return then_complete(client)


def nick_before(client: IrcClient, message: Message) -> Work | None:
    """Take the nick of a client whose registration is not complete."""
    assert client.registering is not None  # noqa: S101 (asked before)
    if not message.params or not message.params[0]:
        raise Numeric(numerics.ERR_NONICKNAMEGIVEN)
    client.registering.nick = message.params[0]
    return then_complete(client)


def then_complete(client: IrcClient) -> Work | None:
    """Complete the registration, if nothing is missing."""
    known = client.registering
    if known is None or known.negotiating or not known.nick or known.user is None:
        return None
    return _complete(client)


async def _complete(client: IrcClient) -> None:
    known = client.registering
    assert known is not None  # noqa: S101 (asked before)
    assert known.user is not None  # noqa: S101 (as above)
    if known.sasl is not None:
        known.sasl = None
        client.numeric(numerics.ERR_SASLABORTED)
    client.username, client.realname = known.user
    try:
        if known.account is None:
            await _use_password(client, known.password)
        if known.account is not None:
            await _enter_account(client, known.account)
        else:
            _enter_guest(client, client.certified_name or known.nick)
    except ChatError as error:
        _not_entered(client, error)
        return
    assert client.session is not None  # noqa: S101 (it has entered)
    await _welcome(client, client.session)


async def _use_password(client: IrcClient, password: str) -> None:
    """Log in with `PASS account:password`, or with the password of the account that the nick is of.

    Guests whose clients always send a password are let alone. Raises what `check_password` does.
    """
    known, online = client.registering, client.chat.online
    if known is None or not password:
        return
    found = _PASSWORD_WITH_ACCOUNT.fullmatch(password)
    name = known.nick
    if found is not None and online.account(found["account"]) is not None:
        name, password = found["account"], found["password"]
    if online.account(name) is not None:
        log_in(client, await check_password(client, name, password))
        tell_logged_in(client)


def _enter_guest(client: IrcClient, nick: str) -> None:
    """Let a guest be online. Raises what `Chat.open` does, and `AuthRequired` if the nick is an account's."""
    account = client.chat.online.account(nick)
    if account is not None:
        raise AuthRequired(f"The nick {account.name.shown} is an account's. Log in with SASL or PASS, or take another nick.")
    session = client.open(nick)
    session.device, session.seen = device_of(client), client.chat.store.last_seq


async def _enter_account(client: IrcClient, account: Account) -> None:
    """Let somebody who has logged in be online. Raises `RateLimited`, `Banned` or `ClientGone`."""
    chat, session, device = client.chat, client.session, device_of(client)
    if session is None:
        raise ClientGone
    cursor = await logins.log_in(chat, session, account, device)
    if device != CLASSIC:
        chat.cursors.begin(session, device, chat.store.last_seq)
    if client.registering is not None:
        client.registering.cursor = cursor


def device_of(client: IrcClient) -> str:
    """The device of an account that a client is: the one that fetches what it missed, or the one that is sent it."""
    return DEVICE if caps.HISTORY in client.caps else CLASSIC


def _not_entered(client: IrcClient, error: ChatError) -> None:
    """Tell a client why it can't have a nick, so that it takes another; or close it, if that would not help."""
    known = client.registering
    if isinstance(error, ClientGone) or client.closed or known is None:
        return
    text = str(error)
    if isinstance(error, AuthRequired) and not client.certified_name and not _needs_account(client):
        client.reply(f"{numerics.ERR_PASSWDMISMATCH:03}", client.nick, text)
        error = NameTaken(text)
    if isinstance(error, (BadName, NameTaken)) and not client.certified_name and known.account is None:
        client.counts_refused(error)
        number = numerics.ERR_ERRONEUSNICKNAME if isinstance(error, BadName) else numerics.ERR_NICKNAMEINUSE
        client.reply(f"{number:03}", client.nick, middle(known.nick), text)
        known.nick = ""
        known.restarts += 1
        if known.restarts <= MAX_RESTARTS:
            client.restart_deadline()
        return
    if isinstance(error, AuthRequired):
        client.fail("*", "ACCOUNT_REQUIRED", text)
    elif isinstance(error, (AuthFailed, Forbidden)):
        client.reply(f"{numerics.ERR_PASSWDMISMATCH:03}", client.nick, text)
    elif isinstance(error, Banned):
        client.reply(f"{numerics.ERR_YOUREBANNEDCREEP:03}", client.nick, text)
    client.turn_away(error)


def _needs_account(client: IrcClient) -> bool:
    """Whether no nick would do without an account (`--accounts-only`)."""
    chat, known = client.chat, client.registering
    return chat.accounts_only and known is not None and chat.online.account(known.nick) is None


async def _welcome(client: IrcClient, session: Session) -> None:
    """Welcome a client that is online now, show it the rooms that it is in, and what it missed."""
    chat, known = client.chat, client.registering
    session.greeted = session.framed = True
    client.registered()
    client.use_caps(client.caps)
    chat.keepalive.watch(session)
    await _greet(client)
    if session.role is Role.OPERATOR:
        client.reply("MODE", client.nick, "+o")
    for room in chat.rooms.of(session):
        await show_joined(client, room)
    if known is not None and known.away:
        with contextlib.suppress(Refused):  # (it is told why)
            await client.ask("/away", known.away)
    elif session.away:
        client.numeric(numerics.RPL_NOWAWAY)
    chat.tell_mutes(session, None, *chat.rooms.of(session))
    if session.account is None or session.device != CLASSIC:
        return
    if known is None or known.cursor is None:
        chat.replay.tell_skipped(session)
    else:
        await chat.replay.newest(session, known.cursor)


async def _greet(client: IrcClient) -> None:
    """Send the numerics with which a server answers a registration."""
    server = client.server
    client.numeric(numerics.RPL_WELCOME, f"Welcome to {server.name}, {client.mask}")
    client.numeric(numerics.RPL_YOURHOST, f"Your host is {server.name}, running {VERSION}")
    created = client.chat.timestamp(round(server.created * 1000))
    client.numeric(numerics.RPL_CREATED, f"This server was started {created}")
    client.numeric(numerics.RPL_MYINFO, server.name, VERSION, USER_MODES, CHANNEL_MODES, "bklov")
    for row in isupport(client):
        client.numeric(numerics.RPL_ISUPPORT, *row, "are supported by this server")
    for name in ("LUSERS", "MOTD"):
        if (work := server.commands[name].run(client, Message(name, []))) is not None:
            await work


COMMANDS = {
    "PASS": IrcCommand(_password, 1, "<account>:<password>", "log in to an account while connecting", anyone=True),
    "USER": IrcCommand(_user, 4, "<user> 0 * <realname>", "say who you are", anyone=True),
}
