#!/usr/bin/env bash
# confusable-homoglyphs 3.3.1 never finds a letter that is written from right to left.
#
# Expected: the data has pairs such as ARABIC LETTER KEHEH and ARABIC LETTER KAF (UTS 39), which look the same on a Persian and an
#   Arabic keyboard, so is_confusable() of the one names the other.
# Behaves: every entry of the data with such a letter has U+200E (LEFT-TO-RIGHT MARK) before and after it, in the keys and in the
#   values. The functions look single characters up, so they never meet these keys. No error: the answer is False.
# Seen: entries: 9619, with marks: 1371, keheh: False, Cyrillic es: True, by its marked key: ARABIC LETTER KAF
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" -q --disable-pip-version-check install confusable-homoglyphs==3.3.1
"$work/venv/bin/python" - <<'PY'
import json
from pathlib import Path

import confusable_homoglyphs
from confusable_homoglyphs import confusables

data = json.loads((Path(confusable_homoglyphs.__file__).parent / "confusables.json").read_text(encoding="utf-8"))
mark, keheh, es = "\N{LEFT-TO-RIGHT MARK}", "\N{ARABIC LETTER KEHEH}", "\N{CYRILLIC SMALL LETTER ES}"
marked = [key for key in data if key.startswith(mark) and key.endswith(mark)]
named = data[mark + keheh + mark][0]["n"]
print(
    f"entries: {len(data)}, with marks: {len(marked)}, keheh: {bool(confusables.is_confusable(keheh, greedy=True))}, "
    f"Cyrillic es: {bool(confusables.is_confusable(es, greedy=True))}, by its marked key: {named}"
)
assert (len(data), len(marked), named) == (9619, 1371, "ARABIC LETTER KAF")
assert not confusables.is_confusable(keheh, greedy=True)
assert confusables.is_confusable(es, greedy=True)
PY
