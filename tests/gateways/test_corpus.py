"""What fuzzing found interesting, again and without a fuzzer."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests import fuzz_irc, fuzz_line

TESTS = Path(__file__).parents[1]
#: The folder of each corpus, and what serves its inputs.
TARGETS = {"corpus": fuzz_line.run, "corpus_irc": fuzz_irc.run}
CORPORA = {folder: sorted((TESTS / folder).iterdir()) for folder in TARGETS}
INPUTS = [pytest.param(TARGETS[folder], path, id=f"{folder}-{path.name}") for folder in TARGETS for path in CORPORA[folder]]


@pytest.mark.parametrize(("run", "path"), INPUTS)
def test_an_input_of_the_corpus_is_served(run: Callable[[bytes], None], path: Path) -> None:
    run(path.read_bytes())


@pytest.mark.parametrize("folder", TARGETS)
def test_the_corpus_is_small(folder: str) -> None:
    assert CORPORA[folder]
    assert sum(path.stat().st_size for path in CORPORA[folder]) < 100_000
