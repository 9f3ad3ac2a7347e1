"""Decides what of a session is shown to a person at a terminal, and how."""

from __future__ import annotations

from datetime import date

from twisted.internet.interfaces import IDelayedCall, IReactorTime

from lanchat.client.history_pages import HistoryPages
from lanchat.client.interfaces import ConnectionState, OutgoingMessage, describe
from lanchat.client.log_sync import RESUME_BATCH
from lanchat.client.session import ClientSession
from lanchat.client.shared_file import SharedFile
from lanchat.protocol.events import INVITED
from lanchat.protocol.extensions import AnswerX
from lanchat.protocol.packet import ReceivedPacket, visible
from lanchat.protocol.spelling import key
from lanchat.terminal.arrivals import SUMMED_SECONDS, Arrivals, is_arrival, is_news
from lanchat.terminal.attention import Attention
from lanchat.terminal.conversations import Conversations, conversation_rows, unread_line
from lanchat.terminal.formatting import Formatter, Paragraph, is_notice, plural, printable
from lanchat.terminal.screen import Screen

#: Seconds after which a message that is not acknowledged is shown as on its way.
SLOW_SECONDS = 1.0


class View:
    """Puts paragraphs on the screen: incoming packets, the fate of the user's own messages, and texts of the client."""

    def __init__(self, screen: Screen, formatter: Formatter, bell: bool, as_json: bool, echoes: bool) -> None:
        """`echoes`: a typed line vanishes from the terminal, so it is shown again once it is acknowledged."""
        self._screen = screen
        self._formatter = formatter
        self._bell = bell
        self._json = as_json
        self._echoes = echoes
        self._arrivals = Arrivals()
        self._conversations = Conversations()
        #: What was said lately.
        self.recent = formatter.excerpts.recent
        #: What the user has seen; set by `start`.
        self.attention: Attention
        self._session: ClientSession
        self._pages: HistoryPages
        self._clock: IReactorTime
        self._day: date | None = None  # the day of the last paragraph
        self._rest: Paragraph | None = None  # the rest of the last message that was too long
        self._waiting: dict[OutgoingMessage, IDelayedCall] = {}
        self._summing: IDelayedCall | None = None
        self._missed = False  # whether missed messages were shown, and their end was not announced yet
        self._told_unread = False

    def start(self, clock: IReactorTime, session: ClientSession, pages: HistoryPages) -> None:
        """Show this session, and the pages of older messages that the user asks for."""
        self._clock, self._session, self._pages = clock, session, pages
        self._day = self._formatter.time().date()
        self.attention = Attention(self._screen, clock, session, self.recent, self._conversations)

    # The client's own texts.

    def notice(self, text: str) -> None:
        """Show a text of the client itself."""
        self._print(self._formatter.notice(text))

    def error(self, text: str) -> None:
        """Show a text about something that went wrong."""
        self._print(self._formatter.error(text))

    def echo(self, prompt: str, line: str) -> None:
        """Show a line as it was typed, if it has vanished from the terminal."""
        if self._echoes:
            self._screen.show(self._formatter.typed(prompt, line))

    def more(self) -> None:
        """Show the rest of a long message, or ask for the page before the last one. Raises `NotSent`."""
        if self._rest is None:
            self._pages.more()
        else:
            self._print(self._rest)

    # The user's own messages.

    def message_sent(self, message: OutgoingMessage) -> None:
        """Note that the user sent a message. It is shown with its time when it is acknowledged."""
        self._arrivals.spoke(message.to, self._clock.seconds())
        if not self._echoes or self._json:
            return
        if self._session.state is ConnectionState.CAPABLE:
            self._waiting[message] = self._clock.callLater(SLOW_SECONDS, self._report_slow, message)
        elif self._session.state is ConnectionState.CLASSIC:
            self._print(self._formatter.own_message(message, None))
        else:
            self._report_slow(message)

    def file_sent(self, to: str, text: str, file: SharedFile, ack: ReceivedPacket | None) -> None:
        """Show a file that the user has sent, and remember its message if it was acknowledged."""
        self._arrivals.spoke(to, self._clock.seconds())
        if ack is not None and ack.x is not None:
            self.recent.sent_file(ack.x, to, text, file.name, self._session.name)
        self._print(self._formatter.own_file(to, text, file.described, ack))

    def not_acknowledged(self, message: OutgoingMessage, why: str) -> None:
        """Show that a message may not have arrived."""
        self._stop_waiting(message)
        self._print(self._formatter.not_acknowledged(message, why))

    def _report_slow(self, message: OutgoingMessage) -> None:
        self._waiting.pop(message, None)
        self.notice(f"Not confirmed yet: {describe(message)}")

    def _stop_waiting(self, message: OutgoingMessage) -> None:
        if (timer := self._waiting.pop(message, None)) is not None:
            timer.cancel()

    def _show_own_message(self, message: OutgoingMessage, packet: ReceivedPacket) -> None:
        self._stop_waiting(message)
        if self._echoes:
            self._print(self._formatter.own_message(message, packet))
        elif packet.x is not None and packet.x.n == 0:
            self.notice(f"Nobody received this: {describe(message)}")

    # Incoming packets.

    def state_changed(self) -> None:
        """Announce the end of the missed messages, including those that had to be fetched."""
        state = self._session.state
        self.attention.state_changed()
        if state is ConnectionState.OFFLINE:
            self._missed = False
            self._pages.discard()
        elif self._missed and state is ConnectionState.CAPABLE and self._session.log_sync.complete:
            self._missed = False
            self.notice("That was all.")

    def packet_received(self, packet: ReceivedPacket, request: OutgoingMessage | None, line: bytes) -> None:
        """Show a packet, or collect it if it belongs to a page."""
        self._formatter.name = self._session.name
        if self._json:
            self._screen.show(Paragraph("", "", "", printable(line)))
        elif not self._pages.collect(packet):
            self.attention.came(packet.x or AnswerX())
            self._show(packet, request)
            self._conversations.learn(packet, request)
        self.recent.learn(packet, request, self._session.name)

    def conversations_came(self, packet: ReceivedPacket) -> None:
        """Take in the answer to the client's own `/conversations`. The first time, tell what is unread."""
        self._conversations.learn(packet, None)
        line = unread_line(packet.x) if packet.x is not None else ""
        if line and not self._told_unread:
            self.notice(line)
        self._told_unread = True

    def _show(self, packet: ReceivedPacket, request: OutgoingMessage | None) -> None:
        """Show a packet in the form for people."""
        x = packet.x or AnswerX()
        if (page := self._pages.finish(packet, request)) is not None:
            self._rest = None
            for each in page:
                self._print_packet(each)
            if x.op == "end":
                self.notice(self._pages.footer(len(page)))
        elif x.op == "end" and x.batch == RESUME_BATCH:
            self._missed = bool(x.n or x.more)
        elif x.conversations is not None:
            self.notice(conversation_rows(x, request.msg if request is not None else ""))
            return
        if request is not None and x.op == "ack" and (request.is_message or request.command == "/react"):
            self._show_own_message(request, packet)
        if self._is_shown(packet):
            self._call_attention(packet)
            self._print_packet(packet)
        if request is not None and request.is_message and x.op == "fail":
            self._stop_waiting(request)
            self.error(f"NOT DELIVERED to {visible(request.to, 64)}: {visible(request.msg, 2000)}")
        if x.op == "welcome" and x.missed:
            self._ring()
            self.notice(f"{plural(x.missed, 'message')} while you were away:")

    def _is_shown(self, packet: ReceivedPacket) -> bool:
        """Whether a person wants to see this packet."""
        x = packet.x or AnswerX()
        if x.op == "end":
            return False
        if x.op == "ack":
            return x.n is None and bool(packet.msg)
        if x.op == "bye":
            return self._session.quitting
        if x.op == "event":
            return self._should_show_event(x)
        return x.op is not None or self._session.state not in (ConnectionState.OFFLINE, ConnectionState.ENDED)

    def _should_show_event(self, x: AnswerX) -> bool:
        """Whether to show an event: what others did, and at once unless it is one of many comings and goings."""
        me = self._session.name
        if not is_arrival(x):
            return is_news(x, me)
        if list(map(key, x.who or ())) == [key(me)]:
            return False
        event = f"{x.ev} {visible(x.conv, 40)}" if x.conv and x.conv.startswith("#") else x.ev or ""
        shows = self._arrivals.should_show(event, x.who or (), self._clock.seconds())
        if not shows and self._summing is None:
            self._summing = self._clock.callLater(SUMMED_SECONDS, self._sum_up)
        return shows

    def _sum_up(self) -> None:
        self._summing = None
        self.notice(self._arrivals.summary())

    def _call_attention(self, packet: ReceivedPacket) -> None:
        """Ring for messages to this user, and draw a line above the first one after a while without typing."""
        x = packet.x or AnswerX()
        if x.self_ or x.batch is not None:
            return
        if x.ev == INVITED and self._session.name in (x.who or ()):
            self._ring()
        if packet.from_.name == "SERVER" and not is_notice(packet):
            return
        self._arrivals.spoke(packet.from_.name, self._clock.seconds())
        if self.attention.begins_new(packet):
            self._print(self._formatter.rule("new"))
        if self.attention.is_for_user(packet):
            self._ring()

    def _ring(self) -> None:
        if self._bell:
            self._screen.ring()

    # Output.

    def _print_packet(self, packet: ReceivedPacket) -> None:
        self._print(self._formatter.packet(packet), self._formatter.time(packet).date())

    def _print(self, paragraph: Paragraph, day: date | None = None) -> None:
        """Show a paragraph of this day (None: today), below a line with the date if the last one was of another."""
        day = day or self._formatter.time().date()
        if day != self._day:
            self._day = day
            self._screen.show(self._formatter.day(day))
        self._screen.show(paragraph)
        if rest := self._screen.rest(paragraph):
            self._rest = rest
        elif paragraph is self._rest:
            self._rest = None
