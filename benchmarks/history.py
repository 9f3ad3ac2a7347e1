"""`python -m benchmarks.history`: how long a page of the log and a search in it take, in a log of a million messages."""

from __future__ import annotations

import argparse
import sqlite3
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import msgspec

from benchmarks import command, tables
from benchmarks.results import machine
from benchmarks.talk import Reader, Talk
from lanchat.protocol.entry import COLUMNS
from lanchat.store import schema, word_index
from lanchat.store.open_db import lenient
from lanchat.tables import recent

PROGRAM = "python -m benchmarks.history"
#: Rows in a transaction while the log is made.
BATCH = 5000
#: How often each question is asked.
TIMES = 200
#: Rows a second that are written meanwhile, in so many transactions.
RATE, COMMITS = 1000, 100
_SIZE = "SELECT page_count * page_size FROM pragma_page_count, pragma_page_size"
_WORDS = "SELECT sum(length(block)) FROM words_data"
#: So many commits are moved to where they stay at a time, and their words indexed.
TOGETHER = 20
_INSERT = f"INSERT INTO fresh VALUES ({', '.join('?' * len(COLUMNS))})"  # noqa: S608 (no text from outside)


class Figures(msgspec.Struct, frozen=True):
    """How long it took, in milliseconds."""

    p50: float
    p95: float
    most: float


class Asked(msgspec.Struct):
    """A question, and how long its answers took: in a quiet log, and while it was written to."""

    title: str
    quiet: Figures
    busy: Figures


class Results(msgspec.Struct):
    """All that was measured."""

    machine: dict[str, str]
    rows: int
    #: MiB of the log with its indices, and of the index of words in it.
    size: float
    words: float
    #: Seconds in which the index of words was made as the server makes it: as messages came, and anew from the newest back.
    indexed: float
    anew: float
    #: Rows a second that were written while `busy` was measured.
    rate: float
    asked: list[Asked]


class Writer:
    """A thread that goes on writing, as the server's does: it commits, and behind that it moves rows and indexes words."""

    def __init__(self, path: Path, talk: Talk, rows: int) -> None:
        self._path = path
        self._talk = talk
        self._writes, self._stopped = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._write, daemon=True)
        self._seq = self._from = rows
        self._began = time.monotonic()

    @contextmanager
    def writing(self) -> Iterator[Writer]:
        """It writes from the beginning of the block to its end."""
        self._thread.start()
        try:
            self._writes.wait(60)  # (a busy machine may let the thread wait)
            yield self
        finally:
            self._stopped.set()
            self._thread.join()

    def rate(self) -> float:
        """Rows a second, until now."""
        return (self._seq - self._from) / (time.monotonic() - self._began)

    def _write(self) -> None:
        moved = self._seq
        with closing(_connect(self._path)) as connection:
            while not self._stopped.wait(max(0.0, self._due() - time.monotonic())):
                with schema.transaction(connection):
                    _append(connection, self._talk, self._seq + 1, self._seq + RATE // COMMITS)
                self._seq += RATE // COMMITS
                self._writes.set()
                if self._seq - moved >= TOGETHER * RATE // COMMITS:
                    _move(connection, moved, self._seq)
                    moved = self._seq

    def _due(self) -> float:
        return self._began + (self._seq - self._from) / RATE


def build(path: Path, talk: Talk, rows: int, tell: Callable[[str], None]) -> None:
    """Make a log of so many rows."""
    with closing(_connect(path)) as connection:
        schema.upgrade(connection, path)
        connection.execute("PRAGMA synchronous = OFF")
        with schema.transaction(connection):
            talk.enter(connection)
        for first in range(1, rows + 1, BATCH):
            last = min(first + BATCH - 1, rows)
            with schema.transaction(connection):
                _append(connection, talk, first, last)
            _move(connection, first - 1, last)
            tell(f"{first - 1:,} messages are in the log")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def _append(connection: sqlite3.Connection, talk: Talk, first: int, last: int) -> None:
    connection.executemany(_INSERT, (talk.entry(seq).row() for seq in range(first, last + 1)))


def _move(connection: sqlite3.Connection, after: int, upto: int) -> None:
    with schema.transaction(connection):
        recent.move_all(connection, upto)
        word_index.add(connection, "seq > :after AND seq <= :upto", {"after": after, "upto": upto})


def _connect(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA wal_autocheckpoint = 8000")
    connection.text_factory = lenient
    return connection


def run(rows: int, directory: Path) -> Results:
    """Build a log in this directory, and ask it everything."""
    before, path, talk = machine(), directory / "lanchat.db", Talk()
    reader = Reader(talk, rows)
    tell = command.progress(-(-rows // BATCH) + 2 * len(reader.questions()))
    build(path, talk, rows, tell)
    with closing(_connect(path)) as log:
        indexed, anew = index(log, rows)
        quiet = ask(log, reader, tell)
        size, words = _mebibytes(log, _SIZE), _mebibytes(log, _WORDS)
        with Writer(path, talk, rows).writing() as writer:
            busy = ask(log, reader, tell)
            rate = writer.rate()
    return Results(before, rows, size, words, indexed, anew, rate, [Asked(title, quiet[title], busy[title]) for title in quiet])


def index(log: sqlite3.Connection, rows: int) -> tuple[float, float]:
    """Make the index of words twice, in steps as the server does: going on, and going back; how many seconds each took."""
    began = time.monotonic()
    _begin_index(log, 0)
    while word_index.index_next(log) < rows:
        pass
    turned = time.monotonic()
    _begin_index(log, rows)
    while word_index.index_previous(log):
        pass
    return turned - began, time.monotonic() - turned


def _begin_index(log: sqlite3.Connection, place: int) -> None:
    log.execute("INSERT INTO words(words) VALUES ('delete-all')")
    word_index.restart(log, place)


def ask(log: sqlite3.Connection, reader: Reader, tell: Callable[[str], None]) -> dict[str, Figures]:
    """Ask every question, and see how long the answers take."""
    found = {}
    for title, question in reader.questions().items():
        tell(title)
        taken = sorted(_timed(log, question) for _ in range(TIMES))
        found[title] = Figures(statistics.median(taken), taken[int(TIMES * 0.95)], taken[-1])
    return found


def _timed(log: sqlite3.Connection, question: Callable[[sqlite3.Connection], object]) -> float:
    """Milliseconds that one answer takes, in a transaction of its own."""
    began = time.perf_counter()
    log.execute("BEGIN")
    question(log)
    log.execute("COMMIT")
    return (time.perf_counter() - began) * 1000


def _mebibytes(log: sqlite3.Connection, query: str) -> float:
    return float(log.execute(query).fetchone()[0]) / 2**20


def shown(results: Results) -> str:
    """A row for each question."""
    head = ["ms", *("p50", "p95", "max"), *(f"{figure}, written to" for figure in ("p50", "p95", "max"))]
    rows = [
        [asked.title, *(f"{figure:.1f}" for side in (asked.quiet, asked.busy) for figure in msgspec.structs.astuple(side))]
        for asked in results.asked
    ]
    about = (
        f"{results.rows:,} messages: {results.size:.0f} MiB, {results.words:.0f} of them the index of words. "
        f"It was made in {results.indexed:.0f} s, and anew in {results.anew:.0f} s. "
        f"Written to: {results.rate:,.0f} rows a second. Each question {TIMES} times."
    )
    return f"{tables.table(head, rows)}\n\n{about}"


def options(arguments: list[str]) -> argparse.Namespace:
    """What was asked for."""
    parser = argparse.ArgumentParser(prog=PROGRAM, description="Measure pages of the log and searches in it.")
    parser.add_argument(
        "--rows", type=command.whole("messages"), default=1_000_000, help="messages in the log (default: 1,000,000)"
    )
    parser.add_argument("--json", metavar="FILE", type=Path, help="keep all figures in this file")
    return parser.parse_args(arguments)


def main(arguments: list[str]) -> int:
    """The command; its exit code."""
    asked = options(arguments)
    try:
        with tempfile.TemporaryDirectory(prefix="lanchat-history-") as directory:
            results = run(asked.rows, Path(directory))
        sys.stdout.write(f"{shown(results)}\n")
        if asked.json:
            asked.json.write_bytes(msgspec.json.format(msgspec.json.encode(results)) + b"\n")
    except (OSError, sqlite3.Error) as error:
        command.complain(str(error))
        return 2
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
