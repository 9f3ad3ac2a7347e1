"""What the container's files say fits together, and fits what they stand in.

That it works is shown by `python -m tests.container`.
"""

from __future__ import annotations

import configparser
import json
import re
import socket
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml

from lanchat.config.options import Options
from lanchat.net.endpoints import parse_port
from tests.container.running import PORT, service

ROOT = Path(__file__).parents[2]
DOCKERFILE = (ROOT / "deploy" / "Dockerfile").read_text()
WORKFLOWS = {path.name: yaml.safe_load(path.read_text()) for path in (ROOT / ".github" / "workflows").glob("*.yml")}


def said(instruction: str) -> list[str]:
    """What stands behind an instruction of the Dockerfile, each time that it is there."""
    return re.findall(rf"^{instruction} (.*)$", DOCKERFILE, re.MULTILINE)


def options() -> Options:
    """What the server is started with, when nothing else is said."""
    command = json.loads(said("ENTRYPOINT")[0])
    assert not said("CMD")  # a configuration file may settle the ports, and the command line would win
    assert command[:4] == ["twistd", "--nodaemon", "--pidfile=", "lanchat"]
    parsed = Options()
    parsed.parseOptions(command[4:])
    return parsed


def healthcheck() -> ModuleType:
    """deploy/healthcheck.py, which is no module of ours."""
    spec = spec_from_file_location("healthcheck", ROOT / "deploy" / "healthcheck.py")
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_server_listens_where_the_image_says_and_compose_publishes() -> None:
    assert options()["port"] == parse_port(str(PORT))
    assert said("EXPOSE") == [str(PORT)]
    assert service()["ports"] == [f"0.0.0.0:${{LANCHAT_PORT:-{PORT}}}:{PORT}"]  # and not on IPv6: see there


def test_the_server_answers_where_the_health_check_asks_and_nowhere_else() -> None:
    assert options()["web"] == parse_port(str(healthcheck().PORT), loopback=True)


def test_compose_and_the_image_check_the_health_alike() -> None:
    times = dict(re.findall(r"--([a-z-]+)=(\w+)", said("HEALTHCHECK")[0]))
    wanted = {name.replace("_", "-"): str(value) for name, value in service()["healthcheck"].items() if name != "test"}
    assert times == wanted
    assert json.loads(said("HEALTHCHECK")[0].split("CMD ")[1]) == service()["healthcheck"]["test"][1:]
    assert float(times["timeout"].removesuffix("s")) > healthcheck().PATIENCE


def test_it_is_not_root_and_what_it_keeps_is_in_the_volume() -> None:
    user, group = said("USER")[-1].split(":")
    assert int(user) >= 10_000
    assert f"useradd --uid {user} " in DOCKERFILE
    assert f"groupadd --gid {group} " in DOCKERFILE
    assert said("VOLUME") == ["/data"]
    assert "STATE_DIRECTORY=/data" in said("ENV")[0]
    assert service()["volumes"] == ["data:/data"]


def test_compose_builds_on_the_base_that_the_image_has() -> None:
    (default,) = re.findall(r"^ARG BASE=(\S+)$", DOCKERFILE, re.MULTILINE)
    build = service()["build"]
    assert build["args"] == {"BASE": f"${{BASE:-{default}}}"}
    assert (ROOT / build["context"] / build["dockerfile"]).read_text() == DOCKERFILE
    assert said("FROM") == ["${BASE} AS builder", "${BASE}"]
    assert re.search(r"python:3\.1[0-4]-slim-", default)


def test_compose_takes_away_what_the_server_does_not_need() -> None:
    settings = service()
    assert settings["read_only"]
    assert settings["cap_drop"] == ["ALL"]
    assert settings["security_opt"] == ["no-new-privileges"]
    assert {"mem_limit", "pids_limit", "ulimits", "stop_grace_period", "logging"} <= set(settings)
    assert not {"privileged", "network_mode", "cap_add", "devices"} & set(settings)


def test_nothing_goes_into_a_build_that_is_not_named() -> None:
    lines = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if line and not line.startswith("#")]
    assert lines[0] == "*"
    named = {line[1:] for line in lines if line.startswith("!")}
    assert {name for name in named if not (ROOT / name).exists()} <= {"wheelhouse"}
    assert {"lanchat", "twisted", "setup.cfg", "pyproject.toml", "README.md", "LICENSE"} <= named
    assert {source for source in re.findall(r"^COPY (\S+) ", DOCKERFILE, re.MULTILINE) if source[0] not in "-."} <= named


def metadata() -> configparser.ConfigParser:
    """setup.cfg."""
    read = configparser.ConfigParser()
    read.read(ROOT / "setup.cfg")
    return read


def test_every_python_that_is_promised_is_tested() -> None:
    promised = re.findall(r"Python :: (3\.\d+)", metadata()["metadata"]["classifiers"])
    assert WORKFLOWS["ci.yml"]["jobs"]["tests"]["strategy"]["matrix"]["python"] == promised
    assert metadata()["options"]["python_requires"] == f">={promised[0]}"


def steps() -> list[dict[str, Any]]:
    """All that the workflows do."""
    return [step for workflow in WORKFLOWS.values() for job in workflow["jobs"].values() for step in job.get("steps", ())]


def test_actions_of_others_have_a_version() -> None:
    used = [step["uses"] for step in steps() if "uses" in step]
    assert used
    assert all(re.fullmatch(r"(actions|docker)/[a-z-]+@v\d+", each) for each in used)


def test_only_what_publishes_may_write_and_only_after_all_checks() -> None:
    publish = WORKFLOWS["image.yml"]["jobs"]["publish"]
    for workflow in WORKFLOWS.values():
        assert workflow["permissions"] == {"contents": "read"}
        for job in workflow["jobs"].values():
            assert job.get("permissions") in ([None] if job is not publish else [{"contents": "read", "packages": "write"}])
    assert publish["needs"] == "checks"
    assert WORKFLOWS["image.yml"]["jobs"]["checks"]["uses"] == "./.github/workflows/ci.yml"
    assert list(WORKFLOWS["image.yml"][True]["push"]) == ["tags"]  # YAML 1.1 takes `on` for a truth
    assert all(step["with"]["persist-credentials"] is False for step in steps() if "checkout" in step.get("uses", ""))


def test_what_is_published_is_this_dockerfile_for_both_kinds_of_machine() -> None:
    (build,) = [step["with"] for step in steps() if "build-push" in step.get("uses", "")]
    assert (ROOT / build["context"] / build["file"]).read_text() == DOCKERFILE
    assert build["platforms"] == "linux/amd64,linux/arm64"


@pytest.mark.parametrize(("status", "exit_status"), [(200, 0), (503, 1), (404, 1)])
def test_the_health_check_ends_as_the_server_answers(status: int, exit_status: int, capsys: pytest.CaptureFixture[str]) -> None:
    class Answering(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status if self.path == "/healthz" else 500)
            self.end_headers()
            self.wfile.write(b"as it is\n")

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    with HTTPServer(("127.0.0.1", 0), Answering) as server:
        threading.Thread(target=server.handle_request, daemon=True).start()
        assert healthcheck().look(server.server_port) == exit_status
    assert capsys.readouterr().out == "as it is\n"


def test_the_health_check_says_when_nobody_answers(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        assert healthcheck().look(bound.getsockname()[1]) == 1
    assert "no answer" in capsys.readouterr().out
