#!/usr/bin/env bash
# SQLite 3.54.1 (apsw 3.54.1.0): an FTS5 index of a table that always has the same number of rows grows to several times its size.
#
# Expected: 2,000 rows, the oldest 500 of which are replaced again and again, have an index of about the same size throughout.
#   FTS5 merges what it writes by itself (automerge).
# Behaves: deleting a row of an external-content table adds a marker to the index, and automerge takes long to meet it. Between
#   two large merges the index grows to more than five times what it needs. With a 'merge' command after each replacement (which
#   may be done in small steps) it stays where it was. Whoever bounds a log by the size of the file must merge as rows go.
# Seen: without merging: at most 9.5 times, with merging: at most 1.0 times
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" -q --disable-pip-version-check install apsw==3.54.1.0
"$work/venv/bin/python" - <<'PY'
import random

import apsw

TABLES = """
    CREATE TABLE kept(seq INTEGER PRIMARY KEY, msg TEXT);
    CREATE VIRTUAL TABLE words USING fts5(msg, content='kept', content_rowid='seq');
"""


def growth(merge: bool) -> float:
    """How large the index was at most, compared with what it needs at the end."""
    db, dice = apsw.Connection(":memory:"), random.Random(1)
    db.execute(TABLES)
    vocabulary, largest = [f"w{n}" for n in range(5000)], 0

    def size() -> int:
        return next(db.execute("SELECT sum(length(block)) FROM words_data"))[0]

    for last in range(500, 30_001, 500):
        for seq in range(last - 499, last + 1):
            text = " ".join(dice.choices(vocabulary, k=20))
            db.execute("INSERT INTO kept VALUES (?, ?)", (seq, text))
            db.execute("INSERT INTO words(rowid, msg) VALUES (?, ?)", (seq, text))
        for row in list(db.execute("SELECT seq, msg FROM kept WHERE seq <= ?", (last - 2000,))):
            db.execute("INSERT INTO words(words, rowid, msg) VALUES ('delete', ?, ?)", row)
        db.execute("DELETE FROM kept WHERE seq <= ?", (last - 2000,))
        if merge:
            db.execute("INSERT INTO words(words, rank) VALUES ('merge', -64)")
            for _ in range(20):
                db.execute("INSERT INTO words(words, rank) VALUES ('merge', 64)")
        if last > 2000:
            largest = max(largest, size())
    db.execute("INSERT INTO words(words) VALUES ('optimize')")
    return largest / size()


assert apsw.sqlite_lib_version() == "3.54.1"
alone, merged = growth(False), growth(True)
print(f"without merging: at most {alone:.1f} times, with merging: at most {merged:.1f} times")
assert alone > 5
assert merged < 1.2
PY
