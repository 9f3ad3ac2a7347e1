"""How far an account has read: told to the server once it is on the screen, and not too often."""

from __future__ import annotations

import pytest
from twisted.internet.task import Clock

from lanchat.client.read_markers import MAX_REPORTED, READ_SECONDS, ReadMarkers
from lanchat.client.timers import Timers


class Reader:
    """Somebody with a screen, who reads."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.is_shown = True
        self.told: list[tuple[str, int]] = []
        self.markers = ReadMarkers(Timers(self.clock), lambda: self.is_shown, lambda conv, seq: self.told.append((conv, seq)))
        self.markers.switch(True)

    def reported(self) -> list[tuple[str, int]]:
        """What was told in the next seconds."""
        self.clock.advance(READ_SECONDS)
        told, self.told = self.told, []
        return told


@pytest.fixture
def reader() -> Reader:
    return Reader()


def test_the_newest_of_each_conversation_is_told_once(reader: Reader) -> None:
    for conv, seq in (("#ops", 1), ("@bob", 2), ("#ops", 3), ("#ops", 2)):
        reader.markers.shown(conv, seq)
    assert reader.told == []
    assert reader.reported() == [("#ops", 3), ("@bob", 2)]
    reader.markers.shown("#ops", 3)
    assert reader.reported() == []


def test_what_is_not_on_the_screen_is_not_read(reader: Reader) -> None:
    reader.is_shown = False
    reader.markers.shown("#ops", 1)
    assert reader.reported() == []
    reader.is_shown = True
    assert reader.reported() == [("#ops", 1)]


def test_what_another_device_has_read_is_not_told_again(reader: Reader) -> None:
    reader.markers.shown("#ops", 3)
    reader.markers.read_elsewhere("#ops", 5)
    reader.markers.shown("#ops", 4)
    assert reader.reported() == []
    reader.markers.shown("#ops", 6)
    assert reader.reported() == [("#ops", 6)]


def test_without_a_connection_it_waits_for_the_next(reader: Reader) -> None:
    reader.markers.shown("#ops", 3)
    reader.markers.switch(False)
    assert reader.reported() == []
    reader.markers.switch(True)
    assert reader.reported() == [("#ops", 3)]
    reader.markers.switch(False)
    reader.markers.shown("#ops", 4)
    assert reader.reported() == []


def test_many_conversations_are_told_little_by_little(reader: Reader) -> None:
    for n in range(MAX_REPORTED + 1):
        reader.markers.shown(f"#{n}", 1)
    assert [len(reader.reported()) for _ in range(3)] == [MAX_REPORTED, 1, 0]
