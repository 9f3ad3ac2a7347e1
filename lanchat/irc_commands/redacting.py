"""REDACT: taking back what was said (IRCv3 "Message Redaction"); the core calls it withdrawing."""

from __future__ import annotations

from lanchat.commands.moderation import MAX_REASON
from lanchat.irc import numerics
from lanchat.irc.client import IrcClient
from lanchat.irc.command import Fail, IrcCommand, Numeric, Refused
from lanchat.irc.message import Message, middle, unformatted
from lanchat.protocol.entry import Entry
from lanchat.protocol.errors import Forbidden, NoSuchTarget
from lanchat.protocol.interfaces import Work
from lanchat.protocol.packet import visible

CAP = "draft/message-redaction"


def _redact(client: IrcClient, message: Message) -> Work:
    if CAP not in client.caps:
        raise Numeric(numerics.ERR_UNKNOWNCOMMAND, message.command)
    return _withdraw(client, *message.params[:3])


async def _withdraw(client: IrcClient, target: str, msgid: str, reason: str = "") -> None:
    chat, session = client.chat, client.session
    assert session is not None  # noqa: S101 (the table lets nobody else speak)
    room = chat.rooms.find(target) if target.startswith("#") else None
    shown = middle(target), middle(msgid)
    if target.startswith("#") and (room is None or session not in room.sessions):
        raise Fail("INVALID_TARGET", shown[0], text="You are not in this channel.")
    said: Entry | None = None
    try:
        if not msgid.startswith(f"{chat.store.epoch}."):
            raise NoSuchTarget("There is no such message.")
        said, _ = await chat.changes.find(session, msgid)
        if room is not None and said.conv != room.conv:
            raise NoSuchTarget("There is no such message in this channel.")
        why = visible(unformatted(reason).strip(), MAX_REASON - len("..."))
        await client.ask("/withdraw", id=msgid, text=why)
    except (NoSuchTarget, Refused) as error:
        if error.code == NoSuchTarget.code:
            raise Fail("UNKNOWN_MSGID", *shown, text=str(error)) from None
        if error.code != Forbidden.code:
            raise
        within = round(chat.changes.edit_within)
        if said is not None and said.name == session.name.shown and chat.now() - said.ts / 1000 > within:
            raise Fail("REDACT_WINDOW_EXPIRED", *shown, str(within), text=str(error)) from None
        raise Fail("REDACT_FORBIDDEN", *shown, text=str(error)) from None
    else:
        client.reply("REDACT", shown[0], msgid, *[why] * bool(why), source=client.mask)


COMMANDS = {
    "REDACT": IrcCommand(_redact, 2, "<target> <msgid> [<reason>]", "take back what was said"),
}
