"""Pages by time and by place: in words and as members of `x`, the same entries in the same order."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, strategies as st
from twisted.internet.task import Clock

from lanchat.history.moments import Moment, place_of
from lanchat.history.pages import page
from lanchat.protocol.entry import ACTION, BOT, EVENT, NOTHING, Entry
from lanchat.protocol.events import KICKED, RoomEvent
from tests.fakes import User, log_in, make_router
from tests.history.test_history import LIMITS, LOGS, PLACES, all_pages, half_fresh, joined


@given(LOGS, PLACES, PLACES, LIMITS)
def test_between_two_places_is_all_of_it_once(log: list[Entry], after: int, before: int, limit: int) -> None:
    after, before = sorted((after, before))
    wanted = [entry.seq for entry in log if after < entry.seq < before and entry.conv in ("r1", "r2")]
    connection = half_fresh(log)
    found = all_pages(lambda edge: page(connection, ["r1", "r2"], after=edge, before=before, limit=limit), after)
    assert joined(found) == wanted


@given(LOGS, st.integers(0, 65), LIMITS)
def test_what_is_before_a_moment_and_what_is_after_it_is_everything(log: list[Entry], second: int, limit: int) -> None:
    connection = half_fresh(log)
    place = place_of(connection, Moment(second * 1000))
    assert all(entry.ts < second * 1000 for entry in page(connection, ["r1"], before=place, limit=99).entries)
    around = page(connection, ["r1"], around=place, limit=limit).entries
    assert sum(entry.ts >= second * 1000 for entry in around) <= limit - limit // 2


@pytest.fixture
def talk() -> tuple[User, Clock]:
    """Somebody in a room, in which a message is said each hour from 14:03:22.5 to 19:03:22.5 on 2026-11-20; it is 20:03."""
    router, clock = make_router()
    ann = User(router, "ann").register()
    ann.send("/create", "#ops")
    for hour in range(14, 20):
        ann.send("#ops", f"at {hour}")
        clock.advance(3600)
    ann.shown()
    return ann, clock


@pytest.mark.parametrize(
    ("typed", "members", "hours"),
    [
        ("before 3", {"before": 3}, [14, 15]),
        ("before e1.3", {"before": "e1.3"}, [14, 15]),
        ("before 2026-11-20T16:03:22.500Z", {"before": "2026-11-20T16:03:22.500Z"}, [14, 15]),
        ("before 2026-11-20T16:03:22.501Z", {"before": "2026-11-20T16:03:22.501Z"}, [14, 15, 16]),
        ("after 2026-11-20 18:03:22.500Z 20", {"after": "2026-11-20T18:03:22.500Z", "limit": 20}, [18, 19]),
        ("2 after 150m", {"after": "150m", "limit": 2}, [18, 19]),
        ("around 2026-11-20T15:30Z 2", {"around": "2026-11-20T15:30Z", "limit": 2}, [15, 16]),
        ("between 2 and 5", {"after": 2, "before": 5}, [16, 17]),
        ("2 after e1.2 before 6", {"after": "e1.2", "before": 6, "limit": 2}, [16, 17]),
        ("between 2026-11-20T15:00Z 2026-11-20T18:03:22.5Z", {"after": "2026-11-20T15:00Z", "before": "130m"}, [15, 16, 17]),
        ("after 2026-11-21T03:00Z", {"after": "2026-11-21T03:00Z"}, []),
    ],
)
def test_a_place_means_the_same_in_words_and_as_a_member(
    typed: str, members: dict[str, Any], hours: list[int], talk: tuple[User, Clock]
) -> None:
    ann, _ = talk
    ann.send("/history", f"#ops {typed}")
    assert [line.partition("#ops: ")[2] for line in ann.msgs() if " -> " in line] == [f"at {hour}" for hour in hours]
    phone = log_in(ann.router, "ann", "id", "room", dev="phone")
    phone.shown()
    phone.send("/history", "#ops", cid="c", **members)
    *page_, end = phone.shown()
    assert [packet.msg for packet in page_] == [f"at {hour}" for hour in hours]
    assert (end.x and end.x.op, end.x and end.x.n) == ("end", len(hours))


def test_between_two_places_pages_go_on_to_the_end(talk: tuple[User, Clock]) -> None:
    ann, clock = talk
    found, line = list[str](), "/history #ops 2 between 5h 30m numbers"
    while line:
        ann.send(*line.split(" ", 1))
        lines = ann.msgs()
        line = lines.pop().partition("There is more: ")[2] if "There is more" in lines[-1] else ""
        found += lines
        clock.advance(60)
    assert [shown[17:] for shown in found] == [f"ann -> #ops: at {hour} [{hour - 13}]" for hour in range(15, 20)]


@pytest.mark.parametrize(
    ("typed", "code", "says"),
    [
        ("before yesterday", "USAGE", "yesterday is no place in the log"),
        ("before e2.3", "NO_SUCH_TARGET", "There is no message e2.3"),
        ("between 3", "USAGE", "Usage: /history ROOM-OR-USER"),
        ("between 5 2", "USAGE", "the earlier one first"),
        ("around 3 before 2", "USAGE", "Use only one of"),
        ("before", "USAGE", "Usage: /history"),
        ("sometime", "USAGE", "A place is the number of a message"),
    ],
)
def test_what_is_no_place_is_one_error_and_no_page(typed: str, code: str, says: str, talk: tuple[User, Clock]) -> None:
    phone = log_in(talk[0].router, "ann", "id", dev="phone")
    phone.shown()
    phone.send("/history", f"#ops {typed}", cid="c")
    told = phone.told()
    assert says in told.msg
    assert told.x is not None
    assert (told.x.op, told.x.code, told.msg.count("\n")) == ("fail", code, 0)


def test_people_read_events_and_actions_and_old_programs_see_no_events() -> None:
    router, clock = make_router()
    ann = User(router, "ann").register()
    ann.send("/create", "#ops")
    conv = router.chat.rooms.get("#ops", ann.session).conv
    event = RoomEvent(KICKED, "bob", "loud\x1b").encode()
    for kind, about, msg in ((ACTION, None, "waves"), (BOT, None, "done"), (EVENT, NOTHING, event)):
        entry = Entry(conv, 1, "ann", "10.0.0.1", "#ops", msg, round(clock.seconds() * 1000), kind=kind, about=about)
        entry.source = (ann.session, router.chat.rooms.get("#ops", ann.session), "") if about is None else lambda entry: None
        ann.session.pending += about is None
        router.chat.store.append(entry)
    happened = "* bob was taken out of #ops by ann (loud\\x1b)"
    for caps, wanted in (([], []), (["event"], [happened])):
        reader = log_in(router, "ann", "ack", dev="x") if caps else ann
        reader.session.caps = frozenset(caps) or None
        reader.shown()
        reader.send("/history", "#ops")
        assert [line[17:] for line in reader.msgs()] == [
            "ann -> #ops: * ann waves",
            "ann (bot) -> #ops: done",
            *wanted,
        ]


def test_a_program_may_leave_out_what_was_done_with_a_room() -> None:
    router, _ = make_router()
    ann = User(router, "ann").register()
    ann.send("/create", "#ops")
    ann.send("#ops", "one")
    User(router, "bob").register().send("/join", "#ops")
    reader = log_in(router, "ann", "id", "event", dev="x")
    for events, ops in ((None, [None, "event", "end"]), (True, [None, "event", "end"]), (False, [None, "end"])):
        reader.shown()
        reader.send("/history", target="#ops", events=events)
        assert [x.get("op") for x in reader.xs()] == ops
