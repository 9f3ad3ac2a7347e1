"""The measuring of what files cost works. Nothing here asserts a time."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from benchmarks import files
from benchmarks.files import Files, Round

pytestmark = pytest.mark.slow


@pytest.mark.skipif(shutil.which("nginx", path="/usr/sbin:/usr/bin") is None, reason="there is no nginx")
def test_the_short_form_has_every_row(tmp_path: Path) -> None:
    kept = tmp_path / "files.json"
    assert files.main(["--short", "--json", str(kept), "--report", str(tmp_path)]) == 0
    text = (tmp_path / "FILES.md").read_text()
    assert "short form" in text
    for row in (
        "sent: throughput",
        "fetched: throughput",
        "memory at the peak",
        "longest turn of the reactor",
        "chatters' p99",
    ):
        assert row in text
    assert files.main(["--from", str(kept), "--report", str(tmp_path)]) == 0


def test_a_ratio_is_above_one_if_we_are_faster() -> None:
    one = Round(
        up=[1.0],
        up_nginx=[2.0],
        down=[2.0],
        down_nginx=[1.0],
        memory=6.0,
        turn=21.0,
        busy_turn=1.0,
        alone=1.0,
        beside=3.0,
        sent=1,
    )
    assert (one.ratio("up"), one.ratio("down")) == (2.0, 0.5)
    ours, nginx = files.servers() if shutil.which("nginx", path="/usr/sbin:/usr/bin") else (None, None)
    if ours is not None and nginx is not None:
        judged = [row[-1] for row in files.rows(Files("", {}, ours, nginx.version, 1, [one]))]
        assert judged == ["met", "met", "not met", "not met", "met", "not met"]
