"""Read markers of a real server: those that were answered are there after a kill, all of them after a shutdown."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Any

from tests.fakes import PASSWORD
from tests.live import Peer, Server


def enter(server: Server) -> Peer:
    """Ann's phone, which is welcomed."""
    phone = Peer(server.port())
    phone.send(b"ann\n")
    phone.say("/hello", "lanchat", v=1, caps=["id", "ack", "resume", "read"], auth={"mech": "PLAIN", "password": PASSWORD})
    phone.wait_for("Welcome")
    return phone


def listed(phone: Peer) -> list[dict[str, Any]]:
    phone.say("/conversations")
    rows: list[dict[str, Any]] = phone.wait_for("Conversations (")["x"]["conversations"]
    return rows


def test_a_marker_is_there_after_a_kill_if_it_was_answered_and_after_a_shutdown_in_any_case(tmp_path: Path) -> None:
    with Server(tmp_path) as first:
        with Peer(first.port()) as ann:
            ann.send(b"ann\n")
            ann.say("/register", PASSWORD)
            ann.say("/quit")
            assert ann.at_end()
        with Peer(first.port()) as bob:
            bob.send(b"bob\n")
            for text in ("one", "two"):
                bob.say("ann", text)
                bob.wait_for("away")
        with enter(first) as phone:
            phone.say("/read", "@bob 1")
            phone.wait_for("up to 1")
            first.stop(signal.SIGKILL)
    with Server(tmp_path) as second, enter(second) as phone:
        (row,) = listed(phone)
        assert (row["read"], row["unread"]) == (1, 1)
        phone.say("ann", "a note", cid="1")
        phone.wait_for("a note")
        phone.close()
        second.stop()
    with Server(tmp_path) as third, enter(third) as phone:
        rows = {one["conv"]: one["unread"] for one in listed(phone)}
        assert rows == {"@ann": 0, "@bob": 1}
