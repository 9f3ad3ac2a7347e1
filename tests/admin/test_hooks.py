"""`lanchat-admin hook`: beside a running server, and without one."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lanchat.state.hooks import PATH
from tests.admin.test_admin import admin, ask, declined, done, registered  # noqa: F401 (a fixture)
from tests.live import LOOPBACK, PATIENCE, Server


def facts(data: Path, *arguments: str) -> dict[str, Any]:
    """What a command tells programs."""
    found: dict[str, Any] = json.loads(done(data, "--json", "hook", *arguments))
    return found


def post(url: str, text: str) -> str:
    """What curl is answered."""
    command = ["curl", "-sS", "--max-time", str(PATIENCE), "-d", text, url]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout  # noqa: S603 (ours)


def test_a_webhook_is_made_used_changed_and_removed_beside_a_server(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with Server(tmp_path, "--port", LOOPBACK, "--http", LOOPBACK, "--http-name", "localhost") as server:
        (ann,) = registered(server, "ann")
        ask(ann, "/create", "#ops")
        told = done(data, "hook", "add", "backups", "--room", "#ops")
        assert told.startswith("backups is a webhook of #ops now. Programs post to http://localhost:")
        assert "it is not shown again" in told
        url = told.split()[told.split().index("to") + 1]
        assert url.startswith(f"http://localhost:{server.port('browsers')}{PATH}")
        assert post(url, "done") == "ok"
        assert ann.wait_for("done")["from"]["name"] == "backups"
        (hook,) = facts(data, "list")["hooks"]
        assert {"name": "backups", "room": "#ops", "enabled": True, "by": "the operator"}.items() <= hook.items()
        assert hook["used"]
        assert "url" not in hook
        assert "backups in #ops: made by the operator, used last" in done(data, "hook", "list", "--room", "ops")
        assert done(data, "hook", "disable", "backups") == "backups is disabled.\n"
        assert post(url, "again") == "action_prohibited"
        done(data, "hook", "enable", "Backups")
        other = facts(data, "rotate", "backups")["url"]
        assert (post(url, "again"), post(other, "again")) == ("channel_not_found", "ok")
        assert done(data, "hook", "remove", "backups") == "backups is removed; what it said stays.\n"
        assert post(other, "again") == "channel_not_found"
        assert "administrator (uid" in server.logged("backups is a webhook of #ops now")
        for secret in (one.rpartition("/")[2] for one in (url, other)):
            assert secret not in server.text()
        ann.close()


def test_a_webhook_that_is_made_without_a_server_is_there_when_it_starts(tmp_path: Path) -> None:
    data, options = tmp_path / "data", ("--port", LOOPBACK, "--http", LOOPBACK)
    with Server(tmp_path, *options) as server:
        (ann,) = registered(server, "ann")
        ask(ann, "/create", "#ops")
        ann.close()
    told = done(data, "hook", "add", "backups", "--room", "#ops")
    assert "Programs post to http://SERVER:PORT/hooks/" in told
    path = told.split("SERVER:PORT")[1].partition(",")[0]
    other = facts(data, "add", "builds", "--room", "#ops")["url"]
    done(data, "hook", "disable", "builds")
    with Server(tmp_path, *options) as server:
        base = f"http://127.0.0.1:{server.port('browsers')}"
        assert (post(base + path, "hi"), post(base + other, "hi")) == ("ok", "action_prohibited")


def test_what_can_not_be_done_is_said_in_one_line(
    shared_server: Server,
    declined: Callable[..., str],  # noqa: F811 (the fixture)
) -> None:
    data = shared_server.log.parent / "data"
    (ann,) = registered(shared_server, "ann")
    ask(ann, "/create", "#ops")
    done(data, "hook", "add", "backups", "--room", "#ops")
    for arguments, error in (
        (("add", "backups", "--room", "#ops"), "NAME_TAKEN"),
        (("add", "ann", "--room", "#ops"), "NAME_TAKEN"),
        (("add", "other", "--room", "#nope"), "NO_SUCH_TARGET"),
        (("add", "a:b", "--room", "#ops"), "BAD_NAME"),
        (("rotate", "nope"), "NO_SUCH_TARGET"),
        (("list", "--room", "#nope"), "NO_SUCH_TARGET"),
    ):
        declined(data, "hook", *arguments, error=error)
    ann.close()


@pytest.mark.parametrize("arguments", [(), ("dance",), ("add", "x"), ("rotate",)])
def test_wrong_options_are_told(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    assert admin(tmp_path / "data", "hook", *arguments).returncode == 2
