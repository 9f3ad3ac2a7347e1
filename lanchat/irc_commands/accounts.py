"""Accounts: making the own nick an account with REGISTER (IRCv3 draft "Account Registration")."""

from __future__ import annotations

from lanchat.irc import numerics
from lanchat.irc.client import IrcClient
from lanchat.irc.command import IrcCommand, Refused
from lanchat.irc.message import Message, middle
from lanchat.model.names import key
from lanchat.protocol.interfaces import Work

#: What stands for the own nick, and for no address of mail.
OWN = "*"
#: The codes of the specification for those of the core; others are `_LATER`.
_CODES = {
    "USAGE": "WEAK_PASSWORD",
    "FORBIDDEN": "UNACCEPTABLE_PASSWORD",
    "NAME_TAKEN": "ACCOUNT_EXISTS",
    "BAD_NAME": "BAD_ACCOUNT_NAME",
}
_LATER = "TEMPORARILY_UNAVAILABLE"


def _register(client: IrcClient, message: Message) -> Work | None:
    asked, _, password = message.params[:3]
    if client.registering is not None or client.session is None:
        client.fail("REGISTER", "COMPLETE_CONNECTION_REQUIRED", middle(asked), "Register when you are welcomed")
        return None
    if client.session.account is not None:
        client.fail("REGISTER", "ALREADY_AUTHENTICATED", client.nick, f"You have the account {client.nick} already")
        return None
    if asked != OWN and key(asked) != client.session.name.key:
        client.fail("REGISTER", "ACCOUNT_NAME_MUST_BE_NICK", middle(asked), "An account has the name of your nick")
        return None
    return _make(client, password)


async def _make(client: IrcClient, password: str) -> None:
    """Make the nick an account. An address of mail that was given is not kept, as this server sends none."""
    try:
        made = await client.ask("/register", password=password)
    except Refused as error:
        client.fail("REGISTER", _CODES.get(error.code, _LATER), client.nick, str(error))
        return
    client.reply("REGISTER", "SUCCESS", client.nick, made.msg)
    client.numeric(numerics.RPL_LOGGEDIN, client.mask, client.nick, f"You are now logged in as {client.nick}")


def _verify(client: IrcClient, message: Message) -> None:
    """Answer that there is nothing to verify: an account is there at once."""
    account = middle(message.params[0])
    if client.registering is not None or client.session is None:
        client.fail("VERIFY", "COMPLETE_CONNECTION_REQUIRED", account, "Register when you are welcomed")
    elif client.session.account is not None:
        client.fail("VERIFY", "ALREADY_AUTHENTICATED", client.nick, f"You have the account {client.nick} already")
    else:
        client.fail("VERIFY", "INVALID_CODE", account, "Accounts of this server need no code: REGISTER is enough")


COMMANDS = {
    "REGISTER": IrcCommand(_register, 3, "<nick or *> <mail or *> <password>", "make your nick an account", anyone=True),
    "VERIFY": IrcCommand(_verify, 2, "<nick> <code>", "not needed here: REGISTER makes an account at once", anyone=True),
}
