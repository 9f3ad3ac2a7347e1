"""Changes of messages as lines of IRC: edits, withdrawals (REDACT) and reactions."""

from __future__ import annotations

from lanchat.irc.client import IrcClient
from lanchat.irc.message import line
from lanchat.irc.people import sender_mask
from lanchat.protocol.entry import EDIT, REACT, WITHDRAW
from lanchat.protocol.packet import ServerPacket


def show_change(client: IrcClient, packet: ServerPacket) -> None:
    """Show a change of a message."""
    x = packet.x
    if x is None or x.id is None:
        return
    source = sender_mask(client.chat.online, packet.from_)
    time = {"time": x.ts} if x.ts is not None and "server-time" in client.caps else {}
    if x.op == WITHDRAW:
        client.outbox.send(line("REDACT", packet.to, x.id, "withdrawn", source=source, tags=time))
    elif x.op == REACT and packet.msg:
        tags = {**time, "+reply": x.id, "+draft/reply": x.id, "+draft/react": packet.msg}
        client.outbox.send(line("TAGMSG", packet.to, source=source, tags=tags))
    elif x.op == EDIT:
        client.outbox.send(line("PRIVMSG", packet.to, f"(edited) {packet.msg}", source=source, tags=time))
