#!/usr/bin/env bash
# SQLite 3.54.1 (apsw 3.54.1.0): an authorizer that allows all reads and writes, and no PRAGMA, forbids full-text search.
#
# Expected: an authorizer (sqlite3_set_authorizer) is asked about what the statements of the application do. One that refuses every
#   PRAGMA, to keep queries from changing settings, leaves a query of an FTS5 table alone.
# Behaves: FTS5 runs "PRAGMA data_version" by itself to notice what other connections write, and the authorizer is asked about that
#   as well. The query fails with "not authorized". Whoever guards a connection must allow that one PRAGMA.
# Seen: a table: 1 row, an FTS5 table: AuthError, with data_version allowed: 1 row
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" -q --disable-pip-version-check install apsw==3.54.1.0
"$work/venv/bin/python" - "$work/chat.db" <<'PY'
import sys

import apsw

setup = apsw.Connection(sys.argv[1])
setup.execute("CREATE TABLE log(msg); INSERT INTO log VALUES ('hello')")
setup.execute("CREATE VIRTUAL TABLE words USING fts5(msg); INSERT INTO words VALUES ('hello')")


def search(query: str, allowed: set[str]) -> str:
    """What a guarded connection finds; `allowed` are the PRAGMAs that it may use."""
    db = apsw.Connection(sys.argv[1])

    def authorize(action: int, first: str | None, *rest: str | None) -> int:
        forbidden = action == apsw.SQLITE_PRAGMA and first not in allowed
        return apsw.SQLITE_DENY if forbidden else apsw.SQLITE_OK

    db.authorizer = authorize
    try:
        return f"{len(list(db.execute(query)))} row"
    except apsw.Error as error:
        return type(error).__name__


words = "SELECT * FROM words WHERE words MATCH 'hello'"
found = [search("SELECT * FROM log", set()), search(words, set()), search(words, {"data_version"})]
print(f"a table: {found[0]}, an FTS5 table: {found[1]}, with data_version allowed: {found[2]}")
assert found[0] == found[2] == "1 row"
assert found[1] != "1 row"
PY
