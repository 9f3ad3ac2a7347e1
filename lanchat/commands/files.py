"""Files: somebody wants to send one, or wants a new link to one that was sent (docs/protocol.md, "Files")."""

from __future__ import annotations

from lanchat.commands.command import Command, named
from lanchat.core.chat import Chat
from lanchat.core.uploads import TICKET_SECONDS, Wish
from lanchat.model.session import Session
from lanchat.protocol.errors import NoSuchTarget, TooBig, Usage
from lanchat.protocol.files import check_caption, format_size
from lanchat.protocol.interfaces import Work
from lanchat.protocol.packet import Packet, visible

#: The most bytes that a size is read of, and the most pixels of a side of a picture that are told.
MAX_SIZE, MAX_PIXELS = 2**50, 100_000
USAGE = "Usage: /file TARGET NAME SIZE [TEXT]: SIZE is the size of the file in bytes, as in /file #ops plan.pdf 48213"


def _file(chat: Chat, session: Session, packet: Packet, args: list[str]) -> Work:
    target, name, size, text = args
    x = named(session, packet)
    if not (size.isascii() and size.isdigit()) or int(size[:20]) < 1:
        raise Usage(USAGE)
    if int(size[:20]) > MAX_SIZE:
        raise TooBig(f"Nothing was sent: no file can have {visible(size, 40)} bytes.")
    thumb, width, height = x.thumb or 0, x.w or 0, x.h or 0
    if thumb < 0:
        raise Usage("x.thumb is the size of a thumbnail in bytes, which is sent before the file.")
    if not (0 < width <= MAX_PIXELS and 0 < height <= MAX_PIXELS):
        width = height = 0
    cid = packet.x.cid if packet.x is not None else None
    return _offer(chat, session, packet, Wish(target, name, int(size), thumb, check_caption(text), width, height, cid))


async def _offer(chat: Chat, session: Session, packet: Packet, wish: Wish) -> None:
    base = chat.uploads.check_on(session)
    if (offered := await chat.uploads.offer(session, wish)) is None:
        return  # (it is there already)
    ticket, _ = offered
    url = f"{base}/files/{ticket}"
    told = f"Send the {format_size(wish.size)} within {TICKET_SECONDS} s: curl -T FILE {url}"
    chat.reply(session, packet, told, upload={"url": url, "seconds": TICKET_SECONDS})


async def _link(chat: Chat, session: Session, packet: Packet, args: list[str]) -> None:
    base = chat.uploads.check_on(session)
    entry, _ = await chat.changes.find(session, args[0].strip())
    if entry.file is None:
        raise NoSuchTarget(f"The message {visible(args[0].strip(), 40)} has no file. Give the number of one that has.")
    links = chat.uploads.links
    told, link = links.told(session, entry.seq, entry.file)
    chat.reply(session, packet, told, quotes=True, file=links.facts(base, entry.seq, entry.file))
    if link:
        chat.reply(session, None, link)


COMMANDS = {
    "/file": Command(
        _file,
        ("target", "name", "size", "text"),
        3,
        "send a file of SIZE bytes, with an optional text: shows where to",
    ),
    "/link": Command(_link, ("id",), 1, "show a new link to the file of a message: its id, its number, or last"),
}
