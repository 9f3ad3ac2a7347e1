"""A real server that is killed at each step of an upload and of a withdrawal: files are whole, or not there."""

from __future__ import annotations

from pathlib import Path

import pytest

from lanchat.maintenance.kept_files import place
from tests.faults.files import FileTrial
from tests.faults.files_victim import STEPS, UPLOAD, WITHDRAWAL
from tests.shelf import Shelf, digest_of

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


@pytest.mark.parametrize("harm", ["cut", "changed", "unlinked", "forgotten"])
def test_what_is_not_whole_or_was_acknowledged_and_is_gone_is_noticed(tmp_path: Path, harm: str) -> None:
    trial, digest = FileTrial(tmp_path, seed=1), digest_of(b"a report")
    with Shelf(tmp_path / "data") as shelf:
        said = shelf.send(b"a report")
        if harm == "forgotten":
            shelf.withdraw(said)
    trial.acknowledged.add(digest)
    path = place(tmp_path / "data" / "files", digest)
    if harm == "unlinked":
        path.unlink()
    elif harm != "forgotten":
        path.write_bytes({"cut": b"a rep", "changed": b"A report"}[harm])
    trial.check("a step")
    assert any(digest in text for text in trial.broken)
    assert len(trial.broken) == (1 if harm == "forgotten" else 2), "the checker notices what is not whole"
