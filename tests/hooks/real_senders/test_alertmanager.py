"""The Alertmanager of Debian posts alerts that fire and are resolved, configured as in the manual."""

from __future__ import annotations

import datetime
import json
import re
import shutil
import subprocess
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.hooks.real_senders.room import HookedRoom, examples
from tests.live import PATIENCE, until

PROGRAM = "prometheus-alertmanager"
#: Everything at once, but repeats never.
ROUTE = "route:\n  receiver: lanchat\n  group_wait: 0s\n  group_interval: 1s\n  repeat_interval: 24h\n"


class Alertmanager:
    """A real one, which listens on loopback."""

    def __init__(self, directory: Path, configuration: str) -> None:
        config = directory / "alertmanager.yml"
        config.write_text(configuration)
        self._log = directory / "alertmanager.log"
        options = [f"--config.file={config}", f"--storage.path={directory / 'alertmanager'}", "--cluster.listen-address="]
        with self._log.open("wb") as log:
            self._process = subprocess.Popen([PROGRAM, *options, "--web.listen-address=127.0.0.1:0"], stdout=log, stderr=log)  # noqa: S603 (ours)
        self.port = int(until(self._listening, "Alertmanager to listen"))

    def _listening(self) -> str | None:
        assert self._process.poll() is None, self._log.read_text()
        found = re.search(r'"Listening on" address=127\.0\.0\.1:(\d+)', self._log.read_text())
        return found[1] if found else None

    def alert(self, instance: str, **more: Any) -> None:
        """Tell it of an alert."""
        labels = {"alertname": "DiskFull", "instance": instance}
        body = json.dumps([{"labels": labels, "annotations": {"summary": f"The disk of {instance} is full"}, **more}])
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}/api/v2/alerts", body.encode(), {"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=PATIENCE) as answer:  # noqa: S310 (loopback)
            assert answer.status == 200

    def resolve(self, instance: str) -> None:
        """Tell it that an alert is over."""
        self.alert(instance, endsAt=datetime.datetime.now(datetime.timezone.utc).isoformat())

    def failures(self) -> str:
        """What it logged of posts that failed."""
        return "\n".join(line for line in self._log.read_text().splitlines() if "level=warn" in line or "level=error" in line)

    def close(self) -> None:
        """End it."""
        self._process.terminate()
        self._process.wait(PATIENCE)


@pytest.fixture
def start(room: HookedRoom, tmp_path: Path) -> Iterator[Callable[[int], Alertmanager]]:
    """Starts one with the first or the second example of the manual."""
    if shutil.which(PROGRAM) is None:
        pytest.skip(f"{PROGRAM} is not installed")
    running = []

    def start(example: int) -> Alertmanager:
        running.append(Alertmanager(tmp_path, ROUTE + examples("Alertmanager", room)[example]))
        return running[0]

    yield start
    for each in running:
        each.close()


def test_alerts_are_messages_when_they_fire_and_when_they_are_resolved(
    room: HookedRoom, start: Callable[[int], Alertmanager]
) -> None:
    alertmanager = start(0)
    alertmanager.alert("db1")
    assert room.said() == "[FIRING] DiskFull: The disk of db1 is full\ninstance=db1"
    alertmanager.alert("db2")  # so the group is sent again, with both
    assert room.said() == "[FIRING] DiskFull: The disk of db2 is full\ninstance=db2"
    alertmanager.resolve("db1")
    assert room.said() == "[RESOLVED] DiskFull: The disk of db1 is full\ninstance=db1"
    assert room.nothing_more()
    assert alertmanager.failures() == ""


def test_a_group_in_slacks_shape_is_one_message(room: HookedRoom, start: Callable[[int], Alertmanager]) -> None:
    alertmanager = start(1)
    alertmanager.alert("db1")
    first, second = room.said().splitlines()
    assert first.startswith("Alertmanager: [FIRING:1]")
    assert "DiskFull" in first
    assert first.endswith("/#/alerts?receiver=lanchat)")
    assert second == "The disk of db1 is full"
    alertmanager.resolve("db1")
    assert room.said().startswith("Alertmanager: [RESOLVED]")
    assert alertmanager.failures() == ""
