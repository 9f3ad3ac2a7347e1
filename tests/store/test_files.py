"""The files of the database: nobody closes what SQLite has open, and whoever puts another in their place may be killed."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import threading
from functools import partial
from pathlib import Path

import pytest

from lanchat.maintenance import backup
from lanchat.store import replace_db
from lanchat.system.private_files import FileError
from tests.live import LOOPBACK, PATIENCE, SCRIPTS, Peer, Server, until
from tests.stores import Desk, entry, raw, talk_and_be_killed

#: What is done in a process of its own, with every file that Python itself opens beside SQLite.
_WATCHED = """
import sys
from pathlib import Path
from threading import Thread
from lanchat.maintenance import backup
from tests.stores import Desk, entry

opened, watching = [], []

def look(event, values):
    if watching and event == "open" and Path(str(values[0])).name.startswith("lanchat.db"):
        opened.append(f"{values[0]}")
    if event == "sqlite3.connect" and "/lanchat.db?" in str(values[0]):
        watching.append(1)

sys.addaudithook(look)
data = Path(sys.argv[1])
with Desk(data) as desk:
    desk.say(entry("hello"))
    backing = Thread(target=backup.copy_out, args=(data, data.parent / "copy"))
    backing.start()
    backing.join()
    desk.say(entry("and again"))
print("watched", len(watching), opened)
"""


@pytest.mark.parametrize("before", ["nothing", "a clean end", "a crash"])
def test_nobody_else_opens_what_sqlite_has_open(tmp_path: Path, before: str) -> None:
    data = tmp_path / "data"
    if before == "a clean end":
        with Desk(data) as desk:
            desk.say(entry("before"))
    elif before == "a crash":
        talk_and_be_killed(data, "a", 50)
    command = [sys.executable, "-c", _WATCHED, str(data)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=True)  # noqa: S603 (ours)
    word, count, opened = done.stdout.split(maxsplit=2)
    assert (word, opened.strip()) == ("watched", "[]")
    assert int(count) > 3, "the writer, the readers, and the backup"


def test_a_server_that_was_killed_and_started_again_outlives_those_who_read_its_files(tmp_path: Path) -> None:
    options = ("--port", LOOPBACK, "--limit", "packets=off")
    with Server(tmp_path, *options) as server:
        talker = Talker(server, "/register")
        talker.stop()
        server.stop(9)
    with Server(tmp_path, *options) as server:
        talker = Talker(server, "/login")
        inode = (tmp_path / "data" / "lanchat.db-shm").stat().st_ino
        held = [line.split() for line in Path("/proc/locks").read_text().splitlines()]
        mine = [line for line in held if line[4] == str(server.process.pid) and line[5].endswith(f":{inode}")]
        assert mine, "the lock by which others see that the -shm is in use"
        for number in range(8):
            said = talker.said
            for command in (["export"], ["backup", str(tmp_path / f"copy{number}")], ["check"]):
                reading = [str(SCRIPTS / "lanchat-admin"), "--data", str(tmp_path / "data"), *command]
                done = subprocess.run(reading, capture_output=True, timeout=PATIENCE, check=False)  # noqa: S603 (ours)
                assert (done.returncode, server.process.poll()) == (0, None)
            until(partial(talker.has_said_more_than, said), "more to be stored")
        talker.stop()
    backup.restore(tmp_path / "other", tmp_path / "copy7", "now")
    kept = [msg for (msg,) in raw(tmp_path / "data", "SELECT msg FROM log ORDER BY seq")]
    assert len(kept) >= talker.said


class Talker:
    """Somebody who goes on talking in #ops, until they are stopped."""

    def __init__(self, server: Server, how: str) -> None:
        self._peer = Peer(server.port())
        self._peer.send(b"ann\n")
        self._peer.wait_for("ann")
        self._peer.say(how, "a password")
        self._peer.wait_for("ann")
        self._peer.say("/create", "#ops")
        self._peer.wait_for("#ops")
        self.said = 0
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._talk)
        self._thread.start()
        until(lambda: self.said > 20, "some messages")

    def _talk(self) -> None:
        while not self._ending.is_set():
            self._peer.say("#ops", f"number {self.said} " + "x" * 200)
            self._peer.say("/time")
            self._peer.packet()
            self.said += 1

    def has_said_more_than(self, count: int) -> bool:
        """Whether they went on."""
        return self.said > count

    def stop(self) -> None:
        """No more."""
        self._ending.set()
        self._thread.join()
        self._peer.close()


#: Puts another database in the place of the one in a directory, and is killed before the n-th thing that it does to files.
_KILLED = """
import json, os, shutil, sys
from pathlib import Path
from lanchat.maintenance import backup, salvage

data, copy, what = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]
EVENTS = ("open", "os.rename", "os.remove", "os.link", "os.truncate", "sqlite3.connect")

def work(place, most):
    left = [most]
    def count(event, values):
        if event in EVENTS and str(place) in str(values[0]):
            left[0] -= 1
            if left[0] < 0:
                os._exit(9)
    sys.addaudithook(count)
    if what == "restore":
        backup.restore(place, copy, "then")
    else:
        salvage.salvage(place, "then")
    os._exit(0)

def give(place, user):
    for path in (place, *place.iterdir()):
        os.chown(path, user, -1)

owners = set()
for most in range(200):
    place = data.with_name(f"{data.name}{most}")
    shutil.copytree(data, place)
    if not os.geteuid():
        give(place, 12345)
    child = os.fork()
    if not child:
        work(place, most)
    ended = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    owners |= {path.stat().st_uid for path in place.iterdir() if not path.name.startswith("lanchat.db.new")}
    give(place, os.geteuid())
    if not ended:
        break
print(most, len(owners))
"""


@pytest.fixture(scope="module")
def crashed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store whose server was killed: its last words are in the `-wal` only."""
    directory = tmp_path_factory.mktemp("crashed") / "data"
    talk_and_be_killed(directory, "a", 60)
    return directory


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A backup of another store."""
    place = tmp_path_factory.mktemp("copy")
    with Desk(place / "data") as desk:
        desk.say(*(entry(f"of another {number}") for number in range(5)))
    backup.copy_out(place / "data", place / "copy")
    return place / "copy"


@pytest.mark.parametrize("what", ["restore", "salvage"])
def test_killed_anywhere_it_leaves_the_old_one_or_the_new_one(tmp_path: Path, crashed: Path, copy: Path, what: str) -> None:
    data = tmp_path / "data"
    shutil.copytree(crashed, data)
    with Desk(shutil.copytree(data, tmp_path / "old")) as desk:
        old, old_epoch = desk.ask("SELECT seq, msg FROM log ORDER BY seq"), desk.store.epoch
    command = [sys.executable, "-c", _KILLED, str(data), str(copy), what]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)  # noqa: S603 (ours)
    seen = set()
    most, owners = map(int, done.stdout.split())
    assert owners == 1, "what root's command leaves is the directory's owner's to open"
    for number in range(most + 1):
        place = tmp_path / f"data{number}"
        with Desk(place) as desk:
            found, epoch = desk.ask("SELECT seq, msg FROM log ORDER BY seq"), desk.store.epoch
        is_old = epoch == old_epoch
        assert found == (old if is_old or what == "salvage" else [(n + 1, f"of another {n}") for n in range(5)]), number
        assert not replace_db.is_begun(place / "lanchat.db")
        assert not list(place.glob("lanchat.db.new*"))
        seen.add("old" if is_old else "new")
        if not is_old:
            assert (place / "lanchat.db.then").exists()
            assert (place / "lanchat.db.then-wal").stat().st_size, "what was said last is kept beside it"
    assert seen == {"old", "new"}


def test_what_was_begun_is_finished_by_any_command(tmp_path: Path, copy: Path) -> None:
    data = tmp_path / "data"
    data.mkdir(0o700)
    shutil.copy(copy, data / "lanchat.db.then.next")
    command = [str(SCRIPTS / "lanchat-admin"), "--data", str(data), "--json", "check"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=True)  # noqa: S603 (ours)
    assert json.loads(done.stdout)["messages"] == 5
    assert sorted(os.listdir(data)) == ["lanchat.db", "lock"]  # noqa: PTH208 (names)


@pytest.mark.parametrize("left", ["lanchat.db.20261120-140322", "lanchat.db.v1", "lanchat.db-wal"])
def test_no_empty_database_is_made_where_another_was(tmp_path: Path, left: str) -> None:
    (tmp_path / left).write_bytes(b"what was kept")
    with pytest.raises(FileError, match=f"is missing, but {left} exists") as caught:
        Desk(tmp_path)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "lanchat.db").exists()


def test_what_an_unfinished_one_left_is_no_part_of_the_next(tmp_path: Path) -> None:
    for end in ("", "-wal", "-journal", "-shm"):
        (tmp_path / f"lanchat.db.new{end}").write_bytes(b"left " * 1000)
    with Desk(tmp_path) as desk:
        desk.say(entry("hello"))
    assert sorted(os.listdir(tmp_path)) == ["lanchat.db", "lock"]  # noqa: PTH208 (names)
