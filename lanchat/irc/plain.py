"""Plain messages: lines that only say something to a guest. If many came at once, they are read and shown at once."""

from __future__ import annotations

from lanchat.irc.client import NOBODY, IrcClient
from lanchat.irc.message import CONTROLS, END, MAX_LINE
from lanchat.irc.people import SERVICES
from lanchat.protocol.packet import Packet

_COMMAND, _END = b"PRIVMSG ", END.encode()
#: Bytes of a line that fits into one as the server writes it, with its sender.
MAX_SHORT = MAX_LINE - 200


def messages(client: IrcClient, block: bytes) -> list[Packet] | None:
    """The messages in a block of complete lines. None if anything else is in it, so that each line has to be looked at."""
    session = client.session
    if not block.startswith(_COMMAND) or session is None or session.account is not None:
        return None
    if session.caps is not None and "ack" in session.caps:
        return None
    online, target = client.router.chat.online, None
    packets = _read_one(block) or _read(block)
    for packet in packets or ():
        if packet.to != target:
            target = packet.to
            recipient = online.find(target)
            if recipient is None or recipient.account is not None or target.lower() in SERVICES:
                return None
    return packets


def _read_one(block: bytes) -> list[Packet] | None:
    """The message of a block that is one short line, as nearly all are; None if it is anything else."""
    if len(block) > MAX_SHORT or block[-2:] != _END:
        return None
    try:
        params = block[len(_COMMAND) : -2].decode()
    except UnicodeDecodeError:
        return None
    target, _, text = params.partition(" :")
    if not text or " " in target or not params.isprintable():  # (a line break is not printable)
        return None
    return [Packet(NOBODY, target, text)]


def _read(block: bytes) -> list[Packet] | None:
    """Messages with nothing unusual in them; None if there is something."""
    try:
        lines = block.decode().split(END)
        controls = len(block) - len(block.translate(None, CONTROLS))
        most = MAX_SHORT if block.isascii() else MAX_SHORT // 4  # (a character has at most four bytes)
        if lines.pop() or controls > len(END) * len(lines) or (len(block) > most and len(max(lines, key=len)) > most):
            return None
        packets = []
        for line in lines:
            command, target, text = line.split(" ", 2)
            if command != "PRIVMSG" or text[:1] != ":" or len(text) == 1:
                return None
            packets.append(Packet(NOBODY, target, text[1:]))
    except ValueError:  # no UTF-8, or no text
        return None
    return packets
