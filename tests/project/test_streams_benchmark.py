"""The benchmark of streams works. Nothing here asserts a time, or a size."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import msgspec

from benchmarks.servers import ROOT
from benchmarks.streams import Figures, write


def benchmark(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "benchmarks.streams", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)  # noqa: S603 (ours)


def test_the_short_form_measures_all_and_writes_the_report(tmp_path: Path) -> None:
    kept = tmp_path / "streams.json"
    done = benchmark("--short", "--json", str(kept))
    assert done.returncode == 0, done.stderr
    figures = msgspec.json.decode(kept.read_bytes(), type=Figures)
    assert figures.streams == 20
    assert figures.delivery_us > 0
    assert 0 < figures.median_ms <= figures.p99_ms
    assert "20 streams of one room" in done.stdout


def test_the_report_is_made_of_the_figures(tmp_path: Path) -> None:
    figures = Figures("python -m benchmarks.streams", {"date": "today"}, 1000, 2.5, 3.5, 2.0, 12.0, 50.0, 90.0, 0.3)
    write(figures, tmp_path)
    report = (tmp_path / "STREAMS.md").read_text()
    assert "| memory of a stream, open (KiB, target: at most 8) | 2.5 |" in report
    assert "| date | today |" in report
