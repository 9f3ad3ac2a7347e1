"""The files for administrators are what systemd understands, and what the server understands."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest

from lanchat.options import Options
from tests.live import PATIENCE

UNIT = Path(__file__).parent.parent / "deploy" / "lanchat.service"
#: Where the unit expects the program; the check wants one that exists.
PROGRAM = "/opt/lanchat/bin/twistd"


def test_systemd_has_nothing_to_say_against_the_unit(tmp_path: Path) -> None:
    verify = shutil.which("systemd-analyze")
    if verify is None:
        pytest.skip("systemd-analyze is not installed")
    copy = tmp_path / UNIT.name
    copy.write_text(UNIT.read_text().replace(PROGRAM, "/bin/true"))
    command = [verify, "verify", "--man=no", str(copy)]
    said = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False)  # noqa: S603 (ours)
    assert (said.stdout + said.stderr, said.returncode) == ("", 0)


def test_the_unit_is_careful() -> None:
    settings = set(UNIT.read_text().splitlines())
    assert settings >= {"DynamicUser=yes", "StateDirectory=lanchat", "Restart=on-failure", "LimitNOFILE=65536"}
    assert settings >= {"NoNewPrivileges=yes", "ProtectSystem=strict", "PrivateTmp=yes", "TimeoutStopSec=10"}
    assert not any(line.startswith("MemoryDenyWriteExecute") for line in settings)


def test_the_commands_in_the_unit_are_commands_of_ours() -> None:
    commands = re.findall(rf"ExecStart=({PROGRAM} .*)", UNIT.read_text())
    assert len(commands) == 3
    for command in commands:
        _, *words = shlex.split(command)
        assert words[:3] == ["-n", "--pidfile=", "lanchat"]
        options = Options()
        options.parseOptions(words[3:])
        assert options["port"]
