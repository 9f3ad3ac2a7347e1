"""Bots: senders that are no session, such as the server itself, who speak in rooms under a name that nobody else can have.

What a bot says is stored and delivered like any message in the room, and marked as a bot's (`lanchat.protocol.entry.BOT`). It
has the address 0.0.0.0, as all that the server sends by itself.
"""

from __future__ import annotations

from collections.abc import Callable

from lanchat.core.delivery import Delivery
from lanchat.core.replies import Replies, check_growth
from lanchat.core.stored_messages import NOT_STORED
from lanchat.model.mentions import mentioned
from lanchat.model.names import Name, key, parse
from lanchat.model.room import Room
from lanchat.protocol.entry import BOT, FILE, AccountId, Entry, Seq
from lanchat.protocol.errors import Forbidden, NotStored, RateLimited, TooBig, Usage
from lanchat.protocol.files import FileInfo
from lanchat.protocol.limits import Buckets
from lanchat.protocol.packet import MAX_MSG, SERVER, Sender, ServerPacket
from lanchat.state.online import OnlineUsers
from lanchat.state.rooms import Rooms


class Bots:
    """The bots of this server. The server itself is one, with the name that its own packets have."""

    def __init__(
        self, online: OnlineUsers, rooms: Rooms, replies: Replies, delivery: Delivery, new_id: Callable[[], str]
    ) -> None:
        """`new_id` makes the ids of messages that are kept nowhere."""
        self._online = online
        self._rooms = rooms
        self._replies = replies
        self._delivery = delivery
        self._new_id = new_id
        self._rates = Buckets(replies.limits, "notices")
        self._names: dict[str, Sender] = {key(SERVER.name): SERVER}  # by key

    def add(self, text: str) -> Sender:
        """Reserve a name for a bot. Raises `BadName`, or `NameTaken` if somebody has it, or one that looks the same."""
        name = parse(text, self._online.is_free)
        self._online.check_free_for_bot(name)
        return self.keep(name)

    def keep(self, name: Name) -> Sender:
        """Let a bot have a name that was reserved for it before, as its row in the database says."""
        self._online.reserve_for_bot(name)
        sender = self._names[name.key] = Sender(name.shown, SERVER.ip)
        return sender

    def drop(self, name: Name) -> None:
        """Free the name of a bot that is no more."""
        if self._names.pop(name.key, None) is not None:
            self._online.release_bot(name)

    def find(self, name: str) -> Sender | None:
        """The bot with this name in any spelling, or None."""
        return self._names.get(key(name))

    async def say(self, bot: Sender, room: Room, text: str) -> Seq:
        """Say something in a room; returns its number in the log when it is stored and delivered, 0 if nothing is stored.

        Raises `Forbidden` if the room allows no bots, `Usage` or `TooBig` for a wrong text, `RateLimited` or `NotStored`.
        """
        if not room.rules.bots and room is not self._rooms.lobby:
            raise Forbidden(f"{room.name} takes nothing from bots. Its owner allows that with /rules {room.name} bots on.")
        check_text(bot, room, text)
        if wait := self._rates.of(bot.name).try_take(1, self._replies.seconds()):
            raise RateLimited(f"{bot.name} says too much at once. Try again later.", retry_ms=round(wait * 1000))
        entry = self.hand_in(bot, room, text, mentions=mentioned(text, room, self._online.accounts_by_key, None))
        await self._delivery.store.settled()
        if not entry.state:
            raise NotStored(NOT_STORED)
        return entry.seq

    def hand_in(  # noqa: PLR0913 (who says what, and where)
        self,
        bot: Sender,
        room: Room,
        text: str,
        *,
        author: AccountId | None = None,
        cid: str | None = None,
        mentions: tuple[AccountId, ...] = (),
        file: FileInfo | None = None,
        on_back: Callable[[Entry], object] | None = None,
    ) -> Entry:
        """Hand a text of a bot's, which was checked, to the store; raises `NotStored`. It is delivered when it comes back.

        `file` is the file that goes with it, which has been synced to the disk. `author`, `cid` and `mentions` are those of the
        entry: what has an author and a `cid` that are in the log already is a repeat, and is not said again. `on_back` is
        called with the entry after that, also if it could not be stored (`Entry.state`). It must not raise.
        """
        now = round(self._replies.now() * 1000)
        kind = BOT if file is None else FILE
        entry = Entry(
            room.conv, author, bot.name, bot.ip, room.name, text, now, cid=cid, kind=kind, mentions=mentions, file=file
        )

        def back(entry: Entry) -> None:
            try:
                self._deliver(room, entry)
            finally:
                if on_back is not None:
                    on_back(entry)

        entry.source = back
        self._delivery.store.append(entry)
        return entry

    def _deliver(self, room: Room, entry: Entry) -> None:
        """Deliver what came back from the store, if it was stored and repeats nothing."""
        if not entry.state or entry.dup:
            return
        entry.source = (None, room, self._new_id()) if not entry.seq else None  # (where the id comes from)
        forms = self._delivery.forms_for(None, entry)
        for reader in tuple(room.sessions):
            self._delivery.show(reader, forms, entry.seq)


def check_text(bot: Sender, room: Room, text: str) -> None:
    """Raise `Usage` or `TooBig` if a bot can't say this in a room."""
    try:
        size = len(text.encode())
    except UnicodeEncodeError:
        raise Usage("Nothing was said: the text has lone surrogates.") from None
    if not text.strip():
        raise Usage("Nothing was said: the text is empty.")
    if size > MAX_MSG:
        raise TooBig(f"Nothing was said: a text has at most {MAX_MSG} bytes; this one has {size}.")
    check_growth(ServerPacket(bot, room.name, text))
