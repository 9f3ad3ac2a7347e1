"""What an administrator reads while the server writes: between any two queries of the command, something is changed."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout
from itertools import count
from pathlib import Path
from sqlite3 import Connection

import pytest

from lanchat.admin.main import main
from lanchat.model.names import parse
from lanchat.model.session import Role
from lanchat.store import open_db
from lanchat.store.message_removal import remove_rows
from lanchat.tables.registration import AddAccount
from lanchat.tables.rooms import CreateRoom
from tests.stores import Desk, entry

MESSAGES = 200


@contextmanager
def changing(change: Callable[[], object]) -> Iterator[list[str]]:
    """In the block, `change` is called before each query of a connection that is opened in it; the queries are listed."""
    queries: list[str] = []
    really_connect = open_db.connect

    def connect(path: Path, mode: str = "rw") -> Connection:
        def begins(sql: str) -> None:
            change()
            queries.append(sql)  # (after the change: an error in it goes no further than here, and the query is missed)

        connection = really_connect(path, mode)
        connection.set_trace_callback(begins)
        return connection

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(open_db, "connect", connect)
        yield queries


def read(data: Path, *command: str) -> str:
    """What the command writes, which went well."""
    with redirect_stdout(io.StringIO()) as out:
        assert main(["--data", str(data), *command]) == 0, out.getvalue()
    return out.getvalue()


@pytest.mark.parametrize("asked", [[], ["--room", "ops"], ["--user", "alice"]])
def test_an_export_has_no_message_without_its_edit_and_no_edit_without_its_message(tmp_path: Path, asked: list[str]) -> None:
    with Desk(tmp_path) as desk:
        desk.say(*(entry(f"first {n}") for n in range(MESSAGES)))
        desk.say(*(entry(f"second {n}", kind="edit", about=n + 1) for n in range(MESSAGES)))
        oldest = count(1)
        with changing(lambda: desk.write(lambda connection: remove_rows(connection, [next(oldest)], "0", {}))) as queries:
            lines = list(map(json.loads, read(tmp_path, "export", *asked).splitlines()))
    assert len(queries) > 3
    assert len(lines) > MESSAGES / 2
    assert {line["msg"].split()[0] for line in lines} == {"second"}
    assert {line.get("kind") for line in lines} == {None}


@pytest.mark.parametrize(("command", "told"), [("check", "No damage found"), ("room list", "owned by")])
def test_accounts_and_rooms_that_are_made_meanwhile_are_there_with_all_that_is_theirs(
    tmp_path: Path, command: str, told: str
) -> None:
    numbers = count(1)

    def make(desk: Desk) -> None:
        name = f"number{next(numbers)}"
        made = desk.write(AddAccount(parse(name), "hash", Role.USER, now=1, most=1000, device="phone"))
        desk.write(CreateRoom(parse(name), made.account.id, private=False, now=1, most=1000))

    with Desk(tmp_path) as desk:
        make(desk)
        with changing(lambda: make(desk)) as queries:
            out = read(tmp_path, *command.split())
    assert len(queries) > 3
    assert told in out
    assert "no owner" not in out
