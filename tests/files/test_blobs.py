"""Blobs: whole files in their places, and nothing of those that were cut off; in real threads, on a real disk."""

from __future__ import annotations

import hashlib
import os
import stat
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings, strategies as st

from lanchat.files import blob_writer, blobs as blobs_module
from lanchat.files.blobs import Blobs
from tests.turns import Turns


class Kept:
    """Files in a directory, and the turns of the reactor that they need."""

    def __init__(self, directory: Path) -> None:
        self.turns = Turns()
        self.blobs = Blobs(directory / "files", self.turns)
        self.blobs.open()

    def keep(self, *pieces: bytes) -> str:
        """Write a file in these pieces, which a message needs; its digest."""
        writer = self.blobs.begin()
        for piece in pieces:
            writer.write(piece)
        written = self.turns.run(writer.finish())
        assert written.size == sum(map(len, pieces))
        self.blobs.release(written.digest, needed=True)
        return written.digest

    def there(self) -> set[str]:
        """The paths of all files that are there, after what the threads still have to do."""
        for _ in range(2):  # (what they did may lead to more)
            self.turns.wait(self.blobs.workers.do(lambda: None))
        directory = self.blobs.directory
        return {str(path.relative_to(directory)) for path in directory.rglob("*") if path.is_file()}


@pytest.fixture
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Kept]:
    """An empty directory of files. There is one thread, so that what was begun first has ended first."""
    monkeypatch.setattr("lanchat.files.workers.THREADS", 1)
    found = Kept(tmp_path)
    yield found
    found.blobs.close()


def digest_of(data: bytes) -> str:
    """As `sha256sum` says."""
    return hashlib.sha256(data).hexdigest()


def place(digest: str) -> str:
    """Where a file is, below the directory of files."""
    return f"{digest[:2]}/{digest}"


@pytest.mark.parametrize("size", [0, 1, 8191, 8192, 262_144, 3_000_001])
def test_a_file_is_kept_under_its_digest(kept: Kept, size: int) -> None:
    data = os.urandom(size)
    assert kept.keep(*(data[at : at + 70_000] for at in range(0, size, 70_000))) == digest_of(data)
    assert kept.there() == {place(digest_of(data))}
    assert kept.blobs.path(digest_of(data)).read_bytes() == data


@settings(max_examples=30)
@given(sizes=st.lists(st.sampled_from([1, 2, 100, 8000, 8191, 8192, 9000, 300_000]), max_size=30))
def test_pieces_of_any_size_are_written_in_their_order(tmp_path_factory: pytest.TempPathFactory, sizes: list[int]) -> None:
    kept = Kept(tmp_path_factory.mktemp("kept"))
    pieces = [os.urandom(size) for size in sizes]
    digest = kept.keep(*pieces)
    assert kept.blobs.path(digest).read_bytes() == b"".join(pieces)
    kept.blobs.close()


def test_only_this_user_may_read_files(kept: Kept) -> None:
    kept.keep(b"secret")
    modes = {stat.S_IMODE(path.stat().st_mode) for path in kept.blobs.directory.rglob("*") if path.is_file()}
    assert modes == {0o600}
    directories = [kept.blobs.directory, *(path for path in kept.blobs.directory.iterdir() if path.is_dir())]
    assert {stat.S_IMODE(path.stat().st_mode) for path in directories} == {0o700}


def test_the_same_bytes_are_kept_once(kept: Kept) -> None:
    assert kept.keep(b"same") == kept.keep(b"sa", b"me")
    assert kept.there() == {place(digest_of(b"same"))}


@pytest.mark.parametrize("size", [0, 100, 262_144, 2_000_000])
def test_nothing_stays_of_a_file_that_is_given_up(kept: Kept, size: int) -> None:
    writer = kept.blobs.begin()
    writer.write(b"x" * size)
    writer.abandon()
    writer.abandon()
    assert kept.there() == set()


def test_what_was_coming_when_the_server_stopped_is_removed_at_its_start(kept: Kept) -> None:
    digest = kept.keep(b"whole")
    (kept.blobs.directory / blobs_module.COMING / "left").write_bytes(b"half of a fi")
    kept.blobs.open()
    assert kept.there() == {place(digest)}


def test_a_writer_is_full_until_what_waits_is_written(kept: Kept) -> None:
    changes: list[bool] = []
    writer = kept.blobs.begin(lambda: changes.append(writer.full))
    while not writer.full:
        writer.write(b"x" * 100_000)
    assert writer.size < 2 * blob_writer.MOST_WAITING
    while writer.full:
        kept.turns.turn()
    assert changes[-1] is False
    assert kept.turns.run(writer.finish()).size == writer.size


def test_a_full_disk_is_told_and_nothing_stays(kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    def still_full(file: int, data: memoryview) -> int:
        raise OSError(28, "No space left on device")

    progress: list[None] = []
    writer = kept.blobs.begin(lambda: progress.append(None))
    real_write = os.write
    monkeypatch.setattr("lanchat.files.blob_writer.os.writev", lambda file, pieces: real_write(file, pieces[0][:1000]))
    monkeypatch.setattr("lanchat.files.blob_writer.os.write", still_full)
    writer.write(b"x" * 2_000_000)
    assert writer.full
    kept.turns.turn()
    assert progress, "whoever waits is told"
    assert not writer.full
    with pytest.raises(OSError, match="No space"):
        writer.write(b"x")
    with pytest.raises(OSError, match="No space"):
        kept.turns.run(writer.finish())
    assert kept.there() == set()


def test_a_disk_that_takes_less_than_all_at_once_is_given_the_rest(kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    real_write = os.write
    monkeypatch.setattr("lanchat.files.blob_writer.os.writev", lambda file, pieces: real_write(file, pieces[0][:1000]))
    monkeypatch.setattr("lanchat.files.blob_writer.os.write", lambda file, data: real_write(file, data[:100_000]))
    data = os.urandom(600_000)
    assert kept.blobs.path(kept.keep(data[:300_000], data[300_000:])).read_bytes() == data


def test_a_file_that_cannot_be_synced_gets_no_place(kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: int) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr("lanchat.files.blob_writer.os.fsync", fail)
    writer = kept.blobs.begin()
    writer.write(b"x" * 1000)
    with pytest.raises(OSError, match="Input"):
        kept.turns.run(writer.finish())
    assert kept.there() == set()


# What is not needed.


def test_a_new_file_that_no_message_got_is_unlinked(kept: Kept) -> None:
    writer = kept.blobs.begin()
    writer.write(b"unwanted")
    written = kept.turns.run(writer.finish())
    assert kept.there() == {place(written.digest)}
    kept.blobs.release(written.digest, needed=False)
    assert kept.there() == set()


def test_a_file_stays_that_another_message_has_or_another_upload_holds(kept: Kept) -> None:
    needed = kept.keep(b"needed")
    writer = kept.blobs.begin()
    writer.write(b"needed")
    kept.blobs.release(kept.turns.run(writer.finish()).digest, needed=False)
    assert kept.there() == {place(needed)}
    first, second = kept.blobs.begin(), kept.blobs.begin()
    for one in (first, second):
        one.write(b"twice")
    twice = kept.turns.run(first.finish()).digest
    assert kept.turns.run(second.finish()).digest == twice
    kept.blobs.release(twice, needed=True)
    kept.blobs.release(twice, needed=False)
    assert kept.there() == {place(needed), place(twice)}


def test_a_file_is_unlinked_only_after_it_was_condemned_and_if_nobody_holds_it(kept: Kept) -> None:
    digest = kept.keep(b"old")
    assert kept.turns.wait(kept.blobs.unlink(digest)) is False
    kept.blobs.hold(digest)
    assert kept.blobs.condemn([digest]) == ()
    assert kept.turns.wait(kept.blobs.unlink(digest)) is False
    kept.blobs.release(digest, needed=True)
    assert kept.blobs.condemn([digest]) == (digest,)
    kept.blobs.spare([digest])
    assert kept.turns.wait(kept.blobs.unlink(digest)) is False
    assert kept.there() == {place(digest)}
    assert kept.blobs.condemn([digest]) == (digest,)
    assert kept.turns.wait(kept.blobs.unlink(digest)) is True
    assert kept.there() == set()


def test_an_upload_saves_a_file_that_was_condemned(kept: Kept) -> None:
    digest = kept.keep(b"again")
    kept.blobs.condemn([digest])
    assert kept.keep(b"again") == digest
    assert kept.turns.wait(kept.blobs.unlink(digest)) is False
    assert kept.there() == {place(digest)}


def test_an_upload_of_a_file_that_is_being_unlinked_comes_after_that(kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    digest = kept.keep(b"again")
    kept.blobs.close()
    monkeypatch.setattr("lanchat.files.workers.THREADS", 2)
    kept.blobs.open()
    renamed, unlink, rename = threading.Event(), Path.unlink, Path.rename

    def slow_unlink(path: Path, missing_ok: bool = False) -> None:
        renamed.wait(0.3)  # (it is not renamed before this has ended)
        unlink(path, missing_ok)

    def noted_rename(path: Path, place: Path) -> Path:
        found = rename(path, place)
        renamed.set()
        return found

    monkeypatch.setattr(Path, "unlink", slow_unlink)
    monkeypatch.setattr(Path, "rename", noted_rename)
    writer = kept.blobs.begin()
    writer.write(b"again")
    kept.blobs.condemn([digest])
    unlinked = kept.blobs.unlink(digest)
    assert kept.turns.run(writer.finish()).digest == digest
    assert kept.turns.wait(unlinked) is True
    kept.blobs.release(digest, needed=True)
    assert kept.there() == {place(digest)}
