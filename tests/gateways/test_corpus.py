"""What fuzzing found interesting, again and without a fuzzer."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.fuzz_line import run

CORPUS = sorted((Path(__file__).parents[1] / "corpus").iterdir())


@pytest.mark.parametrize("path", CORPUS, ids=lambda path: path.name)
def test_an_input_of_the_corpus_is_served(path: Path) -> None:
    run(path.read_bytes())


def test_the_corpus_is_small() -> None:
    assert CORPUS
    assert sum(path.stat().st_size for path in CORPUS) < 100_000
