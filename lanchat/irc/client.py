"""IrcClient: a connected client: what it has said of itself, how it is answered, and how the core is asked for it."""

from __future__ import annotations

from collections.abc import Awaitable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.protocol import connectionDone
from twisted.python.failure import Failure

from lanchat.core.chat import Chat
from lanchat.core.router import Router
from lanchat.gateways.connection import Connection
from lanchat.irc import numerics
from lanchat.irc.caps import core_caps
from lanchat.irc.command import Fail, Numeric, Refused, for_irc
from lanchat.irc.event_lines import EventShape
from lanchat.irc.factory import IrcFactory
from lanchat.irc.message import InvalidUtf8, LineTooLong, Message, line, middle, split_tags
from lanchat.irc.multiline import Multiline
from lanchat.irc.people import mask
from lanchat.irc.registering import Registering
from lanchat.irc.request import Request, Said, tagged
from lanchat.irc.server import IrcServer
from lanchat.irc.shapes import Shape, split_text
from lanchat.protocol.errors import ChatError, ClientGone
from lanchat.protocol.extensions import X
from lanchat.protocol.packet import Packet, Sender, ServerPacket

NOBODY = Sender("", "")
#: Bytes of a text in a line that the server writes, so that there is room for what comes before it.
MAX_TOLD = 400
#: How many lines of a long answer are sent before it is seen whether the client reads them.
LINES = 100
#: Numerics that are about a command, and not about whom or what it names.
_ABOUT_COMMAND = frozenset({numerics.RPL_TRYAGAIN, numerics.ERR_PASSWDMISMATCH, numerics.ERR_NOPRIVILEGES})


class IrcClient(Connection):
    """A connected client. `lanchat.irc.connection.IrcProtocol` adds its input and what it is shown."""

    #: Slots take less memory than attributes of which an object has many.
    __slots__ = (
        "_asked", "_event_shape", "_pages", "_shape", "caps", "done", "gone", "multiline", "reads_values", "realname",
        "registering", "request", "said", "serving", "shows_ids", "umodes", "username",
    )  # fmt: skip
    factory: IrcFactory

    def __init__(self, router: Router) -> None:
        super().__init__(router)
        #: The capabilities that it was granted.
        self.caps: frozenset[str] = frozenset()
        #: Whether messages are shown with their ids or times; and how they are written, once that is known.
        self.shows_ids = False
        self._shape: Shape | None = None
        self._event_shape: EventShape | None = None
        #: What it has said of itself before the registration is complete; then None.
        self.registering: Registering | None = Registering()
        #: Whether it reads the values of capabilities, and lists of them in several lines (CAP version 302).
        self.reads_values = False
        self.username, self.realname, self.umodes = "~u", "", ""
        #: The command that is served now, or None; and its answer, if it has a label.
        self.serving: Message | None = None
        self.request: Request | None = None
        #: What it was shown to have done, before the core tells of it: events, and the keys of rooms. And the names of those
        #: whose QUIT it was told, until they come again.
        self.done, self.gone = tuple[tuple[str, str], ...](), tuple[str, ...]()
        # What the core was asked for, by cid: who waits for the answer; and the packets of pages that came before it.
        self._asked: dict[str, Deferred[ServerPacket]] = {}
        self._pages: dict[str, list[ServerPacket]] = {}
        #: What it has said, and the core has not acknowledged or refused yet, by cid.
        self.said: dict[str, Said] = {}
        #: The message of several lines that it has begun.
        self.multiline: Multiline | None = None

    @property
    def server(self) -> IrcServer:
        """What all IRC connections share."""
        return self.factory.server

    @property
    def shape(self) -> Shape:
        """How messages are written for it."""
        self._shape = self._shape or self.server.shape(self.caps)
        return self._shape

    @property
    def event_shape(self) -> EventShape:
        """How events are written for it."""
        self._event_shape = self._event_shape or self.server.event_shape(self.caps)
        return self._event_shape

    @property
    def chat(self) -> Chat:
        """The chat that its session is in, or will be in."""
        return self.router.chat

    @property
    def nick(self) -> str:
        """Its name in numerics; `*` until its registration is complete."""
        return "*" if self.session is None or self.registering is not None else self.session.name.shown

    @property
    def certified_name(self) -> str | None:
        """The name in its certificate; None if it did not have to show one."""
        return None

    @property
    def mask(self) -> str:
        """The source of its lines, `nick!user@host`; `*` while it has no session."""
        return mask(self.session) if self.session is not None else "*"

    def reply(self, command: str, *params: str, source: str = "", tags: Mapping[str, str] | None = None) -> None:
        """Send a line of the answer to the command that is served now; the server is its source, unless another is given."""
        self.add_line(tags or {}, line(command, *params, source=source or self.server.name))

    def add_line(self, tags: Mapping[str, str], rest: bytes) -> None:
        """Send a line, or add it to the answer to a command that had a label. `rest` is what follows its tags."""
        if self.request is not None:
            self.request.add(tags, rest)
        else:
            self.outbox.send(tagged(tags, rest))

    def reply_written(self, lines: bytes) -> None:
        """Send whole lines of the answer, which have their tags and ends."""
        if self.request is None:
            self.outbox.send(lines)
            return
        for one in lines.splitlines(keepends=True):
            self.request.add(*split_tags(one))

    def send_answer(self, request: Request) -> None:
        """Send the answer to a command that had a label, if all of it is known."""
        if request.is_answered and not self.closed:
            self.outbox.send(request.answer(self.server.name))

    @contextmanager
    def batch(self, kind: str, *params: str) -> Iterator[dict[str, str]]:
        """Send what the block sends as a batch, if the client knows batches: with these tags (IRCv3 "Batch")."""
        if "batch" not in self.caps:
            yield {}
            return
        name = self.server.new_batch()
        self.reply("BATCH", f"+{name}", kind, *params)
        yield {"batch": name}
        self.reply("BATCH", f"-{name}")

    def numeric(self, number: int, *params: str) -> None:
        """Answer with a numeric; those that always have the same text get that."""
        text = numerics.TEXTS.get(number)
        self.reply(f"{number:03}", self.nick, *params, *(() if text is None else (text,)))

    def refused(self, message: Message, error: ChatError) -> None:
        """Answer a command that was refused with the numeric for the error."""
        target = message.params[0] if message.params else ""
        if isinstance(error, Numeric):
            text = str(error) or numerics.TEXTS.get(error.number, "")
            self.reply(f"{error.number:03}", self.nick, *error.params, text)
        elif isinstance(error, Fail):
            self.fail(message.command, error.word, *error.context, str(error))
        elif isinstance(error, LineTooLong):
            self.numeric(numerics.ERR_INPUTTOOLONG)
        elif isinstance(error, InvalidUtf8):
            self.reply("FAIL", "*", error.code, str(error))  # (in this form for every client: IRCv3 "UTF8ONLY")
        elif error.code in numerics.FOR_CODE:
            of_room = target.startswith("#")
            number = numerics.FOR_CODE[error.code][not of_room]
            about = middle(target) if target and " " not in target and number not in _ABOUT_COMMAND else message.command
            self.reply(f"{number:03}", self.nick, about, str(error))
        else:
            self.reply(f"{numerics.ERR_UNKNOWNERROR:03}", self.nick, message.command or "*", str(error))

    def fail(self, command: str, code: str, *context: str) -> None:
        """Answer an error with a code (IRCv3 "Standard Replies"); the last of the `context` is the text.

        So the specifications want it for their commands, also without the capability `standard-replies`.
        """
        self.reply("FAIL", command, code, *context)

    def tell(self, text: str, source: str = "") -> None:
        """Send a text of the server's."""
        for piece in split_text(for_irc(text), MAX_TOLD):
            self.reply("NOTICE", self.nick, piece, source=source)

    async def pace(self) -> None:
        """Wait until the client has read what it was sent, if it is behind. Long answers do this every `LINES` lines.

        Raises `ClientGone`.
        """
        if self.request is not None:
            self.outbox.send(self.request.part(self.server.name))
        if self.behind():
            await self.caught_up()
        if self.closed:
            raise ClientGone

    # What the core is asked for.

    async def ask(self, command: str, msg: str = "", **x: Any) -> ServerPacket:
        """Let the core carry out a command for this client, and return its answer. Raises `Refused`, or `ClientGone`.

        `x` are the arguments as members of the packet's `x`.
        """
        return await self._answer(self.server.new_cid(), Packet(NOBODY, command, msg, X(**x)))

    async def ask_for_page(self, command: str, msg: str = "", **x: Any) -> tuple[list[ServerPacket], ServerPacket]:
        """The same for a command that answers with a page of messages: those, and the packet that ends the page."""
        cid = self.server.new_cid()
        page = self._pages[cid] = []
        try:
            return page, await self._answer(cid, Packet(NOBODY, command, msg, X(**x)))
        finally:
            del self._pages[cid]

    async def _answer(self, cid: str, packet: Packet) -> ServerPacket:
        assert self.session is not None  # noqa: S101 (only those who are registered ask)
        assert packet.x is not None  # noqa: S101 (it was made for this)
        packet.x.cid = cid
        waiting = self._asked[cid] = Deferred()
        self.router.receive(self.session, packet)
        answer = await waiting
        if answer.x is not None and answer.x.op == "fail":
            raise Refused(answer)
        return answer

    def answer_came(self, packet: ServerPacket) -> bool:
        """Take an answer of the core's to what it was asked for; returns False if nobody waits for it."""
        x = packet.x
        if x is None:
            return False
        if x.batch is not None and x.op != "end":
            if (page := self._pages.get(x.batch)) is None:
                return False
            page.append(packet)
            return True
        waiting = self._asked.pop(x.cid or x.batch or "", None)
        if waiting is None:
            return False
        waiting.callback(packet)
        return True

    async def attempt(self, command: str, target: str, work: Awaitable[object]) -> bool:
        """Do a part of a command, which is about one of its targets; if that is refused, answer that, and return False."""
        try:
            await work
        except ChatError as error:
            self.refused(Message(command, [target]), error)
            return False
        return True

    def counts_refused(self, error: ChatError) -> None:
        """Count an error, by its code."""
        self.chat.counts.refused[error.code] += 1

    def restart_deadline(self) -> None:
        """Give the client the usual time to complete its registration, once more."""
        self.factory.name_deadlines.end(self._name_timed_out)
        self.factory.name_deadlines.begin(self._name_timed_out)

    def turn_away(self, error: ChatError) -> None:
        """Close a client that can't be let in, and tell it why."""
        self.leave("was not let in", error.code)
        self.session = None
        self.refuse(error)

    def use_caps(self, caps: frozenset[str]) -> None:
        """Grant these capabilities, and no others."""
        self.caps = caps
        self._shape, self._event_shape, self.shows_ids = None, None, bool(caps & {"message-tags", "server-time"})
        if self.session is not None and self.registering is None:
            self.session.caps = core_caps(caps, self.chat.store.stores_messages)

    def connectionMade(self) -> None:
        """Count the connection, until its registration is complete."""
        self.server.unregistered.add(self)
        super().connectionMade()

    def registered(self) -> None:
        """Note that the registration is complete."""
        self.registering = None
        self.server.unregistered.discard(self)
        if self.session is not None:
            self.server.people.clients[self.session] = self

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """End the session, and whatever waits for an answer."""
        super().connectionLost(reason)
        self.server.unregistered.discard(self)
        self.server.people.forget(self)
        if self.registering is not None:
            self.registering.give_up()
        asked, self._asked = self._asked, {}
        for waiting in asked.values():
            waiting.errback(Failure(ClientGone()))
