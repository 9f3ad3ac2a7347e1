"""Backups: all that was said up to a moment, in one file, which can be put back."""

from __future__ import annotations

from pathlib import Path
from threading import Thread

import pytest

from lanchat.maintenance import backup
from lanchat.system.private_files import FileError
from tests.stores import Desk, entry, raw, talk_and_be_killed


def fill(desk: Desk, count: int = 300) -> None:
    desk.write(lambda connection: connection.execute("INSERT INTO accounts VALUES (1, 'alice', 'alice', 1, 'x', 0, '')"))
    desk.write(lambda connection: connection.execute("INSERT INTO devices VALUES (1, '', 250, 1, 0), (1, 'laptop', 9, 1, 0)"))
    desk.write(lambda connection: connection.execute("INSERT INTO members VALUES (1, 'r1', 5, 7, 1), (1, 'r2', 99, 99, 0)"))
    desk.write(lambda connection: connection.execute("INSERT INTO mentions VALUES (1, 'r1', 9), (1, 'r1', 99)"))
    desk.say(*(entry(f"number {number}", f"c{number}") for number in range(count)))


def test_a_backup_made_while_the_server_writes_is_what_was_said_up_to_a_moment(tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    with Desk(tmp_path / "data") as desk:
        fill(desk)
        copying = Thread(target=backup.copy_out, args=(desk.store.directory, copy))
        copying.start()
        while copying.is_alive():
            desk.say(*(entry(f"meanwhile {number}") for number in range(20)))
        copying.join()
        assert copy.stat().st_mode & 0o777 == 0o600
        with pytest.raises(FileError, match="exists already"):
            backup.copy_out(desk.store.directory, copy)
    assert [path.name for path in tmp_path.iterdir() if path.name.endswith(".part")] == []
    other = tmp_path / "restored"
    backup.restore(other, copy, "now")
    seqs = [seq for (seq,) in raw(other, "SELECT seq FROM log ORDER BY seq")]
    assert len(seqs) >= 300
    assert seqs == list(range(1, len(seqs) + 1))


def test_a_restored_backup_begins_an_epoch_and_keeps_what_was_there(tmp_path: Path) -> None:
    data, copy = tmp_path / "data", tmp_path / "copy"
    with Desk(data) as desk:
        fill(desk, 10)
        before = desk.store.epoch
        backup.copy_out(desk.store.directory, copy)
        desk.say(entry("said after the backup"))
    old = backup.restore(data, copy, "2026-11-20").old
    assert old.name == "lanchat.db.2026-11-20"
    assert old.exists()
    with Desk(data) as desk:
        assert desk.store.epoch != before
        assert desk.store.last_seq == 10
        assert desk.ask("SELECT name, cursor, online FROM devices ORDER BY name") == [("", 10, 0), ("laptop", 9, 0)]
        assert desk.ask("SELECT conv, since, read, muted FROM members") == [("r1", 5, 7, 1), ("r2", 10, 10, 0)]
        assert desk.ask("SELECT seq FROM mentions") == [(9,)]
        assert desk.say(entry("number 3", "c3"))[0].dup
        assert desk.say(entry())[0].seq == 11


def test_nothing_is_restored_under_a_running_server(tmp_path: Path) -> None:
    with Desk(tmp_path) as desk:
        backup.copy_out(desk.store.directory, tmp_path / "copy")
        with pytest.raises(FileError, match="in use by another server"):
            backup.restore(tmp_path, tmp_path / "copy", "now")


@pytest.mark.parametrize("damage", ["absent", "text", "cut", "a row"])
def test_what_is_no_sound_backup_is_refused_and_what_is_there_stays(tmp_path: Path, damage: str) -> None:
    data, copy = tmp_path / "data", tmp_path / "copy"
    with Desk(data) as desk:
        fill(desk)
        backup.copy_out(desk.store.directory, copy)
    content = copy.read_bytes()
    if damage == "absent":
        copy.unlink()
    else:
        changed = {"text": b"hello\n" * 100, "cut": content[:-4096], "a row": content.replace(b"number 7", b"numbed 7")}
        copy.write_bytes(changed[damage])
    with pytest.raises(FileError, match=r"copy (is|can't)"):
        backup.restore(data, copy, "now")
    with Desk(data) as desk:
        assert desk.store.last_seq == 300


def test_a_file_that_was_copied_under_a_running_server_is_no_backup(tmp_path: Path) -> None:
    with Desk(tmp_path / "data") as desk:
        fill(desk)
        (tmp_path / "copy").write_bytes((tmp_path / "data" / "lanchat.db").read_bytes())
    with pytest.raises(FileError, match="is incomplete"):
        backup.restore(tmp_path / "other", tmp_path / "copy", "now")


def test_a_directory_where_nothing_is_kept_has_no_backup(tmp_path: Path) -> None:
    with pytest.raises(FileError, match="Name the server's data directory"):
        backup.copy_out(tmp_path / "nowhere", tmp_path / "copy")
    assert not any(tmp_path.iterdir())


def test_a_backup_can_be_made_of_what_a_crash_left(tmp_path: Path) -> None:
    crashed = tmp_path / "crashed"
    talk_and_be_killed(crashed, "a", 50)
    backup.copy_out(crashed, tmp_path / "copy")
    backup.restore(tmp_path / "other", tmp_path / "copy", "now")
    with Desk(crashed) as desk, Desk(tmp_path / "other") as other:
        assert desk.store.last_seq == other.store.last_seq > 0
