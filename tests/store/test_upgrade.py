"""What the third version of the schema makes of what the second one had."""

from __future__ import annotations

from pathlib import Path

from lanchat.protocol.entry import entry_from_row
from lanchat.store import open_db, schema
from tests.stores import Desk, entry, raw


def test_owners_private_rooms_and_what_was_delivered_are_kept(tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir(0o700)
    with open_db.closing(open_db.make(data / "lanchat.db", schema.STEPS[:2])) as old:
        old.execute("INSERT INTO accounts VALUES (1, 'ann', 'ann', 1, 'x', 0), (2, 'bob', 'bob', 1, 'x', 0)")
        old.execute("INSERT INTO devices VALUES (1, '', 3, 0, 0), (1, 'phone', 5, 0, 0), (2, 'torn', 'x', 0, 0)")
        old.execute("INSERT INTO rooms VALUES (1, '#ops', '#ops', 'pumps', 1, 1, 0), (2, '#tea', '#tea', '', 0, NULL, 0)")
        old.execute("INSERT INTO members VALUES (1, 'r1', 0), (2, 'r1', 2)")
        old.execute(f"INSERT INTO kept VALUES ({','.join('?' * 11)})", entry("hello", "c1", seq=1).row()[:11])  # noqa: S608 (marks)
        schema.set_meta(old, "indexed", 0)
    with Desk(data):
        pass
    assert (data / "lanchat.db.v2").exists()
    assert raw(data, "SELECT * FROM ranks") == [(1, 1, 3)]
    assert raw(data, "SELECT id, private, rules FROM rooms ORDER BY id") == [(1, 1, '{"secret":true}'), (2, 0, "{}")]
    assert raw(data, "SELECT account, read, muted FROM members ORDER BY account") == [(1, 5, 0), (2, 0, 0)]
    (row,) = raw(data, "SELECT * FROM kept")
    assert entry_from_row(row) is not None  # (its checksum is the one of the second version)


def test_a_kind_that_was_changed_on_the_disk_is_noticed() -> None:
    one = entry("hello", "c1", seq=1)
    assert entry_from_row(one.row()) is not None
    assert entry_from_row((*one.row()[:-2], "notice", None)) is None
    one.kind, one.about = "edit", 7
    assert entry_from_row(one.row()) is not None
    assert entry_from_row((*one.row()[:-1], 8)) is None
    assert entry_from_row((*one.row()[:-2], None, None)) is None
