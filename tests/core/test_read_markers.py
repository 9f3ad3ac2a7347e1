"""Read markers: where somebody spoke they have read, and what could not be stored is stored later."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from twisted.internet.defer import Deferred

from lanchat.core.delayed_moves import AGAIN
from lanchat.core.read_markers import PAUSE
from lanchat.model.session import Role
from lanchat.tables.read_markers import Marker, MoveMarkers
from tests.fakes import User, make_router, store_of
from tests.people import person


class Room:
    """A room with ann and bob in it."""

    def __init__(self) -> None:
        self.router, self.clock = make_router()
        self.ann, self.bob = (person(self.router, name, Role.USER) for name in ("ann", "bob"))
        self.ann.send("/create", "#ops")
        self.bob.send("/join", "#ops")
        self.store = store_of(self.router.chat)

    def read(self, name: str) -> int:
        """The marker of an account in the room, as the disk has it."""
        (seq,) = self.store.connection.execute(
            "SELECT read FROM members WHERE account = (SELECT id FROM accounts WHERE name = ?)", (name,)
        ).fetchone()
        return int(seq)

    def mentions(self) -> list[tuple[str, int]]:
        """Who is mentioned where, as the disk has it."""
        rows = self.store.connection.execute("SELECT name, seq FROM mentions JOIN accounts ON id = account ORDER BY seq, name")
        return rows.fetchall()


@pytest.fixture
def room() -> Room:
    return Room()


def test_who_says_something_has_read_up_to_there(room: Room) -> None:
    room.ann.send("#ops", "one")
    room.bob.send("#ops", "two")
    room.ann.send("#ops", "three")
    assert room.read("ann") == 0, "it is stored later, with others"
    room.clock.advance(PAUSE)
    assert (room.read("ann"), room.read("bob")) == (4, 3), "the first entry is that bob joined"


def test_a_repeat_does_not_take_a_marker_back(room: Room) -> None:
    room.ann.hello("id", "ack")
    for cid in ("1", "2", "1"):
        room.ann.send("#ops", cid, cid=cid)
    assert room.router.chat.read_markers.pending(1) == {"r1": 3}


def test_a_marker_that_could_not_be_stored_is_stored_later_unless_a_newer_one_was(room: Room) -> None:
    room.ann.send("#ops", "one")
    room.bob.send("#ops", "two")
    markers = room.router.chat.read_markers
    room.store.held = True
    room.clock.advance(PAUSE)
    markers.said.move((1, "r1"), 4)
    assert markers.pending(1) == {"r1": 4}
    room.store.broken = True
    room.store.release()
    room.store.broken = False
    assert markers.pending(1) == {"r1": 4}
    room.clock.advance(AGAIN)
    assert (room.read("ann"), room.read("bob")) == (4, 3)
    assert markers.pending(1) == {}


def test_markers_that_clients_move_are_answered_when_stored_and_stored_together(room: Room) -> None:
    told, written = list[tuple[int, bool, int]](), list[int]()
    write, store = room.store.write_in_background, room.store

    def move(account: int, seq: int) -> None:
        room.router.chat.read_markers.move(
            [Marker(account, "r1", seq)], lambda done: told.append((seq, done, room.read("ann")))
        )

    def count(command: MoveMarkers, on_done: Callable[[bool], object]) -> None:
        written.append(len(command.moved))
        write(command, on_done)

    store.write_in_background = count  # type: ignore[assignment, method-assign]
    store.held = True
    for account, seq in ((1, 5), (1, 6), (2, 7)):
        move(account, seq)
    assert told == []
    store.release()
    assert told == [(5, True, 5), (6, True, 6), (7, True, 6)]
    assert written == [1, 2]
    store.held = True
    move(1, 7)
    move(2, 8)
    waits = Deferred.fromCoroutine(room.router.chat.stored.settled())
    assert written == [1, 2, 1, 1], "who waits for all that was handed in does not wait for a next write"
    store.release()
    assert waits.called
    told.clear()
    store.broken = True
    move(1, 8)
    store.broken = False
    assert told == [(8, False, 7)]
    room.clock.advance(AGAIN)
    assert room.read("ann") == 7, "what was refused is not done later"


def test_members_who_are_mentioned_in_a_room_are_noted_with_the_message(room: Room) -> None:
    eve = person(room.router, "eve", Role.USER)
    room.ann.send("#ops", "bob, eve: ann was here")
    User(room.router, "joe").send("bob", "ann?")
    eve.send("ann", "bob is away")
    assert room.mentions() == [("bob", 2)]
    room.bob.send("#ops", "yes?")
    room.clock.advance(PAUSE)
    assert room.mentions() == [], "who answers has read it"
