"""Operators: OPER, for the rights of an operator's account, and what only operators may do (RFC 2812, 3.1.4 and 3.7.1)."""

from __future__ import annotations

from lanchat.commands.moderation import MAX_REASON
from lanchat.core.logins import take_rights
from lanchat.irc import numerics
from lanchat.irc.client import IrcClient
from lanchat.irc.command import IrcCommand, Numeric
from lanchat.irc.message import Message, unformatted
from lanchat.irc_commands.logins import check_password
from lanchat.protocol.errors import AuthFailed, Banned, Forbidden
from lanchat.protocol.packet import visible


async def _oper(client: IrcClient, message: Message) -> None:
    """Give somebody the rights of an operator's account, whose password they know, besides their own."""
    name, password = message.params[:2]
    session = client.session
    assert session is not None  # noqa: S101 (the table lets nobody else ask)
    try:
        account = await check_password(client, name, password)
        take_rights(client.chat, session, account)
    except AuthFailed:
        raise Numeric(numerics.ERR_PASSWDMISMATCH) from None
    except (Banned, Forbidden) as error:
        raise Numeric(numerics.ERR_NOOPERHOST, text=str(error)) from None
    client.numeric(numerics.RPL_YOUREOPER)
    client.reply("MODE", client.nick, "+o")


async def _kill(client: IrcClient, message: Message) -> None:
    target, *reason = message.params
    if target.lower() == client.server.name.lower():
        raise Numeric(numerics.ERR_CANTKILLSERVER, text="You can't kill a server")
    await client.ask("/kick", target=target, text=visible(unformatted(reason[0]).strip(), MAX_REASON) if reason else "")


COMMANDS = {
    "OPER": IrcCommand(_oper, 2, "<account> <password>", "have the rights of an operator's account"),
    "KILL": IrcCommand(_kill, 1, "<nick> [<reason>]", "disconnect somebody, as an operator"),
}
