"""Read markers: MARKREAD asks up to when a conversation was read, and says it (IRCv3 draft "Read Marker")."""

from __future__ import annotations

from lanchat.irc.client import IrcClient
from lanchat.irc.command import Fail, IrcCommand, Refused
from lanchat.irc.markers import CAP, marker, written
from lanchat.irc.message import Message, line, middle
from lanchat.irc_commands.history import parse_moment
from lanchat.protocol.dates import utc_milliseconds
from lanchat.protocol.errors import NoSuchTarget, NotMember, Usage


async def _markread(client: IrcClient, message: Message) -> None:
    if not message.params:
        raise Fail("NEED_MORE_PARAMS", text="Missing parameters")
    target, rest = middle(message.params[0]), message.params[1:]
    try:
        known = await marker(client, target)
        moment = await _move(client, target, known, rest[0]) if rest else known
    except Refused as error:
        raise Fail("INTERNAL_ERROR", target, text=str(error)) from None
    client.reply("MARKREAD", target, written(moment))


async def _move(client: IrcClient, target: str, known: str, given: str) -> str:
    """Move a marker forward, and tell the other devices; returns where it is then. Raises `Fail` or `Refused`."""
    session, markers = client.session, client.server.markers
    assert session is not None  # noqa: S101 (the table lets nobody else ask)
    asked = parse_moment(given)
    if asked is None:
        raise Fail("INVALID_PARAMS", middle(given), text="Invalid timestamp")
    moment = utc_milliseconds(min(asked, round(client.chat.now() * 1000)))
    if moment <= known:
        return known
    markers.move(session, target, moment)
    if session.account is None:
        return moment
    try:
        await client.ask("/read", target=target, text=moment)
    except Refused as error:
        # (There is nothing of it in the log; or a place in it that is further on was read.)
        if error.code not in (NoSuchTarget.code, NotMember.code, Usage.code):
            markers.move(session, target, known)
            raise
    for other in session.account.sessions:
        reader = other.client
        if reader is not client and isinstance(reader, IrcClient) and CAP in reader.caps:
            reader.outbox.send(line("MARKREAD", target, written(moment), source=client.server.name))
    return moment


COMMANDS = {
    "MARKREAD": IrcCommand(_markread, 0, "<channel or nick> [timestamp=<time>]", "say up to when you have read, or ask"),
}
