"""The commands of the manual, run by a real shell with a real curl."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

from tests.hooks.real_senders.room import MANUAL, ROOM, HookedRoom, examples
from tests.live import PATIENCE, Peer


def run(command: str, directory: Path) -> str:
    """What a command of a shell prints; it must succeed."""
    done = subprocess.run(["bash", "-c", command], cwd=directory, capture_output=True, text=True, timeout=PATIENCE, check=False)  # noqa: S603, S607 (ours)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_commands_of_the_manual(room: HookedRoom, tmp_path: Path) -> None:
    block, _ = examples("curl and scripts", room)
    answers = [run(command, tmp_path) for command in block.splitlines()]
    said = [room.said() for _ in answers]
    assert said[0] == "disk full"
    assert said[1].startswith("Filesystem")
    assert "\n" in said[1]
    assert said[2] == "\N{WARNING SIGN} Backup\ndb1 failed\nPriority: high"
    assert said[3] == "CI: Build 7 (http://ci.lan/7) failed"
    assert said[4] == "Backup\ndb1 is done"
    assert answers[0] == answers[1] == answers[3] == answers[4] == "ok"


def test_the_commands_for_files(room: HookedRoom, tmp_path: Path) -> None:
    (tmp_path / "backup.tgz").write_bytes(b"\x1f\x8b" * 500_000)
    _, block = examples("curl and scripts", room)
    answers = [json.loads(run(command, tmp_path)) for command in block.splitlines()]
    assert [answer["name"] for answer in answers] == ["backup.tgz", "disks.txt", "backup.tgz"]
    said = [room.said().splitlines() for _ in answers]
    assert [line.partition(":")[0] for line in (said[0][0], *said[2])] == [
        "backup.tgz (1 MB)",
        "Backup of db1",
        "backup.tgz (1 MB)",
    ]
    assert said[1][0].startswith("disks.txt (")


def test_the_commands_for_ntfy(room: HookedRoom, tmp_path: Path) -> None:
    (tmp_path / "backup.tgz").write_bytes(b"\x1f\x8b" * 500_000)
    (block,) = examples("ntfy", room)
    answers = [run(command, tmp_path) for command in block.splitlines()]
    said = [room.said() for _ in answers]
    assert said[:3] == ["db1 is done", "Backup\ndb1 is done", "\N{WARNING SIGN} Backup\ndb1 is done"]
    assert said[3].startswith("db1 is done\nbackup.tgz (1 MB): http://")
    assert all('"event":"message"' in answer for answer in answers)


def test_what_is_repeated_with_a_key_is_said_once(room: HookedRoom, tmp_path: Path) -> None:
    command = f'curl -fsS -H "Idempotency-Key: backup-$(date +%F)" -d done {room.address}'
    assert [run(command, tmp_path) for _ in range(3)] == ["ok"] * 3
    assert room.said() == "done"
    assert room.nothing_more()


def test_nobody_is_mentioned_by_a_program(room: HookedRoom, tmp_path: Path) -> None:
    with Peer(room.server.port()) as here:
        here.send(b"here\n")
        here.say("/register", "correct-horse")
        here.wait_for("is your account now")
        here.say("/hello", "test", v=1, caps=["id", "room", "read"])
        here.say("/join", ROOM)
        here.wait_for(ROOM)
        run(f'curl -fsS --json \'{{"text": "<!here> here"}}\' {room.address}', tmp_path)
        assert room.said() == "@here here"
        here.say("/conversations")
        while "conversations" not in (x := here.packet()["x"]):
            continue
        (mine,) = [each for each in x["conversations"] if each["conv"] == ROOM]
        assert mine["unread"] == 1
        assert not mine.get("mentions")


def test_a_script_waits_for_a_server_that_restarts(room: HookedRoom, tmp_path: Path) -> None:
    (option,) = re.findall("`(curl [^`]*--retry-connrefused)`", MANUAL.read_text())
    room.server.stop()
    command = ["bash", "-c", f"{option} -v -d 'it is back' {room.address}"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as waiting:  # noqa: S603 (ours)
        assert waiting.stderr is not None
        assert any("Connection refused" in line for line in waiting.stderr)
        room.restart()
        assert waiting.communicate(timeout=PATIENCE)[0] == "ok"
    room.reader.say("/history", ROOM)
    room.reader.wait_for("it is back")


def test_an_error_is_said_in_one_word(room: HookedRoom, tmp_path: Path) -> None:
    asked = 'curl -sS -w " %{http_code}" '
    assert run(f"{asked} -d '' {room.address}", tmp_path).startswith("no_text")
    assert run(f"{asked} -H 'Content-Type: application/json' -d '{{' {room.address}", tmp_path).startswith("invalid_payload")
    assert run(f"{asked} -d x {room.address[:-1]}_", tmp_path).endswith(" 404")
    assert room.nothing_more()
