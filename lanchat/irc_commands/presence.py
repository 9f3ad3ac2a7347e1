"""What people say of themselves: another nick, that they are away, another real name."""

from __future__ import annotations

from lanchat.commands.presence import MAX_AWAY
from lanchat.irc import numerics
from lanchat.irc.client import IrcClient
from lanchat.irc.command import IrcCommand, Numeric, Refused
from lanchat.irc.message import Message, line, middle, unformatted
from lanchat.irc_commands.isupport import MAX_REALNAME
from lanchat.irc_commands.registration import nick_before
from lanchat.irc_commands.rooms import settled
from lanchat.protocol.interfaces import Work
from lanchat.protocol.packet import visible


def _nick(client: IrcClient, message: Message) -> Work | None:
    if client.registering is not None:
        return nick_before(client, message)
    if not message.params or not message.params[0]:
        raise Numeric(numerics.ERR_NONICKNAMEGIVEN)
    nick = message.params[0]
    return _rename(client, nick) if nick != client.nick else None


async def _rename(client: IrcClient, nick: str) -> None:
    session, before = client.session, client.mask
    if session is not None and session.account is not None:
        raise Numeric(numerics.ERR_CANTCHANGENICK, text="An account keeps its name.")
    if client.done:
        await settled(client)  # (others are told by the former name what it has done)
    try:
        await client.ask("/name", nick)
    except Refused as error:
        number = _NICK_REFUSED.get(error.code)
        if number is None:
            raise
        raise Numeric(number, middle(nick), text=str(error)) from None
    client.reply("NICK", client.nick, source=before)


#: The numerics for the codes with which another name is refused.
_NICK_REFUSED = {
    "BAD_NAME": numerics.ERR_ERRONEUSNICKNAME,
    "NAME_TAKEN": numerics.ERR_NICKNAMEINUSE,
    "AUTH_REQUIRED": numerics.ERR_NICKNAMEINUSE,
    "BANNED": numerics.ERR_ERRONEUSNICKNAME,
}


def _away(client: IrcClient, message: Message) -> Work | None:
    text = visible(unformatted(message.params[0]).strip(), MAX_AWAY) if message.params else ""
    if client.registering is None:
        return _set_away(client, text)
    client.registering.away = text
    client.numeric(numerics.RPL_NOWAWAY if text else numerics.RPL_UNAWAY)
    return None


async def _set_away(client: IrcClient, text: str) -> None:
    if text:
        await client.ask("/away", text)
    elif client.session is not None and client.session.away:
        await client.ask("/back")
    client.numeric(numerics.RPL_NOWAWAY if text else numerics.RPL_UNAWAY)


def _setname(client: IrcClient, message: Message) -> None:
    session, realname = client.session, unformatted(message.params[0]).strip()
    if session is None:
        return
    if not realname or len(realname) > MAX_REALNAME:
        client.fail("SETNAME", "INVALID_REALNAME", f"A real name has 1 to {MAX_REALNAME} characters.")
        return
    client.chat.sanctions.check_may_speak(session, None)  # (it is shown to others)
    people = client.server.people
    readers = people.around(session, "setname")
    client.chat.replies.charge_for(session, len(readers), realname)
    client.realname = visible(realname, MAX_REALNAME)
    if "setname" in client.caps:
        client.reply("SETNAME", client.realname, source=client.mask)
    people.tell(session, line("SETNAME", client.realname, source=client.mask), readers)


COMMANDS = {
    "NICK": IrcCommand(_nick, 0, "<nick>", "take a nick, or change it", anyone=True),
    "AWAY": IrcCommand(_away, 0, "[<text>]", "say that you are away, and why; without a text, that you are back", anyone=True),
    "SETNAME": IrcCommand(_setname, 1, "<realname>", "change your real name"),
}
