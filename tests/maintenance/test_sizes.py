"""Retention by size: the newest that fit stay, and the file stays small; retention by room: what was said under its name."""

from __future__ import annotations

import pydoc_data.topics
import random
import re
import sqlite3
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from twisted.internet.defer import Deferred, fail
from twisted.internet.task import Clock

from lanchat.maintenance import removal
from lanchat.maintenance.pacing import PAUSE
from lanchat.maintenance.removal import ENVELOPE
from lanchat.maintenance.retention import Retention, Rule, parse
from lanchat.model.names import parse as parse_user
from lanchat.model.room import parse_name
from lanchat.protocol.entry import Entry
from lanchat.protocol.errors import RateLimited, TooSlow
from lanchat.service.store_service import RetentionService
from lanchat.store import erasure
from lanchat.tables import rooms
from tests.maintenance.test_retention import DAY, Keeper, indexed, left, sound, sweep
from tests.stores import NOW, Desk, entry

pytestmark = pytest.mark.slow

#: Real words, in real sentences.
WORDS = re.findall(r"\w+", " ".join(pydoc_data.topics.topics.values()))
CONVS = ("r1", "r2", "r3", "p1x2", "g1xbob")


class Talk:
    """People who talk: real words, texts of all lengths."""

    def __init__(self, seed: int, longest: int = 60) -> None:
        self.dice = random.Random(seed)  # noqa: S311 (which messages)
        self.longest = longest
        self.now = NOW
        self.count = 0

    def said(self, size: int) -> list[Entry]:
        """Messages that are so many bytes together, at least."""
        told: list[Entry] = []
        while size > 0:
            length = self.dice.randint(1, self.longest)
            at = self.dice.randrange(len(WORDS) - length)
            text = self.dice.choice(["", "", "naïve été "]) + " ".join(WORDS[at : at + length])
            self.now += 60_000
            self.count += 1
            cid = self.dice.choice([None, f"c{self.count}"])
            conv, author = self.dice.choice(CONVS), self.dice.choice([1, 2, 7])
            told.append(entry(text, cid, conv=conv, author=author, name=f"user{author}", ts=self.now))
            size -= weight(told[-1])
        return told


def weight(message: Entry) -> int:
    return ENVELOPE + len(message.msg.encode())


def newest_that_fit(told: list[Entry], size: int) -> list[Entry]:
    kept: list[Entry] = []
    for message in reversed(told):
        size -= weight(message)
        if size < 0:
            break
        kept.insert(0, message)
    return kept


def seqs(desk: Desk) -> list[int]:
    return [seq for (seq,) in desk.ask("SELECT seq FROM log WHERE conv != '' ORDER BY seq")]


@pytest.mark.parametrize("seed", range(6))
def test_the_newest_that_fit_stay_and_no_more_goes_than_must(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    """Sweep after sweep, with a room that has a time of its own, and somebody who is erased in between."""
    monkeypatch.setattr(removal, "PAGE", 11)
    monkeypatch.setattr(removal, "STEP", 7)
    talk = Talk(seed)
    size = talk.dice.randint(1, 40_000)
    told: list[Entry] = []
    with Desk(tmp_path) as desk:
        rooms_of(desk, "#one", "#two")
        keeper = Keeper(desk, Rule(None, None, size), Rule("#two", 3600, None))
        for turn in range(8):
            told += desk.say(*talk.said(talk.dice.randint(0, 30_000)))
            keeper.now = talk.now
            if turn == 4:
                erase(desk, "user7")
                told = [message for message in told if message.author != 7]
            before = len(told)
            told = [message for message in told if message.conv != "r2" or message.ts >= keeper.now - 3_600_000]
            told = newest_that_fit(told, size)
            assert keeper.sweep() == before - len(told)
            assert seqs(desk) == [message.seq for message in told]
        indexed(desk)
        sound(desk)


def test_the_newest_that_fit_stay_in_a_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(removal, "PAGE", 11)
    talk, told = Talk(1), list[Entry]()
    with Desk(tmp_path) as desk:
        rooms_of(desk, "#one")
        keeper = Keeper(desk, Rule("#one", None, 5000))
        for _ in range(5):
            told += desk.say(*talk.said(20_000))
            keeper.sweep()
            mine = newest_that_fit([message for message in told if message.conv == "r1"], 5000)
            assert left(desk) == [message.msg for message in mine]
        assert len(seqs(desk)) == len([message for message in told if message.conv != "r1"]) + len(mine)


def test_a_size_that_nothing_fits_into_ends(tmp_path: Path) -> None:
    with Desk(tmp_path) as desk:
        desk.say(*(entry(f"message {n}") for n in range(20)))
        keeper = Keeper(desk, Rule(None, None, 100))
        assert keeper.sweep() == 20
        desk.say(entry("one more"))
        assert keeper.sweep() == 1
        assert keeper.sweep() == 0


@pytest.mark.parametrize(("longest", "part"), [(60, 4), (60, 16), (5, 4), (2000, 4)])
def test_the_file_of_a_server_that_lives_at_its_bound_stays_small(tmp_path: Path, longest: int, part: int) -> None:
    """The promise of docs/keeping.md: twice the size at the most, and 200 bytes for what was emptied on the last day."""
    talk = Talk(3, longest)
    with Desk(tmp_path) as desk:
        keeper = Keeper(desk, "1M")
        for turn in range(2 * part + 16):
            for message in talk.said(2**20 if not turn else 2**20 // part):
                desk.store.append(message)
            desk.read(removal.used)
            keeper.now = talk.now
            keeper.sweep()
            ((emptied,),) = desk.ask("SELECT count(*) FROM log WHERE conv = ''")
            assert desk.read(removal.used) < 2 * 2**20 + 200 * emptied
            ((counted,),) = desk.ask("SELECT sum(? + length(CAST(msg AS BLOB))) FROM log WHERE conv != ''", ENVELOPE)
            assert 2**20 - 30_000 < counted <= 2**20
        assert desk.store.reusable > 0
        indexed(desk)
        sound(desk)


# By the name of a room.


def rooms_of(desk: Desk, *names: str) -> list[int]:
    """Make these rooms; their numbers."""
    return [
        desk.write(partial(rooms.add, name=parse_name(name), owner=None, private=False, now=0, most=99)).id for name in names
    ]


def erase(desk: Desk, name: str) -> None:
    """As `lanchat-admin purge` does, but for the file."""
    erased = desk.write(erasure.BeginErasure(parse_user(name)))
    while erased.after < erased.upto:
        erased = desk.write(erasure.EraseMessages(erased))


def close(desk: Desk, room: int) -> None:
    desk.write(rooms.CloseRoom(room))


def test_what_was_said_in_a_room_that_was_closed_goes_when_its_time_comes(tmp_path: Path) -> None:
    with Desk(tmp_path) as desk:
        (room,) = rooms_of(desk, "#HR")
        desk.say(entry("salary 4711", target="#HR"), entry("to bob", conv="p1x2", target="bob"))
        close(desk, room)
        assert sweep(desk, "#hr=1h", now=NOW + 2 * DAY) == 1
        assert left(desk, "r1") == []
        assert left(desk, "p1x2") == ["to bob"]


def test_what_was_to_be_kept_of_a_room_stays_though_it_was_closed(tmp_path: Path) -> None:
    with Desk(tmp_path) as desk:
        (room,) = rooms_of(desk, "#board")
        desk.say(entry("decided", target="#board"), entry("to bob", conv="p1x2", target="bob"))
        close(desk, room)
        assert sweep(desk, "#board=off", "30d", now=NOW + 400 * DAY) == 1
        assert left(desk, "r1") == ["decided"]


def test_a_rule_holds_for_all_rooms_that_had_the_name(tmp_path: Path) -> None:
    with Desk(tmp_path) as desk:
        for text in ("a", "b", "c"):
            (room,) = rooms_of(desk, "#ops")
            desk.say(*(entry(f"{text}{n}" + "x" * 98, conv=f"r{room}", target="#ops") for n in range(5)))
            close(desk, room)
        (room,) = rooms_of(desk, "#other")
        desk.say(entry("other", conv=f"r{room}", target="#other"))
        assert sweep(desk, Rule("#ops", None, 7 * 300)) == 8
        assert [len(left(desk, f"r{number}")) for number in (1, 2, 3, 4)] == [0, 2, 5, 1]
        assert sweep(desk, "#ops=1d", now=NOW + 2 * DAY) == 7


def test_a_rule_for_a_room_that_there_is_not_is_told(tmp_path: Path, logged: list[str]) -> None:
    with Desk(tmp_path) as desk:
        keeper = Keeper(desk, "#opps=1h")
        assert (keeper.sweep(), keeper.sweep()) == (0, 0)
    assert logged == ["there is a rule of what to keep in #opps, but no such room yet"]


# How it goes about it.


def test_what_stays_is_looked_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(removal, "PAGE", 10)
    with Desk(tmp_path) as desk:
        rooms_of(desk, "#one")
        desk.say(*(entry(f"old {n}", ts=NOW - 400 * DAY) for n in range(300)), entry("new", conv="r2"))
        keeper = Keeper(desk, "#one=off", "30d", "1G")
        keeper.sweep()
        looks: list[object] = []
        look = removal.next_block

        def counted(*given: Any, **named: Any) -> removal.Block | None:
            looks.append(given)
            return look(*given, **named)

        monkeypatch.setattr(removal, "next_block", counted)
        desk.say(entry("newer", conv="r2"))
        keeper.sweep()
        assert len(looks) <= 4


def test_the_server_does_not_wait_for_the_end_of_a_sweep(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(removal, "STEP", 10)
    with Desk(tmp_path) as desk:
        desk.say(*(entry(f"old {n}", ts=NOW - 40 * DAY) for n in range(500)))
        clock = Clock()
        service = RetentionService(Retention(desk.store, clock, [parse("30d")], lambda: NOW / 1000), clock)
        service.startService()
        while len(seqs(desk)) == 500:
            clock.advance(PAUSE)
        ended: Deferred[None] = service.stopService()
        desk.wait(ended)
        assert 0 < len(seqs(desk)) < 500
        assert not clock.getDelayedCalls()
        service.startService()
        while seqs(desk):
            clock.advance(PAUSE)
        desk.wait(service.stopService())


@pytest.mark.parametrize(
    "error", [sqlite3.OperationalError("disk I/O error"), sqlite3.DatabaseError("malformed"), ValueError("x")]
)
def test_one_error_ends_one_sweep(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, logged: list[str], error: Exception) -> None:
    with Desk(tmp_path) as desk:
        desk.say(entry("old", ts=NOW - 40 * DAY))
        clock = Clock()
        service = RetentionService(Retention(desk.store, clock, [parse("30d")], lambda: NOW / 1000), clock)
        with monkeypatch.context() as broken:
            broken.setattr(desk.store, "read", lambda query, slow=False: fail(error))
            service.startService()
            while not logged:
                clock.advance(PAUSE)
                desk.write(lambda connection: None)
        assert left(desk) == ["old"]
        for _ in range(40):
            clock.advance(100)
        while seqs(desk):
            clock.advance(PAUSE)
        desk.wait(service.stopService())
    assert len([line for line in logged if "will be tried again" in line]) == 1


def test_what_takes_too_long_to_find_is_tried_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Desk(tmp_path) as desk:
        desk.say(entry("old", ts=NOW - 40 * DAY))
        slow: list[Exception] = [TooSlow("x"), RateLimited("x"), TooSlow("x")]
        read = desk.store.read
        monkeypatch.setattr(desk.store, "read", lambda *given, **named: fail(slow.pop()) if slow else read(*given, **named))
        assert sweep(desk, "30d") == 1


def test_a_step_is_short_though_texts_are_long() -> None:
    rows = [removal.Row(seq, "r1", 16_000) for seq in range(100)] + [removal.Row(100, "r1", 10**6), removal.Row(101, "r1", 9)]
    parts = removal.in_steps(rows)
    assert [row for part in parts for row in part] == rows
    assert all(len(part) == 1 or sum(row.size for row in part) <= removal.STEP_BYTES for part in parts)
    assert len(removal.in_steps([removal.Row(seq, "r1", 1) for seq in range(1001)])) == 3
    assert removal.in_steps([]) == []
