"""What an export says of messages that were edited or withdrawn, and of what is no message."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from lanchat.admin.data_directory import reading
from lanchat.admin.export import MessageFilter, export
from tests.stores import NOW, Desk, entry


def test_an_export_says_what_is_true_now_and_what_was_said_before(tmp_path: Path) -> None:
    lines: list[dict[str, Any]] = []
    with Desk(tmp_path) as desk:
        desk.say(
            entry("one"), entry("two"), entry("uno", kind="edit", about=1, ts=NOW + 1), entry("waves", kind="action"),
            entry('{"ev":"kicked","who":"eve"}', kind="event", about=0), entry("eins", kind="edit", about=1, ts=NOW + 2),
            entry("!", kind="react", about=1, author=2, name="bob"), entry("", kind="withdraw", about=2),
            entry("from a newer version", kind="event", about=0),
        )  # fmt: skip
        with reading(tmp_path) as connection:
            everything = MessageFilter(None, None, None, None)
            assert export(connection, everything, lambda line: lines.append(json.loads(line)), print).written == 2
    known = [{name: line[name] for name in ("msg", "kind", "about", "edits", "event") if name in line} for line in lines]
    at = [f"2026-11-20T14:03:22.50{n}Z" for n in range(3)]
    edits = [{"ts": ts, "msg": msg} for ts, msg in zip(at, ("one", "uno", "eins"), strict=True)]
    assert known == [
        {"msg": "eins", "edits": edits},
        {"msg": "waves", "kind": "action"},
        {
            "msg": "eve was taken out of #ops by alice",
            "kind": "event",
            "event": {"ev": "kicked", "who": "eve"},
        },
        {"msg": "!", "kind": "react", "about": 1},
        {"msg": "", "kind": "withdraw", "about": 2},
        {"msg": "from a newer version", "kind": "event"},
    ]
