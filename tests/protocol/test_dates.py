"""Dates: one without a zone is local time wherever one is read or shown, in summer and in winter."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import datetime, timezone

import pytest
from hypothesis import given, strategies as st

from lanchat.admin import files, options
from lanchat.commands.history import _line
from lanchat.history.search import parse_query, search
from lanchat.protocol.dates import parse_date
from lanchat.protocol.extensions import AnswerX
from lanchat.protocol.packet import ReceivedPacket, Sender
from lanchat.terminal.formatting import Formatter
from tests.memory_log import log_of, said, seqs

# Rules of zones as POSIX has them, for systems without the files of zones: Japan, and middle Europe with its summer time.
TOKYO, BERLIN = "JST-9", "CET-1CEST,M3.5.0,M10.5.0/3"
NOON = datetime(2026, 11, 20, 12, tzinfo=timezone.utc).timestamp()


@pytest.fixture
def zone() -> Iterator[Callable[[str], None]]:
    """Sets the zone of this machine."""
    with pytest.MonkeyPatch.context() as patch:

        def move(rules: str) -> None:
            patch.setenv("TZ", rules)
            time.tzset()

        yield move
    time.tzset()


def utc(text: str) -> str:
    """A date as it was read, in UTC."""
    return datetime.fromtimestamp(parse_date(text), timezone.utc).isoformat().removesuffix("+00:00")


@pytest.mark.parametrize(
    ("rules", "text", "means"),
    [
        (TOKYO, "2026-11-20", "2026-11-19T15:00:00"),
        (TOKYO, "2026-11-20T02:10", "2026-11-19T17:10:00"),
        (TOKYO, "2026-11-20 02:10", "2026-11-19T17:10:00"),
        (TOKYO, "2026-11-20T02:10:30Z", "2026-11-20T02:10:30"),
        (TOKYO, "2026-11-20t02:10:30.25+01:00", "2026-11-20T01:10:30.250000"),
        (BERLIN, "2026-07-01", "2026-06-30T22:00:00"),
        (BERLIN, "2026-12-01", "2026-11-30T23:00:00"),
        (BERLIN, "2026-10-25T02:30", "2026-10-25T00:30:00"),  # it comes twice: the first
        (BERLIN, "2026-10-25T02:30+01:00", "2026-10-25T01:30:00"),
        (BERLIN, "2026-03-29T02:30", "2026-03-29T01:30:00"),  # there is none: 03:30
        ("UTC", "2026-11-20", "2026-11-20T00:00:00"),
    ],
)
def test_a_date_without_a_zone_is_local(zone: Callable[[str], None], rules: str, text: str, means: str) -> None:
    zone(rules)
    assert utc(text) == means
    assert options.read(["export", "--since", text]).since == round(parse_date(text) * 1000)
    if " " not in text:
        assert parse_query(f"x since:{text}", NOON).since == int(parse_date(text) * 1000)


@pytest.mark.parametrize(
    "text", ["", "yesterday", "2026-13-01", "2026-11-31", "20261120", "2026-11-20T", "2026-11-20Z", "0000-01-01"]
)
def test_what_is_no_date_is_refused(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 (there is no text)
        parse_date(text)


@pytest.mark.parametrize("rules", [TOKYO, BERLIN, "EST5EDT,M3.2.0,M11.1.0"])
@pytest.mark.parametrize("text", ["0001-01-01", "9999-12-31T23:59:59", "9999-12-31T23:59:59-23:59"])
def test_a_date_at_the_edge_of_time_is_read_or_refused(zone: Callable[[str], None], rules: str, text: str) -> None:
    zone(rules)
    with suppress(ValueError):
        parse_date(text)


@given(st.integers(1_767_225_600, 1_798_761_600), st.sampled_from([TOKYO, BERLIN]))
def test_what_history_shows_finds_the_message(seconds: int, rules: str) -> None:
    """Any second of 2026, by its day and by its minute; of the hour that comes twice, both."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TZ", rules)
        time.tzset()
        entry = said(1, "r1", "pump restarted", ts=seconds * 1000)
        day, minute = _line(entry)[:10], _line(entry)[:16].replace(" ", "T")
        for since in (day, minute):
            assert seqs(search(log_of([entry]), parse_query(f"pump since:{since}", NOON), ["r1"]).entries) == [1]
    time.tzset()


def test_the_client_shows_a_time_as_clocks_showed_it_then(zone: Callable[[str], None]) -> None:
    zone(BERLIN)
    winter = datetime(2026, 12, 1, 12).astimezone()
    painter = Formatter(colours=False, clock=lambda: winter)
    told = AnswerX(id="1", ts="2026-07-01T12:00:00.000Z")
    assert (
        painter.packet(ReceivedPacket(Sender("bob", ""), "Everyone", "hi", told)).rendered() == "2026-07-01 14:00:00 bob: hi\n"
    )


def test_the_administrator_is_told_local_days(zone: Callable[[str], None]) -> None:
    zone(TOKYO)
    assert files._day(round(parse_date("2026-11-20T02:10"))) == "2026-11-20"
