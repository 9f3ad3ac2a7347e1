"""What the third and the fourth version of the schema make of what those before them had."""

from __future__ import annotations

from pathlib import Path

import pytest

from lanchat.maintenance import backup
from lanchat.protocol.entry import COLUMNS, entry_from_row
from lanchat.store import open_db, schema
from lanchat.system.private_files import FileError
from tests.shelf import Shelf
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


def test_the_fourth_version_has_room_for_files_and_webhooks_and_a_key_for_links(tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir(0o700)
    with open_db.closing(open_db.make(data / "lanchat.db", schema.STEPS[:3])) as old:
        old.execute("INSERT INTO accounts VALUES (1, 'ann', 'ann', 1, 'x', 0, '')")
        old.execute(f"INSERT INTO kept VALUES ({','.join('?' * len(COLUMNS))})", entry("hello", "c1", seq=1).row())  # noqa: S608 (marks)
        schema.set_meta(old, "indexed", 0)
    backup.restore(tmp_path / "restored", data / "lanchat.db", "now")  # (as a backup of that version would be)
    for place in (data, tmp_path / "restored"):
        with Shelf(place) as shelf:
            assert shelf.send(b"a file").seq == 2
        assert raw(place, "SELECT seq, name FROM files") == [(2, "a file")]
        assert len(raw(place, "SELECT value FROM meta WHERE name = 'links'")[0][0]) == 64
        assert [msg for (msg,) in raw(place, "SELECT msg FROM log ORDER BY seq")] == ["hello", "a file"]
    keys = {raw(place, "SELECT value FROM meta WHERE name = 'links'")[0] for place in (data, tmp_path / "restored")}
    assert len(keys) == 2, "each server has its own"
    with pytest.raises(FileError, match=r"newer lanchat \(schema 4; this one supports 3\).*lanchat\.db\.v3"):
        open_db.check_head(data / "lanchat.db", 3)
    with open_db.closing(data / "lanchat.db.v3", "ro") as kept, open_db.closing(data / "lanchat.db") as new:
        assert kept.execute("PRAGMA user_version").fetchone() == (3,)
        assert new.execute("PRAGMA user_version").fetchone() == (4,)


def test_a_kind_that_was_changed_on_the_disk_is_noticed() -> None:
    one = entry("hello", "c1", seq=1)
    assert entry_from_row(one.row()) is not None
    assert entry_from_row((*one.row()[:-2], "notice", None)) is None
    one.kind, one.about = "edit", 7
    assert entry_from_row(one.row()) is not None
    assert entry_from_row((*one.row()[:-1], 8)) is None
    assert entry_from_row((*one.row()[:-2], None, None)) is None
