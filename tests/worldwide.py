"""Names of the whole world: those that must be taken, in all their spellings, and those that must not."""

from __future__ import annotations

import ast
import unicodedata
from pathlib import Path

from lanchat.protocol.spelling import INVISIBLE

_FULL_WIDTH = {ord(c): chr(ord(c) + 0xFEE0) for c in map(chr, range(0x21, 0x7F))}


def _rows(file: str) -> list[list[str]]:
    text = Path(__file__).with_name(file).read_text("utf-8")
    return [line.split("\t") for line in text.splitlines() if not line.startswith("# ")]


#: Each name, and other spellings of it.
PEOPLE = {name: others.split(" ") for name, _, others in _rows("names.tsv")}
#: A name, what is said of it, and the name that is proposed instead ("": none).
REFUSED = [(ast.literal_eval(f'"""{name}"""'), reason, hint) for name, reason, hint in _rows("names_refused.tsv")]


def spellings(name: str) -> set[str]:
    """A name as different people, keyboards and programs may write it."""
    forms = {name, *PEOPLE.get(name, ()), name.translate(_FULL_WIDTH), name.translate(INVISIBLE), name.lower()}
    if "ß" not in name:  # Unicode has no capital letter of it that is a single one, and SS is another name
        forms.add(name.upper())
    return {unicodedata.normalize(form, spelling) for form in ("NFC", "NFD", "NFKC", "NFKD") for spelling in forms} | forms
