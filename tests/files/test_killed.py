"""A real server that is killed at each step of an upload and of a withdrawal: files are whole, or not there."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults.files import FileTrial
from tests.faults.files_victim import STEPS, UPLOAD, WITHDRAWAL

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("steps", [UPLOAD, WITHDRAWAL], ids=["upload", "withdrawal"])
def test_at_each_step_a_file_is_whole_or_not_there(tmp_path: Path, steps: dict[str, object]) -> None:
    trial = FileTrial(tmp_path, seed=20)
    for step in steps:
        trial.kill(step)
    trial.settle()
    assert trial.broken == []
    assert sum(count for what, count in trial.counts.items() if what.startswith("killed: ")) == len(steps)
    assert steps.keys() <= STEPS.keys()
