"""View: what of a conversation a person at a terminal gets to see, and how."""

from __future__ import annotations

from datetime import date

from twisted.internet.interfaces import IDelayedCall, IReactorTime

from lanchat.client.interfaces import Link, Said, shown
from lanchat.client.log_sync import MISSED
from lanchat.client.pages import Pages
from lanchat.client.session import ClientSession
from lanchat.protocol.packet import ServerPacket, ServerX, visible
from lanchat.terminal.arrivals import SUMMED_SECONDS, Arrivals
from lanchat.terminal.formatting import Painter, Paragraph, harmless, is_private, names, plural
from lanchat.terminal.screen import Screen

#: Seconds after which it is told that a message is still on its way.
SLOW_SECONDS = 1.0
#: Seconds without a line of one's own, after which a line is drawn above what comes next.
AWAY_SECONDS = 300.0


class View:
    """Puts paragraphs on the screen: what came, what became of what was said, and what the client has to tell."""

    def __init__(self, screen: Screen, painter: Painter, bell: bool, as_json: bool, echoes: bool) -> None:
        """`echoes`: what was typed has vanished from the terminal, and is shown when it has arrived."""
        self._screen = screen
        self._painter = painter
        self._bell = bell
        self._json = as_json
        self._echoes = echoes
        self._comings = Arrivals()
        self._conversation: ClientSession
        self._pages: Pages
        self._clock: IReactorTime
        self._day: date | None = None  # of what was shown last
        self._rest: Paragraph | None = None  # of the last message that was too long
        self._waiting: dict[Said, IDelayedCall] = {}
        self._summing: IDelayedCall | None = None
        self._missed = False  # whether some of what was missed was shown, and it was not said yet that this was all
        self._typed_at: float | None = None  # when a line was typed last; None if what came since is marked as new already

    def start(self, clock: IReactorTime, conversation: ClientSession, pages: Pages) -> None:
        """Show this conversation, and the pages that are asked for in it."""
        self._clock, self._conversation, self._pages = clock, conversation, pages
        self._day = self._painter.time().date()
        self.attend()

    def attend(self) -> None:
        """Somebody is there and has seen all."""
        self._typed_at = self._clock.seconds()

    # What the client has to tell.

    def notice(self, text: str) -> None:
        """Something that the client itself has to tell."""
        self._print(self._painter.notice(text))

    def error(self, text: str) -> None:
        """Something that went wrong."""
        self._print(self._painter.error(text))

    def echo(self, prompt: str, line: str) -> None:
        """A line as it was typed, where that is not to be seen any more."""
        if self._echoes:
            self._screen.show(self._painter.typed(prompt, line))

    def more(self) -> None:
        """The rest of a long message, or the page before the one that was shown last. Raises `NotSent`."""
        if self._rest is None:
            self._pages.more()
        else:
            self._print(self._rest)

    # What becomes of what was said.

    def said(self, said: Said) -> None:
        """This was said to somebody. It is shown with its time when it has arrived."""
        self._comings.spoke(said.to, self._clock.seconds())
        if not self._echoes or self._json:
            return
        if self._conversation.link is Link.CAPABLE:
            self._waiting[said] = self._clock.callLater(SLOW_SECONDS, self._slow, said)
        elif self._conversation.link is Link.CLASSIC:
            self._print(self._painter.said(said, None))
        else:
            self._slow(said)

    def unanswered(self, said: Said, why: str) -> None:
        """This may not have arrived."""
        self._settle(said)
        self._print(self._painter.unanswered(said, why))

    def _slow(self, said: Said) -> None:
        self._waiting.pop(said, None)
        self.notice(f"On its way: {shown(said)}")

    def _settle(self, said: Said) -> None:
        if (timer := self._waiting.pop(said, None)) is not None:
            timer.cancel()

    def _arrived(self, said: Said, packet: ServerPacket) -> None:
        self._settle(said)
        if self._echoes:
            self._print(self._painter.said(said, packet))
        elif packet.x is not None and packet.x.n == 0:
            self.notice(f"Nobody was there: {shown(said)}")

    # What the server tells.

    def changed(self) -> None:
        """Tell when all that was missed is shown, also what had to be fetched."""
        link = self._conversation.link
        if link is Link.OFFLINE:
            self._missed = False
            self._pages.forget()
        elif self._missed and link is Link.CAPABLE and self._conversation.reading.complete:
            self._missed = False
            self.notice("That was all.")

    def came(self, packet: ServerPacket, answers: Said | None, line: bytes) -> None:
        """A packet came that is of interest."""
        if self._json:
            self._screen.show(Paragraph("", "", "", harmless(line)))
        elif not self._pages.holds(packet):
            self._show(packet, answers)

    def _show(self, packet: ServerPacket, answers: Said | None) -> None:
        """A packet as a person wants to see it."""
        x = packet.x or ServerX()
        if (page := self._pages.turned(packet, answers)) is not None:
            self._rest = None
            for each in page:
                self._print_packet(each)
            if x.op == "end":
                self.notice(self._pages.ending(len(page)))
        elif x.op == "end" and x.batch == MISSED:
            self._missed = bool(x.n or x.more)
        if answers is not None and answers.is_message and x.op == "ack":
            self._arrived(answers, packet)
        if self._is_news(packet):
            self._mark(packet)
            self._print_packet(packet)
        if answers is not None and answers.is_message and x.op == "fail":
            self._settle(answers)
            self.error(f"NOT DELIVERED to {visible(answers.to, 64)}: {visible(answers.msg, 2000)}")
        if x.op == "welcome" and x.missed:
            self._ring()
            self.notice(f"{plural(x.missed, 'message')} while you were away:")

    def _is_news(self, packet: ServerPacket) -> bool:
        """Whether a person wants to see this."""
        x = packet.x or ServerX()
        if x.op == "end":
            return False
        if x.op == "ack":
            return x.n is None and bool(packet.msg)
        if x.op == "bye":
            return self._conversation.quitting
        if x.op == "event":
            return x.who != [self._conversation.name] and self._shows_event(x)
        return x.op is not None or self._conversation.link not in (Link.OFFLINE, Link.ENDED)

    def _shows_event(self, x: ServerX) -> bool:
        event = f"{x.ev} {visible(x.conv, 40)}" if x.conv and x.conv.startswith("#") else x.ev or ""
        shows = self._comings.shows(event, x.who or (), self._clock.seconds())
        if not shows and self._summing is None:
            self._summing = self._clock.callLater(SUMMED_SECONDS, self._sum_up)
        return shows

    def _sum_up(self) -> None:
        self._summing = None
        self.notice(self._comings.summary())

    def _mark(self, packet: ServerPacket) -> None:
        """Ring for what is for this person, and draw a line above the first message that came while nobody typed anything."""
        x = packet.x or ServerX()
        if packet.from_.name == "SERVER" or x.self_ or x.batch is not None:
            return
        now = self._clock.seconds()
        self._comings.spoke(packet.from_.name, now)
        if self._typed_at is not None and now - self._typed_at >= AWAY_SECONDS:
            self._typed_at = None
            self._print(self._painter.rule("new"))
        if is_private(packet) or names(packet.msg, self._conversation.name):
            self._ring()

    def _ring(self) -> None:
        if self._bell:
            self._screen.ring()

    # What is written.

    def _print_packet(self, packet: ServerPacket) -> None:
        self._print(self._painter.packet(packet), self._painter.time(packet).date())

    def _print(self, paragraph: Paragraph, day: date | None = None) -> None:
        """Show a paragraph of this day (None: today), under a line with the date if what is above is of another."""
        day = day or self._painter.time().date()
        if day != self._day:
            self._day = day
            self._screen.show(self._painter.day(day))
        self._screen.show(paragraph)
        if rest := self._screen.rest(paragraph):
            self._rest = rest
        elif paragraph is self._rest:
            self._rest = None
