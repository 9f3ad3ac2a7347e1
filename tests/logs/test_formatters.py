"""The forms of the log: whatever an event holds, it is one line that is fit to be shown."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, strategies as st
from twisted.logger import LogEvent, LogLevel
from twisted.python.failure import Failure

from lanchat.logs.formatters import MAX_FIELDS, MAX_LINE, for_journald, format_json, format_text, format_untimed
from lanchat.protocol.packet import visible


class Rude:
    """Has no text."""

    def __repr__(self) -> str:
        raise RuntimeError("no")


class Shy(Failure):
    """Does not tell its traceback."""

    def getTraceback(self, *_: Any, **__: Any) -> str:
        """Raise."""
        raise RuntimeError("no")


class Loud(Exception):
    """Raises when it is asked what it is about."""

    def __str__(self) -> str:
        raise RuntimeError("no")


def event(form: str = "refused {ip}: {why}", level: str = "warn", **fields: Any) -> LogEvent:
    about = {"log_time": 1795273445.5, "log_level": LogLevel.lookupByName(level), "log_namespace": "lanchat.edge"}
    return {"log_format": form, **about, **fields}


def failed(error: Exception, depth: int = 0) -> Failure:
    """A failure with so many calls in its traceback."""
    try:
        raised(error, depth)
    except type(error):
        return Failure()
    raise AssertionError


def raised(error: Exception, depth: int) -> None:
    if depth:
        raised(error, depth - 1)
    else:
        raise error


def record(about: LogEvent) -> dict[str, Any]:
    """The one object that is on the line."""
    line = format_json(about)
    assert line.endswith(b"\n")
    assert line.count(b"\n") == 1
    assert len(line) <= MAX_LINE
    read: dict[str, Any] = json.loads(line, parse_constant=pytest.fail)
    return read


def test_for_people_it_is_a_line_as_twistd_writes_it() -> None:
    line = format_text(event(ip="10.0.0.1", why="full")).decode()
    assert line[:11] == "2026-11-21T"
    assert line[25:] == "[lanchat.edge#warn] refused 10.0.0.1: full\n"


def test_for_programs_it_is_an_object_with_what_the_event_holds() -> None:
    assert record(event(ip="10.0.0.1", why="full", n=3, share=0.5, known=None, audit=True, whose=Rude())) == {
        "time": "2026-11-21T15:04:05.500Z",
        "level": "warn",
        "namespace": "lanchat.edge",
        "message": "refused 10.0.0.1: full",
        "fields": {"ip": "10.0.0.1", "why": "full", "n": 3, "share": 0.5, "known": None, "audit": True},
    }


@pytest.mark.parametrize("form", [format_text, format_untimed])
def test_what_could_be_taken_for_a_line_of_the_log_or_for_a_command_to_the_terminal_is_written_out(form: Any) -> None:
    line = form(event(ip="x\n2026-11-21T15:04:05+0000 [lanchat#info] \x1b[2J", why="\u202e{0.__class__}")).decode()
    assert line.count("\n") == 1
    assert line[:-1].isprintable()
    assert r"x\n2026" in line
    assert r"\x1b[2J: \u202e{0.__class__}" in line


def test_a_traceback_follows_its_line_and_no_line_of_it_could_be_one_of_the_log() -> None:
    failure = failed(ValueError("first\n2026-11-21T15:04:05+0000 [-] second\x1b"))
    first, *others = format_text(event("a packet was not served", log_failure=failure)).decode().splitlines()
    assert first.endswith("] a packet was not served")
    assert others[0] == "\tTraceback (most recent call last):"
    assert all(line.startswith("\t") and line[1:].isprintable() for line in others)
    assert others[-1].endswith(r"second\x1b")


def test_in_json_a_traceback_is_a_text_of_several_lines() -> None:
    read = record(event("not served", log_failure=failed(ValueError("why"))))
    assert read["message"] == "not served"
    assert read["traceback"].startswith("Traceback (most recent call last):\n")
    assert read["traceback"].endswith("ValueError: why")


def test_of_a_long_traceback_both_ends_are_shown() -> None:
    _, *lines = format_text(event("x", log_failure=failed(ValueError("the end"), 400))).decode().splitlines()
    assert len(lines) == 101
    assert "lines ..." in lines[50]
    assert lines[-1] == "\tbuiltins.ValueError: the end"


def test_a_failure_of_the_older_log_is_told_as_one_of_the_newer() -> None:
    failure = failed(ValueError("why"))
    old: dict[str, Any] = {
        "log_text": "Unhandled Error\nTraceback...",
        "failure": failure,
        "isError": 1,
        "message": (),
        "why": None,
    }
    read = record(event("{log_text}", **old))
    assert read["message"] == "Unhandled Error"
    assert read["traceback"].endswith("ValueError: why")
    assert read["fields"] == {}


def test_an_exception_that_can_not_be_shown_is_named() -> None:
    assert "Loud" in record(event("x", log_failure=failed(Loud())))["traceback"]
    assert "no traceback of this <class 'ValueError'>" in record(event("x", log_failure=Shy(ValueError())))["traceback"]


def test_what_is_too_long_for_a_line_is_cut_and_says_so() -> None:
    read = record(event("{x}", x="\U0001f600" * 100_000, log_failure=failed(ValueError("\U0001f600" * 9_000), 300)))
    assert read["cut"] is True
    assert read["message"].endswith("...")
    assert "cut" not in record(event(ip="10.0.0.1", why="full"))


def test_an_event_has_a_bounded_number_of_fields() -> None:
    assert len(record(event("x", "info", **{f"field{n}": n for n in range(1000)}))["fields"]) == MAX_FIELDS


@pytest.mark.parametrize("value", [2**53 + 1, 10**5000, -(10**400)], ids=["large", "larger than text", "negative"])
def test_a_number_that_not_every_reader_can_read_is_left_out(value: int) -> None:
    assert record(event("x", n=value, m=1))["fields"] == {"m": 1}


def test_journald_is_told_how_grave_each_line_is_and_not_the_time() -> None:
    lines = for_journald(format_untimed)(event("not served", "critical", log_failure=failed(ValueError()))).splitlines()
    assert lines[0] == b"<2>[lanchat.edge#critical] not served"
    assert all(line.startswith(b"<2>\t") for line in lines[1:])
    assert json.loads(for_journald(format_json)(event("x")).removeprefix(b"<4>"))["message"] == "x"


ANY = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(),
        st.floats(),
        st.binary(),
        st.text(st.characters()),
        st.text(st.characters(categories=["Cs", "Cc", "Zl", "Zp", "Cf"])),
        st.builds(Rude),
        st.builds(failed, st.builds(Loud)),
        st.builds(failed, st.builds(ValueError, st.text(st.characters()))),
    ),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)
NAMES = st.text(st.characters(), max_size=20) | st.sampled_from(
    ["log_format", "log_time", "log_namespace", "log_failure", "log_system", "failure", "why", "log_text", "x", "y"]
)
FORMS = ANY | st.sampled_from(["{x}", "{y.__class__}", "{x()}", "{x[0]}", "{x!r}", "{", "{x:>9}", "%s", b"{x}", "\ud800{x}"])


@given(st.dictionaries(NAMES, ANY), FORMS, st.sampled_from([*LogLevel.iterconstants(), None]))
def test_whatever_an_event_holds_it_is_one_line(held: dict[str, Any], form: Any, level: Any) -> None:
    about = {**held, "log_format": form, "log_level": level}
    assert {"time", "level", "namespace", "message", "fields"} <= record(about).keys()
    first, *others = format_text(about).decode().removesuffix("\n").split("\n")
    assert visible(first) == first
    assert all(line.startswith("\t") and visible(line[1:]) == line[1:] for line in others)
