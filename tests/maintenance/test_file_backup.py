"""Files in backups and after restores, and the check that tells what is wrong with them."""

from __future__ import annotations

import os
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from lanchat.maintenance import backup, file_backup, file_check, salvage
from lanchat.maintenance.file_check import FilesFound
from lanchat.maintenance.kept_files import place
from lanchat.store import open_db
from lanchat.system.private_files import FileError
from tests.shelf import Shelf, digest_of
from tests.stores import Desk, raw

A, B, SMALL = b"a long report", b"another", b"small"


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A data directory with two files, of which one has a thumbnail; no server runs."""
    with Shelf(tmp_path / "data") as shelf:
        shelf.send(A, SMALL)
        shelf.send(B)
    return tmp_path / "data"


def contents(directory: Path) -> set[bytes]:
    """What is in all files below a directory."""
    return {path.read_bytes() for path in directory.rglob("*") if path.is_file()}


def check(data: Path) -> FilesFound:
    """What the checker finds."""
    with open_db.closing(data / "lanchat.db", "ro") as connection:
        return file_check.check(connection, data / "files", lambda done: None)


@pytest.fixture(params=["links", "copies"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """The backup is on the same file system, or on another one."""
    if request.param == "copies":

        def link(*names: Any, **options: Any) -> None:
            raise OSError(18, "Invalid cross-device link")

        monkeypatch.setattr(os, "link", link)
    return str(request.param)


def test_a_backup_has_the_files_and_a_restore_brings_them_back(data: Path, tmp_path: Path, way: str) -> None:
    copied = backup.copy_out(data, tmp_path / "copy")
    assert copied == (3, len(A + B + SMALL), frozenset())
    assert contents(tmp_path / "copy.files") == {A, B, SMALL}
    assert place(tmp_path / "copy.files", digest_of(A)).stat().st_nlink == (2 if way == "links" else 1)
    assert {path.stat().st_mode & 0o077 for path in (tmp_path / "copy.files").rglob("*")} == {0}
    other = tmp_path / "other"
    assert backup.restore(other, tmp_path / "copy", "now").files.number == 3
    assert contents(other / "files") == {A, B, SMALL}
    assert place(other / "files", digest_of(A)).stat().st_nlink == 1 or way == "links"
    assert check(other)[2:] == ([], [], 0, 0)
    assert not list((other / "files" / "tmp").iterdir())


def test_a_backup_on_another_disk_takes_no_space_for_what_an_earlier_one_has(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (place_of_backups := tmp_path / "disk").mkdir()
    backup.copy_out(data, place_of_backups / "first")
    with Shelf(data) as shelf:
        shelf.send(b"since then")
    for path in (place_of_backups / "first.files").rglob("*"):
        if path.is_file():  # (as if that were another file system)
            content = path.read_bytes()
            path.unlink()
            path.write_bytes(content.upper() if content == B else content)
            path.chmod(0o600)
    link = os.link

    def link_there(source: Path, target: Path, **options: Any) -> None:
        if data in source.parents:
            raise OSError(18, "Invalid cross-device link")
        link(source, target, **options)

    monkeypatch.setattr(os, "link", link_there)
    assert backup.copy_out(data, place_of_backups / "second").number == 4
    files = {
        path.read_bytes(): path.stat().st_nlink for path in (place_of_backups / "second.files").rglob("*") if path.is_file()
    }
    assert files == {A: 2, SMALL: 2, B: 1, b"since then": 1}, "what was damaged there is copied anew"


def test_a_backup_without_files_is_one_file(tmp_path: Path) -> None:
    with Desk(tmp_path / "data") as desk:
        backup.copy_out(desk.store.directory, tmp_path / "copy")
    assert not (tmp_path / "copy.files").exists()
    backup.restore(tmp_path / "other", tmp_path / "copy", "now")
    assert not (tmp_path / "other" / "files").exists()


@pytest.mark.parametrize("way", ["links"], indirect=True)
@pytest.mark.parametrize("wrong", ["missing", "changed", "no directory"])
def test_a_backup_that_lacks_a_file_is_refused_and_all_stays(data: Path, tmp_path: Path, way: str, wrong: str) -> None:
    backup.copy_out(data, tmp_path / "copy")
    lacking = place(tmp_path / "copy.files", digest_of(A))
    lacking.unlink()
    if wrong == "changed":
        lacking.write_bytes(A.upper())
    elif wrong == "no directory":
        (tmp_path / "copy.files").rename(tmp_path / "elsewhere")
    other = tmp_path / "other"
    with Shelf(other) as shelf:
        shelf.send(b"of the old one")
    with pytest.raises(FileError, match=r"missing or damaged in \S+copy.files, such as .*--incomplete"):
        backup.restore(other, tmp_path / "copy", "now")
    assert raw(other, "SELECT name FROM files") == [("of the old one",)]
    assert [path.name for path in other.iterdir() if path.name.startswith("lanchat.db")] == ["lanchat.db"]
    lost = backup.restore(other, tmp_path / "copy", "later", incomplete=True).files.lost
    assert digest_of(A) in lost
    assert len(lost) == (3 if wrong == "no directory" else 1)
    assert A not in contents(other / "files")
    assert any("a long report is missing" in told for told in check(other).lost)


def test_what_is_replaced_is_kept_with_its_files_and_can_be_restored(data: Path, tmp_path: Path) -> None:
    backup.copy_out(data, tmp_path / "copy")
    with Shelf(data) as shelf:
        shelf.send(b"sent later")
    old = backup.restore(data, tmp_path / "copy", "first").old
    with Shelf(data) as shelf:
        assert shelf.clean(orphans=True) == 1
    assert b"sent later" not in contents(data / "files")
    backup.restore(data, old, "second")
    assert b"sent later" in contents(data / "files")
    assert check(data)[2:4] == ([], [])


def test_what_the_backup_needs_is_not_unlinked_while_it_is_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    copy_out = file_backup.copy_out
    with Shelf(tmp_path / "data") as shelf:
        said = [shelf.send(b"%d" % number) for number in range(20)]

        def copy_late(*given: Any) -> file_backup.Copied:
            for one in said:  # (the copy of the database is made, and has them)
                shelf.withdraw(one)
            with pytest.raises(FileError, match="read by a backup"):
                shelf.clean()
            return copy_out(*given)

        monkeypatch.setattr(file_backup, "copy_out", copy_late)
        assert backup.copy_out(tmp_path / "data", tmp_path / "copy").lost == frozenset()
        assert len(contents(tmp_path / "copy.files")) == 20
        assert shelf.clean() == 20


def test_a_backup_beside_uploads_and_withdrawals_is_whole(tmp_path: Path) -> None:
    with Shelf(tmp_path / "data") as shelf:
        for number in range(50):
            shelf.send(b"%d" % number)
        copying = Thread(target=backup.copy_out, args=(tmp_path / "data", tmp_path / "copy"))
        copying.start()
        number = 50
        while copying.is_alive():
            shelf.withdraw(shelf.send(b"%d" % number))
            shelf.cleaning.startService() if not shelf.cleaning.running else shelf.cleaning.soon()
            shelf.clock.advance(1)
            number += 1
        copying.join()
    assert backup.restore(tmp_path / "other", tmp_path / "copy", "now").files.lost == frozenset()
    assert check(tmp_path / "other")[2:] == ([], [], 0, 0)


def test_nothing_is_written_over(data: Path, tmp_path: Path) -> None:
    (tmp_path / "copy.files").mkdir()
    with pytest.raises(FileError, match=r"copy\.files exists already"):
        backup.copy_out(data, tmp_path / "copy")
    assert not (tmp_path / "copy").exists()


def test_a_backup_that_fails_leaves_nothing(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(part: Path, path: Path) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as broken:
        broken.setattr(backup, "rename_without_replacing", full)
        with pytest.raises(FileError, match="No space left"):
            backup.copy_out(data, tmp_path / "copy")
    assert [path.name for path in tmp_path.iterdir()] == ["data"]


def test_what_the_disk_lost_is_told_and_the_rest_is_in_the_backup(data: Path, tmp_path: Path) -> None:
    place(data / "files", digest_of(A)).unlink()
    copied = backup.copy_out(data, tmp_path / "copy")
    assert copied.lost == {digest_of(A)}
    assert contents(tmp_path / "copy.files") == {B, SMALL}


def plant(data: Path, fault: str) -> None:
    """Do to the files what a disk or a fault might do."""
    path = place(data / "files", digest_of(A))
    if fault == "missing":
        path.unlink()
    elif fault == "a byte":
        path.write_bytes(A.replace(b"long", b"lung"))
    elif fault == "cut":
        os.truncate(path, 3)
    elif fault == "thumbnail":
        place(data / "files", digest_of(SMALL)).unlink()
    elif fault == "orphan":
        orphan = place(data / "files", digest_of(b"x"))
        orphan.parent.mkdir(exist_ok=True)
        orphan.write_bytes(b"x")
    else:
        raw(data, "DELETE FROM kept WHERE seq = 1")
        raw(data, "DELETE FROM fresh WHERE seq = 1")


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        ("missing", "message 1: its file a long report is missing"),
        ("a byte", "message 1: its file a long report is damaged"),
        ("cut", "message 1: its file a long report is damaged"),
        ("thumbnail", "message 1: the thumbnail of its file a long report is missing"),
        ("row", "files (1): there is no message 1"),
        ("orphan", "1"),
    ],
)
def test_each_fault_is_found(data: Path, monkeypatch: pytest.MonkeyPatch, fault: str, told: str) -> None:
    monkeypatch.setattr(file_check, "SETTLED", -1)
    assert check(data) == (3, len(A + B + SMALL), [], [], 0, 0)
    plant(data, fault)
    found = check(data)
    assert [*found.lost, *found.strays, *([str(found.orphans)] if found.orphans else [])] == [told]


def test_a_file_whose_message_may_be_about_to_be_stored_is_no_orphan(data: Path) -> None:
    plant(data, "orphan")
    assert check(data).orphans == 0


def test_a_salvage_keeps_what_is_known_of_files(data: Path) -> None:
    with Shelf(data) as shelf:
        shelf.withdraw(shelf.send(b"withdrawn"))
    plant(data, "row")
    before = raw(data, "SELECT * FROM files WHERE seq != 1")
    listed = raw(data, "SELECT * FROM unlinked")
    assert listed == [(digest_of(b"withdrawn"),)]
    saved = salvage.salvage(data, "now")
    assert raw(data, "SELECT * FROM files") == before
    assert (digest_of(A),) in raw(data, "SELECT * FROM unlinked")
    assert listed[0] in raw(data, "SELECT * FROM unlinked")
    assert A in contents(file_backup.beside(saved.old))
    with Shelf(data) as shelf:
        assert shelf.clean() == 3
        assert shelf.there() == {digest_of(B)}


def test_the_numbers_of_webhooks_are_not_given_again_after_a_salvage(tmp_path: Path) -> None:
    with Desk(tmp_path) as desk:
        for number in (3, 9):
            values = f"({number}, 'b{number}', 'b{number}', 1, x'{number:02}', '', 'a', 0, 0, 1, 0)"
            desk.write(
                lambda c: c.execute("INSERT OR IGNORE INTO rooms(id, name, key, created) VALUES (1, '#a', '#a', 0)").rowcount
            )
            desk.write(lambda c, values=values: c.execute(f"INSERT INTO hooks VALUES {values}").rowcount)  # type: ignore[misc]  # noqa: S608
        desk.write(lambda c: c.execute("INSERT INTO undelivered VALUES (3, 1, 0, 'x')").rowcount)
        desk.write(lambda c: c.execute("DELETE FROM hooks WHERE id = 9").rowcount)
    assert salvage.salvage(tmp_path, "now").refused == 0
    assert raw(tmp_path, "SELECT hook FROM undelivered") == [(3,)]
    assert raw(tmp_path, "SELECT seq FROM sqlite_sequence WHERE name = 'hooks'") == [(9,)]
