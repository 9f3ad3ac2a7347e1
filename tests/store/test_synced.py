"""What is acknowledged is on the disk: each acknowledgement is written to its socket after an fdatasync that covers its row."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.faults.trace import STRACE, WORD, told_too_early
from tests.live import LOOPBACK, Peer, Server, until

MESSAGES = 60

ROW = r'7 pwrite64(9</d/lanchat.db-wal>, "..row of synced0001.\0\0", 4096, 4152) = 4096'
SYNC = "7 fdatasync(9</d/lanchat.db-wal>) = 0"
ACK = r'5 sendto(11<socket:[1]>, "{\"x\":{\"op\":\"ack\",\"cid\":\"synced0001\",\"state\":\"stored\"}}\n", 63, 0, NULL, 0) = 63'
BEGUN, ENDED = "7 fdatasync(9</d/lanchat.db-wal> <unfinished ...>", "7 <... fdatasync resumed>) = 0"


@pytest.mark.parametrize("lines", [[ROW, SYNC, ACK], [ROW, BEGUN, ENDED, ACK], [ROW, SYNC, ACK, ROW, ACK]])
def test_an_ack_after_a_sync_after_its_row_is_right(lines: list[str]) -> None:
    assert told_too_early(lines) == ({"synced0001"}, [])


@pytest.mark.parametrize(
    "lines",
    [
        [ROW, ACK, SYNC],
        [SYNC, ROW, ACK],
        [SYNC, ACK],
        [ROW, BEGUN, ACK, ENDED],
        [BEGUN, ROW, ENDED, ACK],
        [ROW, SYNC.replace("= 0", "= -1 EIO (Input/output error)"), ACK],
        [ROW, SYNC.replace("-wal", ""), ACK],
    ],
)
def test_an_ack_that_no_sync_covers_is_found(lines: list[str]) -> None:
    assert told_too_early(lines)[1] == [f"line {lines.index(ACK) + 1}: synced0001 is told and is not on the disk"]


@pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed")
def test_no_message_is_told_to_anybody_before_it_is_on_the_disk(tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    with (
        Server(tmp_path, "--port", LOOPBACK, under=[*STRACE, str(trace)]) as server,
        registered(server, "ann") as ann,
        registered(server, "bob") as bob,
    ):
        ask(ann, "/create", "#ops")
        ask(bob, "/join", "#ops")
        for number in range(MESSAGES):
            say(number, *((ann, "bob") if number % 2 else (bob, "ann")))
        for peer in (ann, bob):
            for _ in range(MESSAGES // 2):
                acknowledged(peer)
    until(lambda: "+++ exited with" in trace.read_text() or "+++ killed by" in trace.read_text(), "the end of the trace")
    told, wrong = told_too_early(trace.read_text().splitlines())
    assert wrong == []
    assert told == {WORD.format(number) for number in range(MESSAGES)}


def registered(server: Server, name: str) -> Peer:
    """A capable client that has just made its name an account."""
    peer = Peer(server.port())
    peer.send(name.encode() + b"\n")
    peer.say("/hello", "test", v=1, caps=["id", "ack", "resume", "history", "room"])
    ask(peer, "/register", f"secret of {name}")
    return peer


def ask(peer: Peer, command: str, msg: str) -> None:
    """Give a command and see that it succeeds."""
    peer.say(command, msg, cid="ask")
    while (x := peer.packet().get("x", {})).get("cid") != "ask":
        continue
    assert x["op"] == "ok", x


def say(number: int, sender: Peer, other: str) -> None:
    """Say something with this word in it, in the room or to the other."""
    word = WORD.format(number)
    sender.say(other if number % 3 else "#ops", f"row of {word}.", cid=word)


def acknowledged(peer: Peer) -> None:
    """Wait for the next acknowledgement."""
    while (x := peer.packet().get("x", {})).get("op") != "ack":
        assert x.get("op") != "fail", x
    assert x["state"] == "stored"
