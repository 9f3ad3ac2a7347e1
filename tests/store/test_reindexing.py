"""The index of words is made anew by a new version of the schema, while messages are stored and searched for."""

from __future__ import annotations

import json
import random
import shutil
import subprocess
import sys
from functools import partial
from pathlib import Path
from sqlite3 import Connection
from types import SimpleNamespace

import pytest

from lanchat.history.pages import Page
from lanchat.history.search import parse_query, search
from lanchat.maintenance import backup
from lanchat.maintenance.retention import Rule
from lanchat.maintenance.salvage import salvage
from lanchat.model.names import parse
from lanchat.model.session import Role
from lanchat.store import background, erasure, open_db, schema, word_index
from lanchat.tables import accounts
from tests.live import LOOPBACK, PATIENCE, SCRIPTS, Peer, Server, until
from tests.maintenance.test_retention import Keeper, misindexed
from tests.stores import Desk, entry, raw

#: How many messages there are; every third has a word in Hindi, and one in four was said by account 2.
COUNT = 800


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory as version 1 of the schema left it, with an index of words."""
    directory = tmp_path_factory.mktemp("first") / "data"
    directory.mkdir(0o700)
    path = open_db.make(directory / "lanchat.db", schema.STEPS[:1])
    said = [
        entry(f"pump {n} {'दिन' if n % 3 == 0 else 'day'}", f"c{n}", seq=n, ts=n * 60_000, author=1 + (n % 4 == 0))
        for n in range(1, COUNT + 1)
    ]
    with open_db.closing(path) as connection, schema.transaction(connection):
        for one in said:
            connection.execute(f"INSERT INTO kept VALUES ({','.join('?' * 11)})", one.row()[:11])  # noqa: S608 (marks)
        connection.execute("INSERT INTO words(rowid, msg, name, conv) SELECT seq, msg, name, conv FROM kept")
        schema.set_meta(connection, "indexed", COUNT)
        for name in ("ann", "bob"):
            accounts.add(connection, name=parse(name), password="", role=Role.USER, now=0, most=9)
        connection.execute("INSERT INTO rooms(id, name, key, created) VALUES (1, '#ops', '#ops', 0)")
    return directory


@pytest.fixture
def data(first: Path, tmp_path: Path) -> Path:
    """A copy of it."""
    return Path(shutil.copytree(first, tmp_path / "data"))


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is indexed unless a test does it."""
    monkeypatch.setattr(background, "Reindexing", lambda connection: SimpleNamespace(left=0))


def find(desk: Desk, typed: str) -> Page:
    return desk.read(partial(search, query=parse_query(typed, 0), readable=["r1"], limit=200), slow=True)


def finish(desk: Desk) -> None:
    """Wait until the index is whole, and see that it is right."""
    newest = desk.store.last_seq
    until(lambda: desk.write(word_index.indexed_range) == {"unindexed": 0, "indexed": newest}, "the index")
    assert desk.write(misindexed) == []
    assert desk.ask("SELECT v FROM words_config WHERE k = 'automerge'") == [(word_index.PARTS,)]
    assert desk.ask("SELECT count(*) FROM words_docsize") == desk.ask("SELECT count(*) FROM kept")


def step(desk: Desk) -> int:
    """Do one step of it, in the writer's thread; the place up to which nothing is indexed."""
    return desk.write(_step)


def _step(connection: Connection) -> int:
    connection.execute("COMMIT")
    left = word_index.index_previous(connection)
    connection.execute("BEGIN")
    connection.execute("SAVEPOINT job")
    return left


@pytest.mark.usefixtures("slow")
def test_the_newest_are_found_first_and_a_search_tells_that_there_may_be_older_ones(data: Path) -> None:
    with Desk(data) as desk:
        assert not find(desk, "pump").entries
        assert find(desk, "pump").unindexed
        left = COUNT
        while left:
            before, left = left, step(desk)
            assert left < before <= left + word_index.ROWS
            page = find(desk, "दिन")
            assert [one.seq for one in page.entries] == [n for n in range(1, COUNT + 1) if n % 3 == 0 and n > left][-200:]
            assert page.unindexed == (left > 0 and not page.more)
            assert not find(desk, "दान").entries
        assert not find(desk, "nowhere").unindexed
        assert desk.write(misindexed) == []


@pytest.mark.usefixtures("slow")
def test_a_search_that_looks_only_where_all_is_indexed_is_whole(data: Path) -> None:
    with Desk(data) as desk:
        step(desk)
        assert find(desk, "nowhere since:1970-01-01T00:00Z").unindexed
        assert not find(desk, "nowhere since:1970-01-01T12:00Z").unindexed


def test_it_goes_on_by_itself_beside_what_is_said_and_the_log_tells_how_far_it_is(data: Path, logged: list[str]) -> None:
    with Desk(data) as desk:
        for number in range(20):
            (said,) = desk.say(entry(f"while it is made {number}"))
            assert said.seq == COUNT + 1 + number
        finish(desk)
        assert len(find(desk, "made").entries) == 20
    told = [line.removeprefix("the index of words is made anew") for line in logged if "made anew" in line]
    assert told[0].startswith(", the newest messages first")
    assert told[-1] == " as a whole: searches find all that is kept"
    assert len(told) > 4
    with Desk(data):
        pass
    assert len([line for line in logged if "made anew" in line]) == len(told)


#: Opens a store, and says how far its index is until it is killed; a message is stored meanwhile.
_SERVE = """
import sys, time
from pathlib import Path
from lanchat.store import word_index
from tests.stores import Desk, entry
fill_back, word_index.ROWS = word_index.index_previous, 20
def fill(connection):
    left = fill_back(connection)
    print(left, flush=True)
    return left
word_index.index_previous = fill
desk = Desk(Path(sys.argv[1]))
desk.say(entry("meanwhile"))
time.sleep(60)
"""


def test_killed_again_and_again_it_loses_and_doubles_nothing(data: Path) -> None:
    dice, left, kills = random.Random(7), COUNT, 0  # noqa: S311 (no secret)
    while left:
        command = [sys.executable, "-c", _SERVE, str(data)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603 (ours)
            assert process.stdout is not None
            for _ in range(min(dice.randint(12, 24), -(-left // word_index.ROWS))):
                left = int(process.stdout.readline())
            process.kill()
            left = int([str(left), *process.stdout.read().split()][-1])
            kills += 1
    assert kills > 1
    with Desk(data) as desk:
        finish(desk)
        assert len(find(desk, "pump before:201").entries) == 200


@pytest.mark.usefixtures("slow")
@pytest.mark.parametrize("steps", [0, 2, 6])
def test_what_is_removed_meanwhile_is_right_afterwards(data: Path, steps: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(word_index, "ROWS", 100)
    with Desk(data) as desk:
        for _ in range(steps):
            step(desk)
        keeper = Keeper(desk, Rule(None, None, 120_000), now=COUNT * 60_000)
        assert keeper.sweep() > 100
        begun = desk.write(erasure.BeginErasure(parse("bob")))
        while begun.after < begun.upto:
            begun = desk.write(erasure.EraseMessages(begun))
        assert begun.messages > 50
        assert desk.write(misindexed) == []
        while step(desk):
            assert desk.write(misindexed) == []
        assert desk.write(misindexed) == []
        found = desk.ask("SELECT seq FROM kept WHERE msg LIKE 'pump%' ORDER BY seq DESC LIMIT 200")
        assert [(one.seq,) for one in find(desk, "pump").entries] == found[::-1]


@pytest.mark.usefixtures("slow")
def test_a_copy_that_is_made_meanwhile_goes_on_where_it_was(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Desk(data) as desk:
        left = step(desk)
        backup.copy_out(data, tmp_path / "copy")
    with open_db.closing(tmp_path / "copy") as connection:
        assert word_index.indexed_range(connection)["unindexed"] == left > 0
    backup.restore(data, tmp_path / "copy", "then")
    monkeypatch.undo()
    with Desk(data) as desk:
        finish(desk)


def test_a_salvaged_one_is_indexed_in_the_same_way(data: Path, logged: list[str]) -> None:
    salvage(data, "then")
    with Desk(data) as desk:
        finish(desk)
        assert len(find(desk, "pump").entries) == 200
    assert any("made anew, the newest messages first" in line for line in logged)


def test_a_real_server_says_what_it_does_and_serves_meanwhile(data: Path, tmp_path: Path) -> None:
    raw(data, "UPDATE accounts SET password = 'none'")
    with Server(tmp_path, "--port", LOOPBACK, "--telnet", LOOPBACK) as server, Peer(server.port()) as eve:
        server.logged("the index of words is made anew")
        eve.send(b"eve\n")
        assert eve.wait_for("Welcome")
        admin = [str(SCRIPTS / "lanchat-admin"), "--data", str(data), "--json"]
        done = subprocess.run([*admin, "check"], capture_output=True, text=True, timeout=PATIENCE, check=True)  # noqa: S603 (ours)
        assert json.loads(done.stdout)["messages"] == COUNT
        server.logged("as a whole")
    done = subprocess.run([*admin, "check"], capture_output=True, text=True, timeout=PATIENCE, check=True)  # noqa: S603 (ours)
    assert json.loads(done.stdout)["shared"] == []
    assert (data / "lanchat.db.v1").exists()
    assert raw(data, "PRAGMA user_version") == [(len(schema.STEPS),)]
