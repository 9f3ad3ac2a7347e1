"""Cleaning: what no message needs is unlinked, and nothing that one needs, or that is held."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from twisted.internet.defer import Deferred

from lanchat.files import cleaning
from lanchat.maintenance import kept_files
from lanchat.maintenance.retention import Retention, parse
from lanchat.system.private_files import FileError
from lanchat.tables.files import ForgetStrays
from tests.shelf import Shelf, digest_of
from tests.stores import NOW

DAY = 86_400_000


@pytest.fixture
def shelf(tmp_path: Path) -> Iterator[Shelf]:
    """A log with files, that is closed afterwards."""
    with Shelf(tmp_path) as found:
        yield found


def digests(*contents: bytes) -> set[str]:
    return set(map(digest_of, contents))


def test_the_file_of_a_withdrawn_message_is_unlinked_with_its_small_picture(shelf: Shelf) -> None:
    said = shelf.send(b"a picture", b"small")
    shelf.send(b"another")
    shelf.withdraw(said)
    assert shelf.there() == digests(b"a picture", b"small", b"another")
    assert shelf.clean() == 2
    assert shelf.there() == digests(b"another")
    assert shelf.counted == 1
    assert shelf.desk.ask("SELECT * FROM unlinked") == []


def test_a_file_that_was_sent_twice_stays_until_both_messages_are_gone(shelf: Shelf) -> None:
    first, second = shelf.send(b"the same"), shelf.send(b"the same", author=2)
    shelf.withdraw(first)
    assert shelf.clean() == 0
    assert shelf.there() == digests(b"the same")
    shelf.withdraw(second)
    assert shelf.clean() == 1
    assert shelf.there() == set()


def test_a_file_that_is_the_small_picture_of_another_stays(shelf: Shelf) -> None:
    shelf.send(b"large", b"both")
    shelf.withdraw(shelf.send(b"both"))
    shelf.clean(orphans=True)
    assert shelf.there() == digests(b"large", b"both")


def test_what_comes_again_while_it_would_be_unlinked_stays(shelf: Shelf) -> None:
    shelf.withdraw(shelf.send(b"again"))
    shelf.write(b"again")  # (all of it has come, and its message is not stored yet)
    assert shelf.clean(orphans=True) == 0
    assert shelf.there() == digests(b"again")
    shelf.blobs.release(digest_of(b"again"), needed=False)
    assert shelf.clean(orphans=True) == 1


def test_what_retention_removes_has_its_files_unlinked(shelf: Shelf) -> None:
    shelf.send(b"old", b"small", ts=NOW - 40 * DAY)
    shelf.send(b"new")
    retention = Retention(shelf.desk.store, shelf.clock, [parse("30d")], lambda: NOW / 1000)
    assert shelf.wait(Deferred.fromCoroutine(retention.sweep())) == 1
    assert shelf.clean() == 2
    assert shelf.there() == digests(b"new")


def test_after_the_start_what_a_killed_server_left_is_unlinked_and_nothing_else(tmp_path: Path) -> None:
    with Shelf(tmp_path) as shelf:
        shelf.send(b"needed", b"small")
        shelf.withdraw(shelf.send(b"withdrawn"))
        shelf.write(b"its message was not stored")
    (tmp_path / "files" / "note").write_text("not ours")
    with Shelf(tmp_path) as shelf:
        shelf.cleaning.startService()
        while shelf.there() != {*digests(b"needed", b"small"), "note"}:
            shelf.clock.advance(1)


def test_many_are_unlinked_in_steps(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cleaning, "STEP", 2)
    said = [shelf.send(b"%d" % number) for number in range(9)]
    for one in said[:7]:
        shelf.withdraw(one)
    shelf.write(b"left")
    shelf.blobs._held.clear()
    assert shelf.clean(orphans=True) == 8
    assert shelf.there() == digests(b"7", b"8")


def test_a_backup_that_reads_the_files_keeps_them(shelf: Shelf) -> None:
    shelf.withdraw(shelf.send(b"withdrawn"))
    with kept_files.reading(shelf.directory):
        with pytest.raises(FileError, match="are being read by a backup"):
            shelf.clean()
        assert shelf.there() == digests(b"withdrawn")
    assert shelf.clean() == 1


def test_a_service_waits_for_the_end_of_a_backup(shelf: Shelf) -> None:
    said = shelf.send(b"withdrawn")  # (there is a directory of files only when one has come)
    shelf.cleaning.startService()
    with kept_files.reading(shelf.directory):
        shelf.withdraw(said)
        shelf.cleaning.soon()
        for _ in range(5):
            assert shelf.there() == digests(b"withdrawn")
    while shelf.there():
        shelf.clock.advance(cleaning.AGAIN)


@pytest.mark.skipif(not os.geteuid(), reason="root may unlink anything")
def test_what_could_not_be_unlinked_is_told_and_tried_again(shelf: Shelf) -> None:
    shelf.withdraw(shelf.send(b"withdrawn"))
    place = shelf.blobs.path(digest_of(b"withdrawn")).parent
    place.chmod(0o500)
    try:
        with pytest.raises(FileError, match="could not be unlinked"):
            shelf.clean()
    finally:
        place.chmod(0o700)
    assert shelf.clean() == 1


def test_a_fault_of_the_disk_is_tried_again(shelf: Shelf, monkeypatch: pytest.MonkeyPatch, logged: list[str]) -> None:
    shelf.withdraw(shelf.send(b"withdrawn"))
    with monkeypatch.context() as broken:
        broken.setattr(Path, "unlink", lambda path, missing_ok=False: path.joinpath("x").stat())
        with pytest.raises(FileError, match="could not be unlinked"):
            shelf.clean()
        shelf.cleaning.startService()
        while not any("is tried again" in line for line in logged):
            shelf.there()
    while shelf.there():
        shelf.clock.advance(cleaning.AGAIN)


def test_a_file_whose_message_is_not_there_is_forgotten(shelf: Shelf) -> None:
    lost, kept = shelf.send(b"lost"), shelf.send(b"kept")
    shelf.desk.write(lambda connection: connection.execute("DELETE FROM fresh WHERE seq = ?", (lost.seq,)).rowcount)
    shelf.desk.write(lambda connection: connection.execute("DELETE FROM kept WHERE seq = ?", (lost.seq,)).rowcount)
    assert shelf.wait(Deferred.fromCoroutine(shelf.cleaning.mend([lost.seq, kept.seq]))) == (1, 1)
    assert shelf.there() == digests(b"kept")
    assert shelf.desk.write(ForgetStrays((lost.seq, kept.seq))) == 0
