"""REDACT: taking back what was said (IRCv3 "Message Redaction"); the core calls it withdrawing."""

from __future__ import annotations

from lanchat.irc import numerics
from lanchat.irc.client import IrcClient
from lanchat.irc.command import IrcCommand, Numeric, Refused
from lanchat.irc.message import Message
from lanchat.irc.packets import shown_target
from lanchat.protocol.errors import Forbidden, NoSuchTarget
from lanchat.protocol.interfaces import Work

CAP = "draft/message-redaction"


def _redact(client: IrcClient, message: Message) -> Work:
    if CAP not in client.caps:
        raise Numeric(numerics.ERR_UNKNOWNCOMMAND, message.command)
    return _withdraw(client, *message.params[:3])


async def _withdraw(client: IrcClient, target: str, msgid: str, *reason: str) -> None:
    chat, session = client.chat, client.session
    assert session is not None  # noqa: S101 (the table lets nobody else speak)
    room = chat.rooms.find(target) if target.startswith("#") else None
    shown = shown_target(target), shown_target(msgid)
    if target.startswith("#") and (room is None or session not in room.sessions):
        client.reply("FAIL", "REDACT", "INVALID_TARGET", shown[0], "You are not in this channel.")
        return
    try:
        if not msgid.startswith(f"{chat.store.epoch}."):
            raise NoSuchTarget("There is no such message.")
        said, _ = await chat.changes.find(session, msgid)
        if room is not None and said.conv != room.conv:
            raise NoSuchTarget("There is no such message in this channel.")
        await client.ask("/withdraw", id=msgid)
    except (NoSuchTarget, Forbidden, Refused) as error:
        if error.code == NoSuchTarget.code:
            client.reply("FAIL", "REDACT", "UNKNOWN_MSGID", *shown, str(error))
        elif error.code in (Forbidden.code, "AUTH_REQUIRED"):
            client.reply("FAIL", "REDACT", "REDACT_FORBIDDEN", *shown, str(error))
        else:
            raise
    else:
        client.reply("REDACT", target, msgid, *reason, source=client.mask)


COMMANDS = {
    "REDACT": IrcCommand(_redact, 2, "<target> <msgid> [<reason>]", "take back what was said"),
}
