"""`python -m tests.irc` without irctest: what it counts, which failures may be expected, what it does to a suite."""

from __future__ import annotations

import re
import sys
import textwrap
from pathlib import Path

import pytest

from tests.irc import __main__ as program, suite
from tests.irc.expected import EXPECTED
from tests.irc.outcomes import MAY_FAIL, MUST_PASS, Outcome, read, report, verdict

PASSED, FAILED, SKIPPED = Outcome("passed"), Outcome("failed", "why"), Outcome("skipped", "not here")
#: A suite in the form of irctest, whose server is whatever module it is told.
CONFTEST = """
    def pytest_addoption(parser):
        parser.addoption("--controller")
        parser.addoption("--timeout")
"""
TESTS = """
    import os
    import pathlib
    import pytest

    class ThingTestCase:
        def test_right(self, request):
            pathlib.Path(__file__).with_name("written").touch()
            assert request.config.getoption("controller") == "tests.irc.controller"
            assert pathlib.Path(os.environ["LANCHAT_DATA"], "lanchat.db").exists()

        @pytest.mark.parametrize("number", [1, 2])
        def test_wrong(self, number):
            assert number == 1, "two is wrong"

        @pytest.mark.strict
        def test_that_is_not_for_every_server(self):
            assert False

        def test_left_out(self):
            pytest.skip("not here")

        def test_that_fails_once(self):
            before = pathlib.Path(__file__).with_name("before")
            there = before.exists()
            before.touch()
            assert there
"""
WRONG = "things.py::ThingTestCase::test_wrong[2]"


def passing(number: int) -> dict[str, Outcome]:
    return {f"one.py::OneTestCase::test_{n}": PASSED for n in range(number)}


def listed(number: int) -> dict[str, str]:
    return {f"two.py::TwoTestCase::test_{n}": "It cannot be otherwise." for n in range(number)}


def wrong(outcomes: dict[str, Outcome], expected: dict[str, str], *, whole: bool = True) -> str:
    return "\n".join(verdict(outcomes, expected, whole=whole))


def test_all_is_well_with_enough_that_pass_and_nothing_unexpected() -> None:
    expected = listed(MAY_FAIL)
    assert not wrong(passing(MUST_PASS) | dict.fromkeys(expected, FAILED), expected)


def test_too_few_that_pass_are_wrong_in_a_whole_run_only() -> None:
    assert "344 tests passed, and 345 must" in wrong(passing(MUST_PASS - 1) | {"a.py::A::test": SKIPPED}, {})
    assert not wrong(passing(1), {}, whole=False)


def test_a_failure_that_is_not_listed_is_wrong() -> None:
    assert "1 tests failed" in wrong(passing(MUST_PASS) | {"a.py::A::test": FAILED}, listed(1), whole=False)


def test_a_list_that_is_too_long_is_wrong_and_so_are_tests_that_are_not_there() -> None:
    expected = listed(MAY_FAIL + 1)
    assert "lists 16 tests" in wrong(passing(MUST_PASS) | dict.fromkeys(expected, FAILED), expected)
    assert "not in this suite: two.py::TwoTestCase::test_0" in wrong(passing(MUST_PASS), listed(1))


def test_the_report_names_what_failed_and_what_in_the_list_is_no_longer_true() -> None:
    outcomes = {"a.py::A::test": FAILED, "b.py::B::test": PASSED, "c.py::C::test": FAILED}
    assert list(report(outcomes, {"b.py::B::test": "It was so.", "c.py::C::test": "It is so."})) == [
        "1 passed, 2 failed, 0 skipped, of 3",
        "failed: a.py::A::test",
        "    why",
        "passed, but expected to fail: b.py::B::test",
        "failed as expected: c.py::C::test",
        "    It is so.",
    ]


def test_a_junit_file_is_read_and_the_worst_that_became_of_a_test_counts(tmp_path: Path) -> None:
    junit = tmp_path / "junit.xml"
    junit.write_text(
        """<testsuites><testsuite>
        <testcase classname="irctest.server_tests.a.A" name="test[x::y]" file="irctest/server_tests/a.py"/>
        <testcase classname="irctest.server_tests.b.B" name="test" file="irctest/server_tests/b.py"/>
        <testcase classname="irctest.server_tests.b.B" name="test" file="irctest/server_tests/b.py">
            <error message="first&#10;second"/></testcase>
        <testcase classname="irctest.server_tests.c.C" name="test" file="irctest/server_tests/c.py">
            <skipped message="not here"/></testcase>
        </testsuite></testsuites>"""
    )
    assert read(junit) == {
        "a.py::A::test[x::y]": PASSED,
        "b.py::B::test": Outcome("failed", "first"),
        "c.py::C::test": SKIPPED,
    }


def test_each_expected_failure_has_a_reason_of_one_sentence() -> None:
    assert len(EXPECTED) <= MAY_FAIL
    for name, reason in EXPECTED.items():
        assert re.fullmatch(r"\w+(/\w+)*\.py::\w+::test\w+(\[.*\])?", name)
        assert re.fullmatch(r"[A-Z][^.?!]*(\.\w[^.?!]*)*\.", reason), reason


@pytest.fixture
def irctest(tmp_path: Path) -> Path:
    """A suite in the form of irctest."""
    tests = tmp_path / "irctest" / suite.TESTS
    tests.mkdir(parents=True)
    (tests / "things.py").write_text(textwrap.dedent(TESTS))
    (tests.parent / "irc_utils").mkdir()
    (tests.parent / "irc_utils" / "junkdrawer.py").write_text('s.bind(("", 0))\n')
    root = tests.parents[1]
    (root / "conftest.py").write_text(textwrap.dedent(CONFTEST))
    ini = "[pytest]\npython_files = *_tests/*.py\npython_classes = *TestCase\nmarkers =\n    strict\n"
    (root / "pytest.ini").write_text(ini)
    return root


@pytest.mark.slow
def test_a_suite_is_run_in_a_copy_and_its_failures_are_compared_with_the_list(
    tmp_path: Path, irctest: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    before = {file: file.read_bytes() for file in irctest.rglob("*") if file.is_file()}
    arguments = [str(irctest), "--python", sys.executable, "--keep", str(tmp_path / "kept"), "--select", "ThingTestCase"]
    assert program.main([*arguments, "--junit", str(tmp_path / "junit.xml")]) == 1
    said = capsys.readouterr().out
    assert "3 passed, 1 failed, 1 skipped, of 5" in said
    assert "passed at the second attempt: things.py::ThingTestCase::test_that_fails_once" in said
    assert f"failed: {WRONG}\n    AssertionError: two is wrong" in said
    assert {file: file.read_bytes() for file in irctest.rglob("*") if file.is_file()} == before
    assert "127.0.0.1" in (tmp_path / "kept" / "suite" / "irctest" / "irc_utils" / "junkdrawer.py").read_text()
    assert len(read(tmp_path / "junit.xml")) == 5

    monkeypatch.setattr(program, "EXPECTED", {WRONG: "Two is wrong."})
    assert program.main([*arguments[:3], "--jobs", "2", "--select", "ThingTestCase"]) == 0
    assert f"failed as expected: {WRONG}" in capsys.readouterr().out


@pytest.mark.slow
def test_a_suite_that_cannot_be_run_is_said_so(irctest: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (irctest / "conftest.py").write_text("import nothing_of_that_name\n")
    assert program.main([str(irctest), "--python", sys.executable]) == 1
    assert "pytest ended with 4" in capfd.readouterr().err


def test_what_is_no_suite_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        program.main([str(tmp_path)])
    assert "no checkout of irctest" in capsys.readouterr().err
