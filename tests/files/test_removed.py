"""Files of messages that are withdrawn, on a real server: gone from the disk, and there is room for others."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from lanchat.maintenance.kept_files import FILES, place
from tests.live import LOOPBACK, Server, until
from tests.webchat.sending import LOBBY, Person, curl, kept

pytestmark = pytest.mark.slow
MOST = 100_000


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    """A server on which everybody may keep few bytes."""
    options = ("--port", LOOPBACK, "--http", LOOPBACK, "--lobby", LOBBY, "--limit", f"account-files={MOST}")
    with Server(tmp_path, *options) as running:
        yield running


def test_a_withdrawn_file_is_fetched_by_nobody_and_makes_room_for_another(server: Server) -> None:
    alice = Person(server, "alice")
    content = b"x" * (MOST - 1)
    sent = alice.send(content)
    path = place(server.log.parent / "data" / FILES, hashlib.sha256(content).hexdigest())
    assert path.stat().st_mode & 0o777 == 0o600
    assert curl(sent["url"]).body == content
    assert "upload" not in alice.ask("/file", target=LOBBY, name="more", size=2)["x"]
    withdrawn = alice.ask("/withdraw", id=sent["id"])
    assert withdrawn["x"]["op"] == "ack", withdrawn
    assert curl(sent["url"]).status == 404
    until(lambda: not path.exists(), "the file to go")
    until(lambda: "upload" in alice.ask("/file", target=LOBBY, name="more", size=2)["x"], "room for another")
    alice.peer.close()


def test_a_file_that_another_message_has_stays(server: Server) -> None:
    alice = Person(server, "alice")
    first, second = (alice.send(b"the same", name) for name in ("a.txt", "b.txt"))
    alice.ask("/withdraw", id=first["id"])
    third = alice.send(b"another")
    alice.ask("/withdraw", id=third["id"])
    until(lambda: len(kept(server)) == 1, "the other to go")
    assert curl(second["url"]).body == b"the same"
    assert curl(first["url"]).status == 404
    alice.peer.close()
