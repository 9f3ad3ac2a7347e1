"""Retention: what is too old or too much goes, in small steps; the rest stays, and so do the ids of a day."""

from __future__ import annotations

from pathlib import Path
from sqlite3 import Connection

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from lanchat.maintenance import removal
from lanchat.maintenance.removal import ENVELOPE
from lanchat.maintenance.retention import Retention, Rule, parse
from lanchat.protocol.word_folding import indexed as indexed_text
from lanchat.store import background, word_index
from lanchat.store.duplicates import digest
from tests.live import until
from tests.stores import NOW, Desk, entry

DAY = 86_400_000


class Keeper:
    """A retention that runs beside a store, by a clock that the test moves: it may say another time of day than it should."""

    def __init__(self, desk: Desk, *rules: str | Rule, now: int = NOW) -> None:
        self.desk = desk
        self.clock = Clock()
        #: What the clock on the wall shows, in milliseconds.
        self.now = now
        given = [parse(rule) if isinstance(rule, str) else rule for rule in rules]
        self.retention = Retention(desk.store, self.clock, given, lambda: self.now / 1000)

    def sweep(self) -> int:
        """A whole sweep; how many messages went."""
        done: list[int] = []
        Deferred.fromCoroutine(self.retention.sweep()).addCallback(done.append)
        while not done:
            if self.clock.getDelayedCalls():
                self.clock.advance(1)
            else:
                self.desk.turn()
        return done[0]

    def run(self, days: float) -> int:
        """The server runs on for so long, and sweeps every hour; how many messages went."""
        gone = 0
        for _ in range(round(days * 24)):
            self.clock.advance(3600)
            self.now += 3_600_000
            gone += self.sweep()
        return gone


def sweep(desk: Desk, *rules: str | Rule, now: int = NOW) -> int:
    return Keeper(desk, *rules, now=now).sweep()


def left(desk: Desk, conv: str = "r1") -> list[str]:
    return [msg for (msg,) in desk.ask("SELECT msg FROM log WHERE conv = ? ORDER BY seq", conv)]


def found(desk: Desk, word: str) -> list[int]:
    return [seq for (seq,) in desk.ask("SELECT rowid FROM words WHERE words MATCH ? ORDER BY rowid", word)]


def indexed(desk: Desk) -> None:
    """Wait until all is in the index of words."""
    newest = desk.store.last_seq
    until(lambda: desk.ask("SELECT 1 FROM meta WHERE name = 'indexed' AND value >= ?", newest), "the words")


def sound(desk: Desk) -> None:
    """The index of words has what is in the log, and nothing else."""
    assert desk.write(misindexed) == []


def misindexed(connection: Connection) -> list[tuple[str, int, str, int]]:
    """Words that are in the index and should not be, or the other way round: the word, its message, column and place."""
    connection.execute("INSERT INTO words(words) VALUES ('integrity-check')")
    ((sql,),) = connection.execute("SELECT sql FROM sqlite_master WHERE name = 'words'").fetchall()
    connection.execute(f"CREATE VIRTUAL TABLE temp.wanted USING fts5(msg, name, conv, {sql[sql.index('tokenize') :]}")
    asked = f"SELECT seq, msg, name, conv FROM kept WHERE {word_index.INDEXED} AND {word_index.HOLDER}"  # noqa: S608 (ours)
    kept = connection.execute(asked, word_index.indexed_range(connection))
    rows = [(seq, indexed_text(msg), indexed_text(name), conv) for seq, msg, name, conv in kept]
    connection.executemany("INSERT INTO wanted(rowid, msg, name, conv) VALUES (?, ?, ?, ?)", rows)
    found = []
    for schema, table in (("main", "words"), ("temp", "wanted")):
        connection.execute(f"CREATE VIRTUAL TABLE temp.of_{table} USING fts5vocab({schema}, {table}, instance)")
        found.append(set(connection.execute(f"SELECT term, doc, col, offset FROM of_{table}").fetchall()))  # noqa: S608 (ours)
        connection.execute(f"DROP TABLE of_{table}")
    connection.execute("DROP TABLE wanted")
    return sorted(found[0] ^ found[1])


def rooms(desk: Desk) -> None:
    desk.write(
        lambda c: c.execute("INSERT INTO rooms(id, name, key, created) VALUES (1, '#ops', '#ops', 0), (2, '#Dev', '#dev', 0)")
    )


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("90d", Rule(None, 90 * 86_400, None)),
        ("12h", Rule(None, 12 * 3600, None)),
        ("2G", Rule(None, None, 2 * 2**30)),
        ("#ops=500M", Rule("#ops", None, 500 * 2**20)),
        ("#ops=1w", Rule("#ops", 7 * 86_400, None)),
        ("#ops=off", Rule("#ops", None, None)),
        ("#ops =1d", Rule("#ops", 86_400, None)),
        ("#\u0430dmin's!=1d", Rule("#\u0430dmin's!", 86_400, None)),  # of older rules, for all that is known
    ],
)
def test_a_rule_is_what_was_written(text: str, rule: Rule) -> None:
    assert parse(text) == rule


NO_RULES = ["", "90", "d", "0d", "-1d", "1.5G", "ops=3d", "#ops", "#=3d", "90d,2G", "9999999d", "٣d"]
NO_ROOMS = ["#a b=3d", "# =3d", "##=3d", f"#{'x' * 129}=3d"]


@pytest.mark.parametrize("text", NO_RULES + NO_ROOMS)
def test_what_is_no_rule_is_answered_with_what_is(text: str) -> None:
    with pytest.raises(ValueError, match="write 90d or 12h"):
        parse(text)


def test_what_is_too_old_goes_in_small_steps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(removal, "STEP", 10)
    with Desk(tmp_path) as desk:
        desk.say(
            *(entry(f"old {n}", f"o{n}", ts=NOW - 3 * DAY) for n in range(95)), *(entry(f"new {n}", f"n{n}") for n in range(5))
        )
        indexed(desk)
        assert sweep(desk, "2d") == 95
        assert left(desk) == [f"new {n}" for n in range(5)]
        assert found(desk, "old") == []
        assert found(desk, "new") == [96, 97, 98, 99, 100]
        sound(desk)
        assert sweep(desk, "2d") == 0
        assert desk.say(entry())[0].seq == 101


def test_a_room_can_have_a_rule_of_its_own(tmp_path: Path) -> None:
    with Desk(tmp_path) as desk:
        rooms(desk)
        for age in (40, 20, 0):
            desk.say(*(entry(f"{age}", conv=conv, ts=NOW - age * DAY) for conv in ("r1", "r2", "p1x2")))
        assert sweep(desk, "30d", "#Ops=10d", "#dev=off", "#gone=1d") == 3
        assert left(desk, "r1") == ["0"]
        assert left(desk, "r2") == ["40", "20", "0"]
        assert left(desk, "p1x2") == ["20", "0"]


@pytest.mark.parametrize(("rule", "stays"), [("#σίσυφος=1d", "r2"), ("#σίσυφοσ=1d", "r1"), ("#ΣΊΣΥΦΟΣ=1d", "r1")])
def test_of_two_rooms_with_one_key_the_rule_is_for_the_one_of_exactly_that_name(tmp_path: Path, rule: str, stays: str) -> None:
    with Desk(tmp_path) as desk:
        made = "INSERT INTO rooms(id, name, key, created) VALUES (1, '#σίσυφος', '#σίσυφος', 0), (2, '#σίσυφοσ', '#σίσυφοσ', 0)"
        desk.write(lambda c: c.execute(made).rowcount)
        desk.say(*(entry("old", conv=conv, ts=NOW - 9 * DAY) for conv in ("r1", "r2")))
        assert sweep(desk, rule) == 1
        assert left(desk, stays) == ["old"]


def test_a_room_that_is_too_large_loses_what_is_oldest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(removal, "PAGE", 7)
    with Desk(tmp_path) as desk:
        rooms(desk)
        size = 2**20 // 30 - ENVELOPE
        for n in range(50):
            desk.say(*(entry(f"{n:02}" + "x" * (size - 2), conv=conv, ts=NOW - 2 * DAY) for conv in ("r1", "r2")))
        assert sweep(desk, "#ops=1M") == 20
        assert [msg[:2] for msg in left(desk)] == [str(n) for n in range(20, 50)]
        assert len(left(desk, "r2")) == 50


def test_a_log_that_is_too_large_loses_what_is_oldest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(removal, "STEP", 20)
    monkeypatch.setattr(removal, "PAGE", 70)
    with Desk(tmp_path) as desk:
        for _ in range(20):
            desk.say(*(entry("x" * 2000, ts=NOW - 2 * DAY) for _ in range(50)))
        assert sweep(desk, "1M") > 0
        seqs = [seq for (seq,) in desk.ask("SELECT seq FROM log ORDER BY seq")]
        assert seqs == list(range(1001 - 2**20 // (2000 + ENVELOPE), 1001))


def test_a_repeat_is_known_for_a_day_though_what_was_said_is_gone(tmp_path: Path) -> None:
    then = NOW - 13 * 3_600_000
    with Desk(tmp_path) as desk:
        desk.say(
            entry("secret plan", "c1", ts=then),
            entry("secret too", ts=then),
            entry("another plan", "c1", ts=then),
            entry("new"),
        )
        indexed(desk)
        assert sweep(desk, "12h") == 3
        assert left(desk) == ["new"]
        assert found(desk, "plan") == []
        sound(desk)
        left_over = desk.ask("SELECT seq, conv, name, ip, target, msg FROM log WHERE cid IS NOT NULL ORDER BY seq")
        texts = {1: "secret plan", 3: "another plan"}
        assert left_over == [(seq, "", "", "", digest(entry(text)), "") for seq, text in texts.items()]
    with Desk(tmp_path) as desk:
        again = desk.say(entry("secret plan", "c1"), entry("another plan", "c1"), entry("a third plan", "c1"))
        assert [(one.dup, one.seq, one.ts) for one in again] == [(True, 1, then), (True, 3, then), (False, 5, NOW)]
        assert sweep(desk, "12h") == 0
        assert sweep(desk, "12h", now=NOW + DAY // 2 + 1) == 2, "the new ones are old by then"
        left_over = desk.ask("SELECT seq, target FROM log WHERE seq < 4")
        assert left_over == [(1, digest(entry("secret plan")))], "the third plan is found by it, so it is left as it is"
        assert desk.say(entry("a third plan", "c1", ts=NOW + DAY // 2 + 1))[0].seq == 5
        assert sweep(desk, "12h", now=NOW + 2 * DAY) == 0
        assert desk.ask("SELECT seq FROM log") == []
        indexed(desk)
        sound(desk)


def test_what_was_not_indexed_can_go_and_the_rest_is_indexed_later(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(background, "PAUSE", 60)
    with Desk(tmp_path) as desk:
        desk.say(*(entry(f"old {n}", ts=NOW - 3 * DAY) for n in range(1000)), *(entry(f"new {n}") for n in range(500)))
        assert found(desk, "new") == []
        assert sweep(desk, "2d") == 1000
    with Desk(tmp_path) as desk:
        indexed(desk)
        assert found(desk, "new") == list(range(1001, 1501))
        assert found(desk, "old") == []
        sound(desk)


def test_words_are_indexed_now_and_then_when_there_is_no_pause(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(background, "PAUSE", 60)
    monkeypatch.setattr(background, "BATCHES", 3)
    with Desk(tmp_path) as desk:
        for n in range(background.INDEX_EVERY + 1):
            desk.say(entry(f"word{n}"))
        indexed_so_far = until(lambda: found(desk, "word0"), "the first word")
        assert indexed_so_far == [1]


def test_what_could_not_be_indexed_is_found_later_though_nobody_says_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, logged: list[str]
) -> None:
    monkeypatch.setattr(background, "RETRY_AFTER", 0.05)
    with Desk(tmp_path) as desk:
        desk.write(lambda connection: connection.execute("ALTER TABLE words RENAME TO gone"))
        desk.say(*(entry(f"word{n}") for n in range(300)))
        until(lambda: logged, "a failure")
        desk.write(lambda connection: connection.execute("ALTER TABLE gone RENAME TO words"))
        indexed(desk)
        assert found(desk, "word7") == [8]
        sound(desk)


def test_what_could_not_be_moved_is_moved_later_though_nobody_says_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, logged: list[str]
) -> None:
    monkeypatch.setattr(background, "PAUSE", 0.2)
    monkeypatch.setattr(background, "RETRY_AFTER", 0.05)
    with Desk(tmp_path) as desk:
        desk.say(*(entry(f"word{n}") for n in range(700)))
        desk.write(lambda connection: connection.execute("PRAGMA max_page_count = 1").fetchone())  # the disk is full
        until(lambda: logged, "a failure")
        desk.write(lambda connection: connection.execute("PRAGMA max_page_count = 1000000").fetchone())
        indexed(desk)
        assert desk.ask("SELECT count(*) FROM fresh") == [(0,)]
        assert found(desk, "word699") == [700]
        sound(desk)
    assert len(logged) == 1


def test_words_that_can_not_be_indexed_do_not_keep_messages_from_being_stored(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, logged: list[str]
) -> None:
    with Desk(tmp_path) as desk:
        monkeypatch.setattr(background, "PAUSE", 0)
        desk.write(lambda connection: connection.execute("ALTER TABLE words RENAME TO gone"))
        monkeypatch.setattr(background, "RETRY_AFTER", 0.05)
        for n in range(20):
            assert desk.say(entry(f"word{n}"))[0].state == "stored"
        desk.write(lambda connection: connection.execute("ALTER TABLE gone RENAME TO words"))
        desk.say(entry("at last"))
        indexed(desk)
        assert found(desk, "word7") == [8]
    (line,) = logged
    assert line.startswith("new messages can't be searched for now: no such table: ")


def test_what_changed_a_message_goes_with_it_and_counts_as_much(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(removal, "PAGE", 2)
    with Desk(tmp_path) as desk:
        rooms(desk)
        then = NOW - 2 * DAY
        desk.say(
            entry("old", ts=then), entry("young"), entry("older edit", kind="edit", about=1, ts=then),
            entry("young edit", kind="edit", about=1), entry("!", kind="react", about=1, author=2),
            entry("!", kind="react", about=2),
        )  # fmt: skip
        indexed(desk)
        keeper = Keeper(desk, "1d")
        assert keeper.sweep() == 4
        assert left(desk) == ["young", "!"]
        sound(desk)
        ((survey,),) = (keeper.retention._surveys.values(),)
        assert survey.size == 2 * ENVELOPE + len("young!"), "what is left is known without looking again"


def test_what_was_withdrawn_takes_no_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(removal, "PAGE", 2)
    with Desk(tmp_path) as desk:
        desk.say(*(entry(f"{n}" + "x" * 99_999) for n in range(10)))
        keeper = Keeper(desk, Rule(None, None, 1_050_000))
        assert keeper.sweep() == 0
        desk.say(entry("", kind="withdraw", about=5), entry("y" * 100_000))
        assert keeper.sweep() == 0
        assert len(left(desk)) == 11
