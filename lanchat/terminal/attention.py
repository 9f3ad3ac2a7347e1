"""What a person at a terminal has seen: where the line "new" is drawn, when the bell rings, and what is reported as read."""

from __future__ import annotations

import contextlib

from twisted.internet.interfaces import IReactorTime

from lanchat.client.interfaces import ConnectionState, NotSent
from lanchat.client.log_sync import DELIVERIES, RESUME_BATCH
from lanchat.client.read_markers import ReadMarkers
from lanchat.client.recent_messages import RecentMessages
from lanchat.client.session import ClientSession
from lanchat.client.timers import Timers
from lanchat.protocol.events import READ
from lanchat.protocol.extensions import AnswerX
from lanchat.protocol.packet import ReceivedPacket
from lanchat.terminal.conversations import Conversations
from lanchat.terminal.formatting import is_private, mentions
from lanchat.terminal.screen import Screen

#: Seconds without typing after which a line is drawn above the next message.
AWAY_SECONDS = 300.0
#: Conversations with something new that are remembered.
MAX_NEW = 10_000


class Attention:
    """Follows what the user sees of a session."""

    def __init__(
        self, screen: Screen, clock: IReactorTime, session: ClientSession, recent: RecentMessages, conversations: Conversations
    ) -> None:
        self._clock = clock
        self._session = session
        self._recent = recent
        self._conversations = conversations
        self._markers = ReadMarkers(Timers(clock), lambda: screen.caught_up, self._report)
        self._typed_at: float | None = clock.seconds()  # None once the messages since then are marked as new
        self._new: dict[str, int] = {}  # by conversation: the newest of the messages that were marked as new

    def attend(self) -> None:
        """Note that the user is at the terminal and has seen everything."""
        self._typed_at = self._clock.seconds()
        self._new.clear()

    def state_changed(self) -> None:
        """Begin or stop to tell the server what is read: on this connection, it has read markers for us or not."""
        ready = self._session.state is ConnectionState.CAPABLE and self._session.log_sync.has_log
        self._markers.switch(ready and "read" in self._session.caps)

    def begins_new(self, packet: ReceivedPacket) -> bool:
        """Whether this is the first message after a while without typing."""
        x = packet.x or AnswerX()
        begins = self._typed_at is not None and self._clock.seconds() - self._typed_at >= AWAY_SECONDS
        if begins:
            self._typed_at = None
        if self._typed_at is None and x.conv and x.seq and len(self._new) < MAX_NEW:
            self._new[x.conv] = x.seq
        return begins

    def is_for_user(self, packet: ReceivedPacket) -> bool:
        """Whether the bell rings for a live message: it is for this user alone, names it, or replies to it."""
        x = packet.x or AnswerX()
        if x.op is not None or self._conversations.is_muted(x.conv):
            return False
        answered = self._recent.get(x.re)
        return is_private(packet) or mentions(packet.msg, self._session.name) or (answered is not None and answered.is_own)

    def came(self, x: AnswerX) -> None:
        """Note that what came is read once it is on the screen, or that another device has read it."""
        if not x.conv or not x.seq:
            return
        if x.ev == READ:
            self._markers.read_elsewhere(x.conv, x.seq)
            if self._new.get(x.conv, x.seq + 1) <= x.seq:
                del self._new[x.conv]
                if not self._new:  # all that was marked as new was read there, so the next message begins what is new
                    self._typed_at = float("-inf")
        elif x.op in DELIVERIES and x.batch in (None, RESUME_BATCH):
            self._markers.shown(x.conv, x.seq)

    def report_read(self) -> None:
        """Tell the server what was read, now."""
        self._markers.report()

    def _report(self, conv: str, seq: int) -> None:
        with contextlib.suppress(NotSent):
            self._session.send("/read", conv, internal=True, args={"seq": seq})
