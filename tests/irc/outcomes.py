"""The outcomes of a run of irctest, beside the written list of the tests that are expected to fail."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple
from xml.etree import ElementTree

from tests.irc.suite import TESTS

#: How many tests must pass, and how many may be listed as expected failures.
MUST_PASS, MAY_FAIL = 345, 15
#: The outcomes, the one that counts first: a test can fail, and fail again when its server is stopped.
KINDS = ("failed", "skipped", "passed")
#: The longest part of a message that is shown, in characters.
_SHOWN = 300


class Outcome(NamedTuple):
    """What became of a test: one of `KINDS`, and the first line of why."""

    kind: str
    reason: str = ""


def read(junit: Path) -> dict[str, Outcome]:
    """The outcomes in a JUnit file of pytest, by `file.py::Class::test`, as pytest names tests in the suite's directory."""
    outcomes: dict[str, Outcome] = {}
    for case in ElementTree.parse(junit).iter("testcase"):  # noqa: S314 (pytest wrote it)
        name, outcome = _name(case), _outcome(case)
        before = outcomes.get(name, outcome)
        outcomes[name] = min(before, outcome, key=lambda one: KINDS.index(one.kind))
    return outcomes


def _name(case: ElementTree.Element) -> str:
    """The name of a test; one that could not be imported has no class."""
    file = case.get("file", "").removeprefix(f"{TESTS}/")
    return "::".join(filter(None, (file, case.get("classname", "").rpartition(".")[2], case.get("name"))))


def _outcome(case: ElementTree.Element) -> Outcome:
    for tag, kind in (("failure", "failed"), ("error", "failed"), ("skipped", "skipped")):
        found = case.find(tag)
        if found is not None:
            return Outcome(kind, (found.get("message") or "").partition("\n")[0][:_SHOWN])
    return Outcome("passed")


def unexpected(outcomes: Mapping[str, Outcome], expected: Mapping[str, str]) -> dict[str, Outcome]:
    """The failures that the list does not have."""
    return {name: outcome for name, outcome in outcomes.items() if outcome.kind == "failed" and name not in expected}


def report(outcomes: Mapping[str, Outcome], expected: Mapping[str, str]) -> Iterator[str]:
    """The lines that are printed: the counts, what failed unexpectedly, and what in the list is no longer true."""
    counts = Counter(outcome.kind for outcome in outcomes.values())
    yield f"{counts['passed']} passed, {counts['failed']} failed, {counts['skipped']} skipped, of {len(outcomes)}"
    for name, outcome in sorted(unexpected(outcomes, expected).items()):
        yield f"failed: {name}"
        yield f"    {outcome.reason}"
    for name, reason in expected.items():
        outcome = outcomes.get(name, Outcome("skipped"))
        if outcome.kind == "failed":
            yield f"failed as expected: {name}"
            yield f"    {reason}"
        elif name in outcomes:
            yield f"{outcome.kind}, but expected to fail: {name}"


def verdict(outcomes: Mapping[str, Outcome], expected: Mapping[str, str], *, whole: bool) -> Iterator[str]:
    """What is wrong, a line for each; nothing if all is well. Only a `whole` run can have too few tests that pass."""
    passed = sum(outcome.kind == "passed" for outcome in outcomes.values())
    if whole and passed < MUST_PASS:
        yield f"{passed} tests passed, and {MUST_PASS} must"
    if found := unexpected(outcomes, expected):
        yield f"{len(found)} tests failed that tests/irc/expected.py does not list"
    if len(expected) > MAY_FAIL:
        yield f"tests/irc/expected.py lists {len(expected)} tests, and may list {MAY_FAIL}"
    if whole and (gone := [name for name in expected if name not in outcomes]):
        yield f"tests/irc/expected.py lists tests that are not in this suite: {', '.join(gone)}"
