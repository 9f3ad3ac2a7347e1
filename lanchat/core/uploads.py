"""Uploads: files on their way, from the wish to send one to the message that it goes with (docs/protocol.md, "Files").

1. `offer` checks a wish as if the message were said now, and that there is room for the file. It makes an `Upload`, which is
   known by a ticket, and reserves its bytes.
2. Whoever sends the bytes over HTTP has the ticket, and `claim`s the upload with it.
3. When the file is on the disk, `Upload.deliver` says the message: it is checked again, stored, delivered and acknowledged.

At each step the upload may be given up (`Upload.abandon`), and nothing is left of it. The bytes themselves are never here.
"""

from __future__ import annotations

import secrets
from collections.abc import Hashable, Mapping
from functools import partial
from typing import NamedTuple

from lanchat.core import resending
from lanchat.core.delivery import Delivery
from lanchat.core.forms import FILE_CAP
from lanchat.core.messages import Messages
from lanchat.core.replies import Replies, check_growth
from lanchat.core.stored_messages import NOT_STORED, STORING, FilePacket, Target
from lanchat.model.room import MARK
from lanchat.model.session import Session
from lanchat.net.addresses import is_loopback, limit_key
from lanchat.protocol.entry import FILE, Entry, Seq
from lanchat.protocol.errors import ChatError, ClientGone, Forbidden, Full, NoSuchTarget, NotStored, TooBig
from lanchat.protocol.extensions import X
from lanchat.protocol.files import FileInfo, clean_name, format_size
from lanchat.protocol.interfaces import Clock
from lanchat.protocol.packet import MAX_MSG, Packet, ServerPacket, visible
from lanchat.state.file_links import MAX_SHOWN, FileLinks
from lanchat.state.file_space import FileSpace, Owner
from lanchat.state.online import OnlineUsers, unknown_user
from lanchat.state.rooms import Rooms, not_in
from lanchat.state.sanctions import Sanctions
from lanchat.state.upload import Say, Upload
from lanchat.tables import files

#: For how many seconds a ticket may be claimed, and how many random bytes it has.
TICKET_SECONDS, TICKET_BYTES = 60, 24
#: The largest thumbnail of a file, and the longest text that goes with one, in bytes: there is room for a link after it.
MAX_THUMB, MAX_CAPTION = 65_536, MAX_MSG - 1024
#: What a wish to send a file costs, in packets.
WISH_COST = 5
#: Characters that a packet may need for all that is told of a file.
_FACTS = 3000

UNKNOWN = "This address for a file is unknown, or has been used, or has ended. Ask for a new one with /file."
OFF = "Nothing was sent: this server takes no files. Its operator can switch them on with --http PORT or --https PORT."
EPHEMERAL = "Nothing was sent: this server stores no messages, so it takes no files."


class Wish(NamedTuple):
    """What somebody wants to send."""

    #: The room, account or guest that it is for.
    to: str
    name: str
    #: The size of the file, and of a thumbnail of it that comes before it, in bytes.
    size: int
    thumb: int = 0
    #: What is said with it.
    text: str = ""
    #: The width and height of a picture in pixels.
    width: int = 0
    height: int = 0
    cid: str | None = None


class Uploads:
    """The files that are on their way."""

    def __init__(  # noqa: PLR0913, PLR0917 (it is made in one place)
        self,
        clock: Clock,
        online: OnlineUsers,
        rooms: Rooms,
        replies: Replies,
        sanctions: Sanctions,
        delivery: Delivery,
        messages: Messages,
    ) -> None:
        self._clock = clock
        self._online = online
        self._rooms = rooms
        self._replies = replies
        self._sanctions = sanctions
        self._delivery = delivery
        self._messages = messages
        self._limits = replies.limits
        #: How many bytes are kept and on their way; and how files are found by those who read of them.
        self.space = FileSpace(replies.limits)
        self.links: FileLinks = delivery.file_links
        #: The uploads that nobody has claimed yet, by their tickets.
        self.tickets: dict[str, Upload] = {}
        self._all: dict[Upload, Session | None] = {}

    def begin(self, key: str, kept: Mapping[Owner, int]) -> None:
        """Take over what was read from the log when it was opened: the key that signs links, and the bytes that are kept."""
        self.links.begin(key, lambda: self._delivery.store.epoch)
        self.space.begin(kept)

    async def recount(self) -> None:
        """Count the bytes that are kept anew, after files were removed. Raises `NotStored`."""
        self.space.begin(await self._delivery.store.maintain(files.CountFiles()))

    # For those who send.

    def check_on(self, session: Session) -> str:
        """The beginning of links for a session; raises `Forbidden` if no files can be sent here."""
        if not self._delivery.store.stores_messages:
            raise Forbidden(EPHEMERAL)
        if not (base := self.links.base_for(session.client)):
            raise Forbidden(OFF)
        return base

    def most(self, session: Session) -> dict[str, int] | None:
        """What files may be sent, as a welcome tells it (`x.files`); None if none can be sent."""
        try:
            self.check_on(session)
        except Forbidden:
            return None
        most = self._limits["file"]
        return {"thumb": MAX_THUMB, "caption": MAX_CAPTION} | ({"size": int(most)} if most < float("inf") else {})

    async def offer(self, session: Session, wish: Wish) -> tuple[str, Upload] | None:
        """Let somebody send a file: the ticket and the upload. None if it was sent before, which is acknowledged once more.

        Raises a `ChatError`.
        """
        wish = wish._replace(name=clean_name(wish.name))
        self._check_sizes(session, wish)
        self._replies.charge(session, WISH_COST)
        known, to = await self._look(session, wish)
        if known is not None:
            self._acknowledge(session, known)
            return None
        assert to is not None  # noqa: S101 (or `_look` raises)
        readers = 1 if isinstance(to, Session) else len(to.sessions)
        self._replies.charge_for(session, readers + STORING, wish.text or wish.name)
        account, ip = session.account, session.sender.ip
        owner = (None, limit_key(ip)) if account is None else (account.id, "")
        say = partial(self._say, session, wish, to)
        upload = self._take(say, owner, session if is_loopback(ip) else limit_key(ip), wish.name, (wish.thumb, wish.size))
        upload.width, upload.height = wish.width, wish.height
        upload.is_wanted = lambda: session in self._online
        self._all[upload] = session
        ticket = secrets.token_urlsafe(TICKET_BYTES)
        self.tickets[ticket] = upload
        upload.timeout = self._clock.callLater(TICKET_SECONDS, self._expire, ticket)
        return ticket, upload

    def _check_sizes(self, session: Session, wish: Wish) -> None:
        if wish.thumb > MAX_THUMB:
            raise TooBig(f"Nothing was sent: a thumbnail has at most {format_size(MAX_THUMB)}.")
        if (size := len(wish.text.encode())) > MAX_CAPTION:
            raise TooBig(f"Nothing was sent: the text has at most {MAX_CAPTION} bytes; this one has {size}.")
        check_growth(ServerPacket(session.sender, wish.to, (wish.text or wish.name) + " " * _FACTS))

    async def _look(self, session: Session, wish: Wish) -> tuple[Entry | None, Target | None]:
        """Whether the message was stored before, and if not, whom it is for. Raises a `ChatError`."""
        to, refusal, shown = None, None, wish.to.strip()
        try:
            to = self.find_target(session, wish.to)
            shown = to.name if isinstance(to.name, str) else to.name.shown
        except ChatError as error:
            refusal = error
        known = await self._find_repeated(session, Packet(session.sender, shown, wish.text or wish.name, X(cid=wish.cid)))
        if session not in self._online:
            raise ClientGone
        if known is not None:
            return known, None
        if refusal is not None:
            raise refusal
        return None, to

    def find_target(self, session: Session, name: str) -> Target:
        """Whom a file is for. Raises a `ChatError` if there is nobody of that name, or no file may be sent there."""
        if name.strip().startswith(MARK):
            room = self._rooms.get(name, session)
            if session not in room.sessions:
                raise not_in(room)
            self._sanctions.check_may_speak(session, room)
            return room
        self._sanctions.check_may_speak(session, None)
        for spelling in (name.strip(), name.strip().removeprefix("@")):
            if (account := self._online.account(spelling)) is not None:
                return account
            if (guest := self._online.find(spelling)) is not None:
                if session.account is None:
                    raise Forbidden("Nothing was sent: guests can send files only to rooms, and to people with an account.")
                return guest
        raise unknown_user(name)

    async def _say(self, session: Session, wish: Wish, to: Target, file: FileInfo) -> Entry:
        """Say the message, as the sender's client could have said it now."""
        if session not in self._online:
            raise NoSuchTarget("Nobody got the file: the connection that wanted to send it has ended.")
        name = to.name if isinstance(to.name, str) else to.name.shown
        packet = FilePacket(session.sender, name, wish.text or file.name, X(cid=wish.cid), file)
        try:
            if self.find_target(session, name) is not to:  # (somebody else has the name now)
                raise unknown_user(name)
        except ChatError:
            if (known := await self._find_repeated(session, packet)) is None:
                raise
            return self._acknowledge(session, known)
        if (work := self._messages.say(session, packet, FILE)) is not None:
            await work
        if packet.entry is None:  # (it was refused just now)
            raise NotStored(NOT_STORED)
        entry = await self.stored(packet.entry, file)
        if not session.has_cap(FILE_CAP):  # (whoever typed this sees nothing else of it)
            self._replies.reply(session, None, f"{visible(file.name, MAX_SHOWN)} was sent to {name}.")
        return entry

    async def _find_repeated(self, session: Session, packet: Packet) -> Entry | None:
        """The stored message with a file that a packet repeats, if any. Raises `NotStored` if that is unknown."""
        if not resending.may_be_repeat(session, packet):
            return None
        sent = resending.as_entry(session, packet, FILE, self._replies.now())
        return await resending.find_repeated(self._delivery.store, session, sent, self._replies)

    def _acknowledge(self, session: Session, known: Entry) -> Entry:
        """Acknowledge a message that was stored before."""
        self._replies.acknowledge_stored(session, known, self._delivery.packet_for(None, known), "")
        return known

    async def stored(self, entry: Entry, file: FileInfo) -> Entry:
        """Wait for the message of a file that was just handed to the store, and count its bytes. Raises `NotStored`."""
        await self._delivery.store.settled()
        if not entry.state:
            raise NotStored(NOT_STORED)
        if not entry.dup:
            self.space.keep((entry.author, file.address), file.size + file.thumb_size)
        return entry

    # For those who take the bytes.

    def claim(self, ticket: str, length: int | None) -> Upload:
        """The upload of a ticket, which nobody can claim after that. `length` is how many bytes come (None: not known yet).

        Raises `NoSuchTarget` if there is none, and `TooBig` if it was for another number of bytes; then it may be tried again.
        """
        if (upload := self.tickets.get(ticket)) is None:
            raise NoSuchTarget(UNKNOWN)
        if length is not None and length != upload.most:
            raise TooBig(f"{upload.most} bytes were announced, and {length} would come. Ask again with the right size.")
        del self.tickets[ticket]
        if upload.timeout is not None:
            upload.timeout.cancel()
        return upload

    def take(self, say: Say, author: int, name: str, length: int | None) -> Upload:
        """An upload of a sender that is no session: of a webhook, whose `author` is `lanchat.model.hook.Hook.author`.

        If its `length` is not known, it may have as many bytes as there is room for. Raises `TooBig` or `Full`.
        """
        owner = (author, "")
        if length is None:
            length = max(1, int(min(self._limits["file"], self.space.left(owner), 2**53)))  # (both may be off)
        return self._take(say, owner, owner, clean_name(name), (0, length))

    async def find(self, seq: Seq) -> FileInfo | None:
        """The file of a message; None if it has none (any more). Raises `TooSlow` or `RateLimited`."""
        return (await self._delivery.store.read(partial(files.find, seqs=[seq]))).get(seq)

    def left(self, session: Session) -> None:
        """Give up what a session that has ended wanted to send, and has not begun to."""
        for ticket in [ticket for ticket, upload in self.tickets.items() if self._all[upload] is session]:
            self._give_up(ticket)

    def _take(self, say: Say, owner: Owner, place: Hashable, name: str, sizes: tuple[int, int]) -> Upload:
        self.space.check(owner, sum(sizes))
        for count, limit in (
            (sum(one.place == place for one in self._all), "address-uploads"),
            (len(self._all), "uploads"),
        ):
            if count >= self._limits[limit]:
                raise Full("Too many files are being sent at the same time. Try again when one of them has arrived.", limit)
        upload = Upload(self._ended, say, owner, name, sizes)
        upload.place = place
        self._all[upload] = None
        self.space.reserve(owner, upload.most)
        return upload

    def _expire(self, ticket: str) -> None:
        self.tickets.pop(ticket).abandon()

    def _give_up(self, ticket: str) -> None:
        upload = self.tickets.pop(ticket)
        if upload.timeout is not None:
            upload.timeout.cancel()
        upload.abandon()

    def _ended(self, upload: Upload) -> None:
        del self._all[upload]
        self.space.release(upload.owner, upload.most)
