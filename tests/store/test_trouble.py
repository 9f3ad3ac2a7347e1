"""Trouble with the disk, and processes that are killed: what was acknowledged is there, what is refused was not done."""

from __future__ import annotations

import os
import resource
import shutil
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from twisted.python.failure import Failure

from lanchat.protocol.errors import NotStored
from lanchat.service.store_service import StoreService
from lanchat.store import open_db, wal_check, writing
from lanchat.store.store import Store
from lanchat.system.exits import CannotStart
from lanchat.system.private_files import FileError
from lanchat.tables.recent import newest_seq
from tests.drivers.core import full_disk
from tests.live import PATIENCE
from tests.stores import Call, Desk, entry, raw, talk_and_be_killed

#: What is run in a mount namespace of its own, so that no mount is left behind.
_FULL = """
import sys
from pathlib import Path
from lanchat.protocol.errors import NotStored
from tests.stores import Desk, entry
ballast = Path("small/ballast")
with Desk(Path("small/data")) as desk:
    ballast.write_bytes(bytes(8_000_000))
    said = []
    while (back := desk.say(*(entry("x" * 1000, f"c{len(said)}.{n}") for n in range(50)))[-1]).state:
        said.append(back.seq)
    print(back.seq, len(said) > 3)
    try:
        desk.write(lambda connection: connection.execute("INSERT INTO meta VALUES ('big', zeroblob(1000000))"))
    except NotStored:
        print("not stored")
    print(len(desk.ask("SELECT seq FROM log")) == said[-1])
    ballast.unlink()
    again = desk.say(entry("again", "again"))[0]
    print(again.state, again.seq == said[-1] + 1)
with Desk(Path("small/data")) as desk:
    print(desk.store.last_seq == again.seq)
"""
_READ_ONLY = """
from pathlib import Path
from lanchat.system.private_files import FileError
from tests.stores import Desk
try:
    Desk(Path("small"))
except FileError as refused:
    print(refused)
"""


def on_a_small_disk(directory: Path, program: str, prepare: str = "") -> list[str]:
    """What a program prints that finds a disk of 12 MB, `small`, in its directory; skips where none can be mounted."""
    (directory / "small").mkdir()
    mount = f'mount -t tmpfs -o size=12m,mode=0700 none small && {prepare or "true"} || exit 77; exec "$@"'
    command = ["unshare", "-m", "sh", "-c", mount, "sh", sys.executable, "-c", program]
    environment = {"PYTHONPATH": str(Path(__file__).parents[2]), "PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}
    if shutil.which("unshare") is None:
        pytest.skip("there is no unshare here")
    done = subprocess.run(  # noqa: S603 (ours)
        command, cwd=directory, env=environment, capture_output=True, text=True, timeout=PATIENCE, check=False
    )
    if done.returncode in (1, 77) and "Traceback" not in done.stderr:
        pytest.skip("nothing can be mounted here")
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_what_was_acknowledged_before_a_kill_is_there_and_no_place_is_given_twice(tmp_path: Path) -> None:
    told: dict[int, str] = {}
    for run in range(6):
        for seq, msg in talk_and_be_killed(tmp_path, str(run), 30 + 17 * run):
            assert seq not in told
            assert seq > max(told, default=0) or not told
            told[seq] = msg
        with Desk(tmp_path) as desk:
            rows = desk.ask("SELECT seq, msg FROM log")
            there = dict(rows)
            assert len(there) == len(rows)
            assert told.items() <= there.items()
            assert desk.store.last_seq == max(there)
            told = there


def test_on_a_full_disk_nothing_is_acknowledged_and_it_goes_on_when_there_is_room(tmp_path: Path) -> None:
    assert on_a_small_disk(tmp_path, _FULL) == ["0 True", "not stored", "True", "stored True", "True"]


def test_a_directory_that_can_not_be_written_is_refused_in_one_line(tmp_path: Path) -> None:
    (line,) = on_a_small_disk(tmp_path, _READ_ONLY, "mount -o remount,ro small")
    assert line == "small can't be used: Read-only file system. Fix that, or name another directory with --data."


def pages(most: int) -> Callable[[Desk], object]:
    """The file may not have more pages: SQLite says what it says when the disk is full."""
    return lambda desk: desk.write(lambda connection: connection.execute(f"PRAGMA max_page_count = {most}").fetchall())


def bytes_of_files(most: int) -> Callable[[Desk], object]:
    """No file may be larger: what is written beyond is an error of the disk."""
    return lambda desk: resource.setrlimit(resource.RLIMIT_FSIZE, (most, resource.RLIM_INFINITY))


@pytest.mark.parametrize(
    ("trouble", "remedy"), [(pages(1), pages(10**6)), (bytes_of_files(50_000), bytes_of_files(resource.RLIM_INFINITY))]
)
def test_what_can_not_be_stored_is_told_and_logged_once(
    tmp_path: Path, logged: list[str], trouble: Callable[[Desk], object], remedy: Callable[[Desk], object]
) -> None:
    with Desk(tmp_path) as desk:
        desk.say(entry("before", "c0"))
        trouble(desk)
        try:
            for number in range(3):
                back = desk.say(*(entry("x" * 10_000, f"{number}.{n}") for n in range(30)))
                assert {(one.state, one.seq, one.dup) for one in back} == {("", 0, False)}
            with pytest.raises(NotStored):
                desk.write(lambda connection: connection.execute("INSERT INTO meta VALUES ('x', zeroblob(1000000))"))
            assert desk.store.last_seq == 1
            assert desk.ask("SELECT msg FROM log") == [("before",)]
        finally:
            remedy(desk)
        (after,) = desk.say(entry("after", "0.0"))
        assert (after.seq, after.state, after.dup) == (2, "stored", False)
    about = [line for line in logged if str(tmp_path) in line]
    assert [line.split(" ")[0] for line in about] == ["nothing", "storing"]


def test_all_of_a_batch_is_told_when_the_batch_is_lost(tmp_path: Path) -> None:
    with Desk(tmp_path) as desk:
        go = threading.Event()
        desk.store.maintain(Call(lambda connection: go.wait(PATIENCE)))
        order: list[object] = []
        desk.store.committed = lambda run: order.extend((one.msg, one.state) for one in run)
        desk.store.append(entry("before"))
        lost = desk.store.maintain(Call(lambda connection: connection.rollback()))
        lost.addErrback(lambda failure: order.append(failure.type))
        desk.store.append(entry("after"))
        go.set()
        desk.wait(lost)
        desk.write(lambda connection: None)
        assert order == [("before", ""), NotStored, ("after", "")]


def test_what_was_handed_in_behind_what_could_not_be_stored_is_not_stored_either(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writing, "BATCH", 1)  # each is a batch of its own, and there is room for each but one
    with Desk(tmp_path) as desk:
        lost = desk.store.maintain(Call(lambda connection: connection.rollback()))
        desk.store.append(entry("behind"))
        behind = desk.store.maintain(Call(lambda connection: connection.execute("INSERT INTO meta VALUES ('behind', 1)")))
        with pytest.raises(NotStored):
            desk.wait(lost)
        with pytest.raises(NotStored):  # not before all are told, or this would go past what comes again
            desk.store.append(entry("past"))
        with pytest.raises(NotStored):
            desk.wait(behind)
        assert [(one.msg, one.state) for one in desk.back] == [("behind", "")]
        assert [one.state for one in desk.say(entry("behind"), entry("past"))] == ["stored", "stored"]
        assert desk.ask("SELECT seq, msg FROM log") == [(1, "behind"), (2, "past")]
        assert desk.ask("SELECT * FROM meta WHERE name = 'behind'") == []


def test_who_asks_again_as_soon_as_it_is_refused_keeps_nothing_refused(tmp_path: Path) -> None:
    refused = 0

    def again(failure: Failure) -> Any:
        nonlocal refused
        refused += 1
        return desk.store.maintain(Call(newest_seq)).addErrback(again) if refused < 100 else None

    with Desk(tmp_path) as desk:
        lost = desk.store.maintain(Call(lambda connection: connection.rollback()))
        behind = desk.store.maintain(Call(newest_seq))
        desk.wait(lost.addErrback(again))
        assert refused < 3
        with pytest.raises(NotStored):
            desk.wait(behind)
        assert desk.say(entry())[0].state == "stored"


def test_what_is_handed_in_while_others_are_told_of_a_failure_comes_back_after_them(tmp_path: Path) -> None:
    order: list[str] = []

    def told(failure: Failure) -> None:
        failure.trap(NotStored)
        desk.store.maintain(Call(newest_seq)).addBoth(lambda _: order.append("meanwhile"))

    with Desk(tmp_path) as desk:
        lost = desk.store.maintain(Call(lambda connection: connection.rollback()))
        behind = desk.store.maintain(Call(newest_seq)).addErrback(lambda _: order.append("behind"))
        desk.wait(lost.addErrback(told))
        desk.wait(behind)
        desk.write(newest_seq)
        assert order == ["behind", "meanwhile"]


def test_another_program_that_writes_is_waited_for_and_readers_do_not_notice(tmp_path: Path) -> None:
    with Desk(tmp_path) as desk:
        other = sqlite3.connect(tmp_path / "lanchat.db", isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        desk.store.append(entry())
        assert desk.ask("SELECT count(*) FROM log") == [(0,)]
        assert not desk.back
        other.execute("ROLLBACK")
        other.close()
        desk.write(lambda connection: None)
        assert desk.back[0].state == "stored"


def test_a_commit_waits_for_the_disk(tmp_path: Path) -> None:
    with Desk(tmp_path) as desk:
        assert desk.write(lambda connection: connection.execute("PRAGMA journal_mode").fetchone()) == ("wal",)
        assert desk.write(lambda connection: connection.execute("PRAGMA synchronous").fetchone()) == (2,), "FULL"


def test_what_is_kept_is_ours_alone(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    directory = tmp_path / "some" / "data"
    old = os.umask(0)
    request.addfinalizer(lambda: os.umask(old))
    with Desk(directory) as desk:
        desk.say(entry())
        assert directory.stat().st_mode & 0o777 == 0o700
        files = {path.name: path.stat().st_mode & 0o777 for path in directory.iterdir()}
        assert files == dict.fromkeys(["lanchat.db", "lanchat.db-wal", "lanchat.db-shm", "lock"], 0o600)
    assert sorted(path.name for path in directory.iterdir()) == ["lanchat.db", "lock"]


def test_two_servers_do_not_share_a_directory(tmp_path: Path) -> None:
    with Desk(tmp_path):
        service = StoreService(Store(tmp_path, lambda call, *args: None))
        with pytest.raises(CannotStart, match="in use by another server") as caught:
            service.startService()
        assert isinstance(caught.value, SystemExit)
        service.stopService()
    with Desk(tmp_path) as desk:
        assert desk.say(entry())[0].state == "stored"


def test_a_service_has_the_store_open_while_it_runs(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    desk.close()
    desk.store = Store(tmp_path, lambda call, *args: desk.calls.put((call, args)))
    desk.store.committed = desk.back.extend
    service = StoreService(desk.store)
    service.startService()
    desk.store.append(entry())
    desk.wait(service.stopService())
    assert desk.back[0].state == "stored"
    assert raw(tmp_path, "SELECT value FROM meta WHERE name = 'clean'") == [(1,)]


def test_a_start_that_fails_lets_go_of_the_directory(tmp_path: Path) -> None:
    (tmp_path / "lanchat.db").write_text("something else")
    for _ in range(2):
        with pytest.raises(FileError, match="not a lanchat database"):
            Desk(tmp_path)
    (tmp_path / "lanchat.db").unlink()
    Desk(tmp_path).close()


def test_what_a_classic_client_was_sent_before_a_crash_counts_as_read(tmp_path: Path) -> None:
    talk_and_be_killed(tmp_path, "a", 40)
    with Desk(tmp_path) as desk:
        newest = desk.store.last_seq
        rows = "(1, '', 1, 1, 0), (1, 'laptop', 2, 1, 0), (2, '', 3, 0, 0)"
        desk.write(
            lambda connection: connection.execute("INSERT INTO accounts VALUES (1,'a','a',1,'',0,''), (2,'b','b',1,'',0,'')")
        )
        desk.write(lambda connection: connection.execute(f"INSERT INTO devices VALUES {rows}"))  # noqa: S608 (ours)
    with Desk(tmp_path) as desk:
        asked = desk.ask("SELECT account, name, cursor, online FROM devices ORDER BY account, name")
        assert asked == [(1, "", newest, 0), (1, "laptop", 2, 1), (2, "", 3, 0)]


def test_a_full_disk_does_not_keep_a_server_from_starting_again_and_is_told_at_the_first_start(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with full_disk(), pytest.raises(open_db.NotTaken, match="lock can't be written: File too large"):
        open_db.Lock(data)
    open_db.Lock(data).release()
    with full_disk():
        lock = open_db.Lock(data)
    assert lock.same_boot == bool(wal_check.boot_id())
    lock.release()
