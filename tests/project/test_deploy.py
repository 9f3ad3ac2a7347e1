"""The files for administrators are what systemd understands, and what the server understands."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from lanchat.config import preflight
from lanchat.config.options import DEFAULT_PORT, Options
from lanchat.net.endpoints import BACKLOG
from lanchat.net.sockets import KEEPALIVE, SYSTEM_BUFFER
from tests.booted.__main__ import KEPT, SUITE, lacks
from tests.booted.proofs import EXPOSED
from tests.live import PATIENCE

ROOT = Path(__file__).parents[2]
UNIT, SOCKET = ROOT / "deploy" / "lanchat.service", ROOT / "deploy" / "lanchat.socket"
#: Where the unit expects the programs; the check wants one that exists.
PROGRAMS = "/opt/lanchat/bin/"
#: Seconds that the proofs in a real systemd may take; a minute is usual.
LONG = 600.0

analyze = pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed")


def systemd_analyze(*words: str) -> str:
    """What it says."""
    command = ["systemd-analyze", *words]
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False)  # noqa: S603 (ours)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


@analyze
def test_systemd_has_nothing_to_say_against_the_units(tmp_path: Path) -> None:
    copies = [tmp_path / unit.name for unit in (UNIT, SOCKET)]
    for unit, copy in zip((UNIT, SOCKET), copies, strict=True):
        copy.write_text(re.sub(rf"{PROGRAMS}\S+", "/bin/true", unit.read_text()))
    assert systemd_analyze("verify", "--man=no", *map(str, copies)) == ""


def test_the_service_is_not_started_again_with_the_same_mistakes() -> None:
    assert re.findall(r"^RestartPreventExitStatus=(.*)", UNIT.read_text(), re.MULTILINE) == [str(os.EX_CONFIG)]


@analyze
def test_the_unit_is_hardened() -> None:
    (level,) = re.findall(
        r"exposure level for lanchat.service: ([\d.]+)", systemd_analyze("security", "--offline=yes", str(UNIT))
    )
    assert float(level) <= EXPOSED


def test_the_commands_in_the_unit_are_commands_of_ours() -> None:
    (command,) = re.findall(rf"^ExecStart={PROGRAMS}(.*)", UNIT.read_text(), re.MULTILINE)
    twistd, *words = shlex.split(command)
    assert (twistd, words[:3]) == ("twistd", ["-n", "--pidfile=", "lanchat"])
    options = Options()
    options.parseOptions(words[3:])
    assert options["port"]


def test_the_configuration_in_the_text_of_the_unit_is_one(tmp_path: Path) -> None:
    (lines,) = re.findall(r"in /etc/lanchat.toml:\n#\n((?:#   .*\n)+)", UNIT.read_text())
    file = tmp_path / "lanchat.toml"
    file.write_text(lines.replace("#   ", ""))
    options = Options()
    options.parseOptions(["--config", str(file)])
    credentials = set(re.findall(r"^LoadCredential=(\S+):", UNIT.read_text(), re.MULTILINE))
    assert options["tls-key"].name in credentials
    assert f"a line in a file, `{options['manhole-keys']}`" in (ROOT / "docs" / "operations.md").read_text()
    # What systemd hands over at the start is no mistake before.
    assert preflight.find_errors(options) == [
        "can't read /etc/lanchat.crt: No such file or directory.",
        "can't read /etc/lanchat/operators: there is no such file.",
    ]


def test_there_is_a_descriptor_for_each_of_100_000_clients() -> None:
    (files,) = re.findall(r"^LimitNOFILE=(\d+)", UNIT.read_text(), re.MULTILINE)
    assert int(files) > 100_000


def test_systemd_sets_for_those_who_wait_what_the_server_would() -> None:
    settings = dict(re.findall(r"^(\w+)=(\w+)", SOCKET.read_text(), re.MULTILINE))
    assert settings["ListenStream"] == DEFAULT_PORT
    assert settings["Backlog"] == str(BACKLOG)
    assert settings["SendBuffer"] == settings["ReceiveBuffer"] == str(SYSTEM_BUFFER)
    times = [settings[f"KeepAlive{name}"] for name in ("TimeSec", "IntervalSec", "Probes")]
    assert times == [str(KEEPALIVE[name]) for name in ("TCP_KEEPIDLE", "TCP_KEEPINTVL", "TCP_KEEPCNT")]


@pytest.mark.skipif(bool(lacks()), reason=f"no machine can be booted: {lacks()}")
@pytest.mark.skipif(not (KEPT / SUITE).exists(), reason="`python -m tests.booted` has made no Debian yet, which takes a while")
def test_a_real_systemd_runs_it() -> None:
    command = [sys.executable, "-m", "tests.booted"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=LONG, check=False)  # noqa: S603 (ours)
    assert done.returncode == 0, done.stdout + done.stderr
