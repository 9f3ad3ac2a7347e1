"""The files of the log: small, whole lines, and no disk or directory that is not as it should be stops anybody."""

from __future__ import annotations

import os
import resource
import select
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Thread
from types import SimpleNamespace

import pytest

from lanchat.logs.files import READER_WAIT_MS, PartialWrite, RotatingFile, StreamOutput
from lanchat.system.private_files import FileError
from tests.live import PATIENCE

LINE = b"x" * 9 + b"\n"


@contextmanager
def files_end_at(size: int) -> Iterator[None]:
    """In here no file of this process grows beyond this, as on a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def sizes(directory: Path) -> dict[str, int]:
    return {path.name: path.stat().st_size for path in sorted(directory.iterdir())}


def test_a_full_file_becomes_an_old_one_and_the_oldest_is_dropped(tmp_path: Path) -> None:
    file = RotatingFile(tmp_path / "log", max_bytes=100, old_files=3)
    for n in range(1000):
        file.write(b"%09d\n" % n)
    assert sizes(tmp_path) == {"log": 100, "log.1": 100, "log.2": 100, "log.3": 100}
    kept = b"".join((tmp_path / name).read_bytes() for name in ("log.3", "log.2", "log.1", "log"))
    assert kept.splitlines() == [b"%09d" % n for n in range(960, 1000)]


def test_a_log_takes_60_mb_at_the_most(tmp_path: Path) -> None:
    file = tmp_path / "log"
    for _ in range(7):
        with file.open("ab") as full:
            full.truncate(10_000_000)
        RotatingFile(file).write(LINE)
    assert sizes(tmp_path) == {"log": len(LINE)} | {f"log.{n}": 10_000_000 for n in range(1, 6)}


def test_a_line_that_is_larger_than_a_file_is_written_whole(tmp_path: Path) -> None:
    file = RotatingFile(tmp_path / "log", max_bytes=5)
    file.write(LINE)
    file.write(LINE)
    assert sizes(tmp_path) == {"log": 10, "log.1": 10}


def test_a_file_that_is_there_is_continued_and_counts(tmp_path: Path) -> None:
    (tmp_path / "log").write_bytes(LINE * 9)
    file = RotatingFile(tmp_path / "log", max_bytes=100)
    file.write(LINE)
    file.write(LINE)
    assert sizes(tmp_path) == {"log": 10, "log.1": 100}


def test_a_new_file_is_nobody_elses_business(tmp_path: Path) -> None:
    RotatingFile(tmp_path / "log").write(LINE)
    assert (tmp_path / "log").stat().st_mode & 0o777 == 0o600


def test_a_file_that_somebody_moved_away_is_begun_anew(tmp_path: Path) -> None:
    file = RotatingFile(tmp_path / "log")
    file.write(LINE)
    (tmp_path / "log").rename(tmp_path / "log-yesterday")
    file.write(LINE)
    file.rotate()
    file.write(LINE)
    assert sizes(tmp_path) == {"log": 10, "log-yesterday": 20}


def test_a_file_that_somebody_emptied_is_continued_at_its_beginning(tmp_path: Path) -> None:
    file = RotatingFile(tmp_path / "log", max_bytes=100)
    for _ in range(10):
        file.write(LINE)
    os.truncate(tmp_path / "log", 0)
    file.write(LINE)
    assert sizes(tmp_path) == {"log": 10}


def test_where_there_can_not_be_another_file_it_begins_anew_rather_than_fill_the_disk(tmp_path: Path) -> None:
    file = RotatingFile(tmp_path / "log", max_bytes=100, old_files=1)
    (tmp_path / "log.1").mkdir()  # what nobody, not even root, can replace with a file
    for n in range(15):
        file.write(b"%09d\n" % n)
    assert (tmp_path / "log").read_bytes().splitlines() == [b"%09d" % n for n in range(10, 15)]


def test_a_line_for_which_there_is_no_room_leaves_no_piece_of_itself(tmp_path: Path) -> None:
    file = RotatingFile(tmp_path / "log")
    file.write(LINE)
    with files_end_at(25), pytest.raises(OSError, match="File too large"):
        file.write(LINE * 2)
    file.write(LINE)
    assert (tmp_path / "log").read_bytes() == LINE * 2


def test_the_same_holds_for_a_file_that_somebody_else_opened(tmp_path: Path) -> None:
    with (tmp_path / "log").open("wb", 0) as opened:  # not for appending, as after `>` in a shell
        out = StreamOutput(opened.fileno())
        out.write(LINE)
        with files_end_at(15), pytest.raises(OSError, match="File too large"):
            out.write(LINE)
        out.write(LINE)
    assert (tmp_path / "log").read_bytes() == LINE * 2


def test_a_pipe_that_nobody_reads_is_an_error_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "log")
    with pytest.raises(OSError, match="No such device"):
        RotatingFile(tmp_path / "log")
    reading, writing = os.pipe()
    os.close(reading)
    with pytest.raises(BrokenPipeError):
        StreamOutput(writing).write(LINE)
    os.close(writing)


def test_what_is_no_file_is_not_rotated() -> None:
    file = RotatingFile(Path("/dev/null"), max_bytes=5)
    file.write(LINE)
    file.write(LINE)
    assert Path("/dev/null").is_char_device()


def test_a_reader_who_stopped_keeps_nobody_waiting_twice() -> None:
    reading, writing = os.pipe()
    os.set_blocking(reading, False)
    pipe, lines = StreamOutput(writing), 0
    poll, waits = pipe._poll.poll, list[int]()

    def waiting(milliseconds: int) -> list[tuple[int, int]]:
        if not (ready := poll(milliseconds)):
            waits.append(milliseconds)
        return ready

    pipe._poll = SimpleNamespace(poll=waiting)  # type: ignore[assignment]  # one that remembers
    for _ in range(10_000):
        try:
            pipe.write(LINE)
            lines += 1
        except BlockingIOError:  # noqa: PERF203 (ten thousand are not many)
            continue
    assert waits == [READER_WAIT_MS] + [0] * (10_000 - lines - 1), "the first waits, the others do not"
    assert len(os.read(reading, 10**6)) == lines * len(LINE)
    pipe.write(LINE)
    assert os.read(reading, 10**6) == LINE
    os.close(reading)
    os.close(writing)


def test_a_reader_who_stopped_in_a_long_line_keeps_nobody_waiting_either() -> None:
    reading, writing = os.pipe()
    os.set_blocking(reading, False)
    pipe, long = StreamOutput(writing), b"x" * (2 * select.PIPE_BUF) + b"\n"
    written = Thread(target=fill, args=(pipe, long), daemon=True)
    written.start()
    written.join(PATIENCE)
    assert not written.is_alive()
    os.read(reading, 10**6)
    pipe.write(LINE)
    assert os.read(reading, 10**6) == b"\n" + LINE, "it does not go on in the middle of a line"
    pipe.write(LINE)
    assert os.read(reading, 10**6) == LINE
    os.close(reading)
    os.close(writing)


def test_a_terminal_that_hangs_keeps_nobody_waiting_either() -> None:
    screen, terminal = os.openpty()
    stream = StreamOutput(terminal)
    written = Thread(target=fill, args=(stream, b"x" * 200 + b"\n"), daemon=True)
    written.start()
    written.join(PATIENCE)
    assert not written.is_alive()
    assert os.get_blocking(terminal), "what others have is as it was"
    assert os.read(screen, 202) == b"x" * 200 + b"\r\n"
    os.close(terminal)
    os.close(screen)


def fill(pipe: StreamOutput, line: bytes) -> None:
    """Write lines until there is no room."""
    with suppress(BlockingIOError, PartialWrite):
        while True:
            pipe.write(line)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_what_somebody_puts_in_the_place_of_a_file_that_was_rotated_is_not_written(tmp_path: Path) -> None:
    stranger, log = 12345, tmp_path / "log"
    file = RotatingFile(log, owners=(stranger,))
    file.write(LINE)
    file.rotate()
    os.chown(log, stranger, -1)
    RotatingFile(log, owners=(stranger,)).close()  # as it is after `twistd --uid`
    with pytest.raises(FileError, match="belongs to another user"):
        RotatingFile(log)
    shift = RotatingFile._shift

    def shift_and_lose(self: RotatingFile) -> None:
        shift(self)
        log.touch()
        os.chown(log, stranger + 1, -1)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(RotatingFile, "_shift", shift_and_lose)
        file.rotate()
    file.write(LINE)
    assert sizes(tmp_path) == {"log": 0, "log.1": 10, "log.2": 10}


def test_what_the_process_was_started_with_is_written_whosever_it_is(tmp_path: Path) -> None:
    (tmp_path / "log").touch()
    (tmp_path / "log").chmod(0o666)
    code = f"from lanchat.logs import files; files.RotatingFile(files.Path('/dev/stdout')).write({LINE!r})"
    with (tmp_path / "log").open("ab") as out:
        subprocess.run([sys.executable, "-c", code], stdout=out, timeout=PATIENCE, check=True)  # noqa: S603 (ours)
    assert (tmp_path / "log").read_bytes() == LINE
