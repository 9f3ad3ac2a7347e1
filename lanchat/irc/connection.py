"""IrcProtocol: the connection of an IRC client. It serves lines with the table of commands, and shows packets of the core."""

from __future__ import annotations

from typing import cast

from twisted.logger import Logger
from twisted.python.failure import Failure

from lanchat.core.router import Router
from lanchat.gateways.certified import Certified
from lanchat.gateways.connection import GOODBYE
from lanchat.gateways.input import NO_PACKETS, Split
from lanchat.gateways.lines import Lines
from lanchat.gateways.other_protocols import BEGINNING, TLS_HELLO
from lanchat.irc import numerics, plain
from lanchat.irc.client import IrcClient
from lanchat.irc.command import Refused
from lanchat.irc.events import show_event, show_together
from lanchat.irc.message import MAX_INPUT, InvalidUtf8, Message, line, middle, parse
from lanchat.irc.packets import show
from lanchat.irc.registering import MAX_LINES
from lanchat.irc.request import Request
from lanchat.net import tls
from lanchat.protocol.errors import BadPacket, ChatError, ClientGone, LineTooBig, RateLimited
from lanchat.protocol.events import TYPING
from lanchat.protocol.interfaces import Work
from lanchat.protocol.packet import MAX_BLOCK, SERVER, PacketRun, ServerPacket

_log = Logger("lanchat.irc")

#: Characters of a label, at most (IRCv3 "Labeled Responses").
MAX_LABEL = 64


class IrcProtocol(IrcClient):
    """The connection of an IRC client."""

    __slots__ = ("_lines",)
    gateway = "irc"
    opening_factor = 6  # (some clients ask for one capability after another)

    def __init__(self, router: Router) -> None:
        super().__init__(router)
        self._lines = Lines(MAX_INPUT)

    def split(self, data: bytes) -> Split:
        """Split bytes into lines. Messages between guests are made of them at once, if there is nothing else in between."""
        if self.session is None and data.startswith(TLS_HELLO):
            return NO_PACKETS, iter((TLS_HELLO,)), b""
        lines = self._lines
        if lines.rest or lines.skipping:  # the line that has begun comes first
            end = data.find(b"\n") + 1 or len(data)
            return NO_PACKETS, lines.feed(data[:end]), data[end:]
        end = data.rfind(b"\n", 0, MAX_BLOCK) + 1 or len(data)
        packets = plain.messages(self, data[:end]) if self.registering is None else None
        return (NO_PACKETS, lines.feed(data[:end]), data[end:]) if packets is None else (packets, None, data[end:])

    def frameReceived(self, frame: bytes | ChatError) -> None:
        """Serve a line (bytes, without its end), or answer the error that stands in place of one that is too long."""
        if self.registering is not None and not self._may_go_on(frame):
            return
        if isinstance(frame, LineTooBig):
            self.numeric(numerics.ERR_INPUTTOOLONG)
            return
        message = Message("", [])
        try:
            message = parse(cast("bytes", frame))
            self._serve_message(message)
        except Exception as error:  # noqa: BLE001 (nothing that one client sends may end the others)
            self._went_wrong(message, error)

    def _may_go_on(self, frame: bytes | ChatError) -> bool:
        """Count a line before the registration is complete, and look whether it begins another protocol."""
        assert self.registering is not None  # noqa: S101 (asked before)
        first, self.registering.lines = self.registering.lines == 0, self.registering.lines + 1
        if first and isinstance(frame, bytes) and (begins := BEGINNING.match(frame)) and begins.lastgroup != "IRC":
            self.refuse_protocol(begins)
            return False
        if first and isinstance(frame, bytes) and frame[:1] in (b"{", b"["):
            self.refuse(BadPacket("This is the port for IRC clients. Programs that send packets need the JSON port (--port)."))
            return False
        if self.registering.lines > MAX_LINES:
            self.refuse(RateLimited("Too many lines came before your registration was complete. Connect again."))
            return False
        return True

    def _serve_message(self, message: Message) -> None:
        command = self.server.commands.get(message.command)
        self._begin_request(message.tags)
        if not message.command:
            pass
        elif command is None and self.registering is not None:
            self.numeric(numerics.ERR_NOTREGISTERED)
        elif command is None:
            self.numeric(numerics.ERR_UNKNOWNCOMMAND, middle(message.command))
        elif self.registering is not None and not command.anyone:
            self.numeric(numerics.ERR_NOTREGISTERED)
        elif len(message.params) < command.min_params:
            self.numeric(numerics.ERR_NEEDMOREPARAMS, message.command)
        elif (work := command.run(self, message)) is not None:
            self.serving = message
            self.perform(self._finish(message, work), hold=True)
            return
        if self.request is not None:
            self._answered()

    def _begin_request(self, tags: dict[str, str] | None) -> None:
        if tags is not None and "labeled-response" in self.caps and (label := tags.get("label")):
            self.request = Request(label[:MAX_LABEL], self.server.new_batch())

    async def _finish(self, message: Message, work: Work) -> None:
        """Do the rest of a command, which had to wait for something."""
        try:
            await work
        except Exception as error:  # noqa: BLE001 (as above)
            self._went_wrong(message, error)
        else:
            self._answered()

    def _answered(self) -> None:
        """Send the answer to a command that had a label, and has been served."""
        request, self.request, self.serving = self.request, None, None
        if request is not None:
            request.served = True
            self.send_answer(request)

    def _went_wrong(self, message: Message, error: Exception) -> None:
        if isinstance(error, ClientGone) or self.closed:
            self.request = None
        elif isinstance(error, ChatError):
            if not isinstance(error, Refused):
                self.counts_refused(error)
            if isinstance(error, InvalidUtf8):
                self._begin_request(error.tags)
            self.refused(message, error)
            self._answered()
        elif self.session is not None:
            self.router.went_wrong(self.session, None, error)
        else:
            _log.failure("a line from {ip} was not served", Failure(error), ip=self.address)
            self.refuse(ChatError("Internal server error. Sorry! Please connect again."))

    def goodbye(self) -> None:
        """Tell the client that the server is shutting down, and close; also if its registration is not complete."""
        if self.session is None and not self.closed:
            self.outbox.send(line("ERROR", f"Closing link: {GOODBYE}"))
        super().goodbye()

    def inputEnded(self) -> None:
        """Serve a last line that has no end."""
        self.dataReceived(b"\n")

    def deliver_all(self, packets: list[ServerPacket]) -> None:
        """Show messages that differ in their text and their ids only."""
        self.outbox.send((self._shape or self.shape).all(packets), len(packets))

    def deliver_events(self, run: PacketRun) -> None:
        """Show who has entered a room, if many have at once."""
        if self.registering is not None or not run.places.keys().isdisjoint(self.gone):
            super().deliver_events(run)
        else:
            show_together(self, run)

    def deliver(self, packet: ServerPacket) -> None:
        """Show a packet of the core as lines."""
        x = packet.x
        if self.registering is not None:
            self.outbox.send(line("ERROR", packet.msg))
        elif self.outbox.paused and self.omits(packet):
            return
        elif x is not None and x.op is None and x.batch is None and x.self_ is None and packet.from_ is not SERVER:
            self.outbox.send(packet.encoded(self._shape or self.shape))  # a message, as nearly all are
        elif x is not None and x.op == "event" and x.batch is None and x.ev != TYPING:
            show_event(self, packet)
        else:
            show(self, packet)


class SecureIrcProtocol(Certified, IrcProtocol):
    """An IRC client over TLS."""

    gateway = "ircs"

    @property
    def certified_name(self) -> str | None:
        """The name in its certificate; None if it did not have to show one (`--tls-client-ca`)."""
        return tls.client_name(self.transport)
