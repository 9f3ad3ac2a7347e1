"""The checker of tests/faults finds each bug that is planted in a history, and none where there is none."""

from __future__ import annotations

from pathlib import Path
from time import process_time

import pytest

from tests.faults.bugs import BUGS
from tests.faults.checker import CHECKS, check
from tests.faults.events import Recorder, conversation
from tests.faults.history import History, load
from tests.faults.model_of_changes import Model

SEEDS = range(1, 21)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_server_without_a_bug_passes_every_check(seed: int) -> None:
    assert check(History(Model(seed=seed).run())) == {name: [] for name in CHECKS}


@pytest.mark.slow
@pytest.mark.parametrize(("bug", "finder"), BUGS.items())
def test_each_planted_bug_is_found_by_its_check(bug: str, finder: str) -> None:
    for seed in SEEDS:
        assert check(History(Model(bug, seed).run()))[finder], f"seed {seed}"


def test_every_check_has_a_bug_that_it_finds() -> None:
    assert set(BUGS.values()) == set(CHECKS)


def test_a_history_is_read_as_it_was_written_even_when_its_writer_was_cut_off(tmp_path: Path) -> None:
    path = tmp_path / "one.jsonl"
    events = Model("forgotten while away").run()
    record = Recorder(path)
    for event in events:
        record(event)
    with path.open("ab") as file:
        file.write(b'{"event":"ok","at":1,')
    assert check(load([path])) == check(History(events))


def test_a_conversation_has_one_name_for_all_its_members() -> None:
    assert conversation("@bob", "ann") == conversation("@ann", "bob") == "@ann@bob"
    assert conversation("@ann", "ann") == "@ann"
    assert conversation("#ops", "ann") == "#ops"


@pytest.mark.slow
def test_a_hundred_thousand_events_are_checked_in_seconds() -> None:
    history = History(Model(messages=25_000).run())
    begun = process_time()
    assert not any(check(history).values())
    assert process_time() - begun < 30, "what is not linear takes minutes"
