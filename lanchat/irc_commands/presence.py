"""What people say of themselves: another nick."""

from __future__ import annotations

from lanchat.irc import numerics
from lanchat.irc.client import IrcClient
from lanchat.irc.command import IrcCommand, Numeric
from lanchat.irc.message import Message
from lanchat.irc_commands.registration import nick_before
from lanchat.protocol.interfaces import Work


def _nick(client: IrcClient, message: Message) -> Work | None:
    if client.registering is not None:
        return nick_before(client, message)
    if not message.params or not message.params[0]:
        raise Numeric(numerics.ERR_NONICKNAMEGIVEN)
    return _rename(client, message.params[0])


async def _rename(client: IrcClient, nick: str) -> None:
    before = client.mask
    await client.ask("/name", nick)
    client.reply("NICK", client.nick, source=before)


COMMANDS = {
    "NICK": IrcCommand(_nick, 0, "<nick>", "take a nick, or change it", anyone=True),
}
