#!/usr/bin/env bash
# SQLite 3.54.1 (apsw 3.54.1.0): FTS5's tokenizer unicode61 takes characters that its Unicode lacks for letters.
#
# Expected: tokens are made of the characters of the categories that are asked for (sqlite.org/fts5.html, 4.3.1: by default "L*",
#   "N*" and "Co"), all others divide words. An emoji is of category "So", so it does.
# Behaves: a character that is in no category of SQLite's own table (which is older than the emoji of 2022) is always a part of
#   the word, whatever the option "categories" says. A text with a new emoji behind a word is not found by that word; one with an
#   old emoji is.
# Seen: usual: ['pump', 'pump\U0001fae8', 'tap\U0001fae8'], with letters only: ['pump', 'pump\U0001fae8', 'tap\U0001fae8']
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" -q --disable-pip-version-check install apsw==3.54.1.0
"$work/venv/bin/python" - <<'PY'
import apsw

TEXT = "pump\U0001f525 pump\U0001fae8 tap\U0001fae8"


def words(option: str) -> list[str]:
    """The words that FTS5 makes of it."""
    db = apsw.Connection(":memory:")
    db.execute(f'CREATE VIRTUAL TABLE texts USING fts5(text, tokenize="unicode61{option}")')
    db.execute("CREATE VIRTUAL TABLE words USING fts5vocab(texts, row)")
    db.execute("INSERT INTO texts VALUES (?)", (TEXT,))
    return [word for word, in db.execute("SELECT term FROM words")]


assert apsw.sqlite_lib_version() == "3.54.1"
usual, letters = words(""), words(" categories 'L*'")
print(f"usual: {usual!a}, with letters only: {letters!a}")
assert usual == letters == ["pump", "pump\U0001fae8", "tap\U0001fae8"]
PY
