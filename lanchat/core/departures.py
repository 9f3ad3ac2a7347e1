"""Departures: what happens in rooms when guests go, and when nobody belongs to a temporary room any more."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from unicodedata import normalize

from lanchat.core.delivery import Delivery
from lanchat.core.hooks import Hooks
from lanchat.core.room_events import RoomEvents
from lanchat.model.names import skeleton
from lanchat.model.room import Room
from lanchat.model.session import Session
from lanchat.protocol.errors import Banned, Forbidden
from lanchat.protocol.events import LEFT
from lanchat.state.reservations import Reservations
from lanchat.state.rooms import Rooms
from lanchat.state.sanctions import Sanctions
from lanchat.tables.rooms import CloseRoom

#: Why a guest left, by the code with which its session ended, if it said no goodbye; otherwise it was disconnected.
WHY = {"GONE": "quit", Forbidden.code: "kicked", Banned.code: "banned"}
#: How the reasons begin that the server gives when somebody else ended a session, and those that IRC clients show for them.
_ENDED = tuple(skeleton(word) for word in ("banned", "disconnected", "kicked", "killed"))
#: How many characters of a goodbye are compared with them.
_COMPARED = 100


def own_words(goodbye: str) -> str:
    """A goodbye that can't be taken for a reason of the server's: one that begins like those has `quit: ` before it.

    What looks like their letters counts as these, and what is between the letters, such as blanks, does not count.
    """
    letters = "".join(filter(str.isalnum, normalize("NFKD", goodbye[:_COMPARED]).lower()))
    return f"quit: {goodbye}" if skeleton(letters).lower().startswith(_ENDED) else goodbye


class Departures:
    """Tells rooms of guests who are gone, and ends empty ones."""

    def __init__(  # noqa: PLR0913, PLR0917 (it is made in one place)
        self,
        rooms: Rooms,
        reservations: Reservations,
        sanctions: Sanctions,
        hooks: Hooks,
        delivery: Delivery,
        room_events: RoomEvents,
    ) -> None:
        self._rooms = rooms
        self._reservations = reservations
        self._sanctions = sanctions
        self._hooks = hooks
        self._delivery = delivery
        self._room_events = room_events

    def gone(self, guest: Session, rooms: Iterable[Room], goodbye: str, code: str, ended: str = "") -> None:
        """Tell those in these rooms that a guest has left them, whose session ended with this code, perhaps with a goodbye.

        `ended` is told in place of that: how somebody else ended it.
        """
        for room in rooms:
            text = ended or (goodbye if goodbye and self._sanctions.may_speak(guest, room) else "")
            if room is self._rooms.lobby:
                self._room_events.tell_lobby(room, LEFT, guest, text)
            else:
                text = text or WHY.get(code, "disconnected")
                self._room_events.tell(room, LEFT, guest, text=text, gone=True)
                self.end_if_empty(room)

    def end_if_empty(self, room: Room) -> None:
        """End a temporary room that nobody belongs to any more. If that can't be stored it stays, until somebody leaves it."""
        belongs = room.members or room.sessions or self._reservations.awaits_member(room) or room is self._rooms.lobby
        if belongs or not room.rules.temporary or room.conv not in self._rooms.by_conv:
            return
        self._rooms.remove(room)
        # (Only then, as a ban in it may be on its way to the disk.)
        after: dict[bool, Callable[[Room], object]] = {True: self._forget, False: self._rooms.add}
        self._delivery.store.write_in_background(CloseRoom(room.id), lambda done: after[done](room))

    def _forget(self, room: Room) -> None:
        """Forget what belonged to a room that was ended: its bans and mutes, and its webhooks."""
        self._sanctions.forget(room)
        self._hooks.forget(room)
