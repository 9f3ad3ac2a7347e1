"""Read markers: MARKREAD, on all devices of a user, whatever they are."""

from __future__ import annotations

import pytest
from twisted.internet.task import Clock

from lanchat.core.router import Router
from lanchat.irc.server import MAX_REMEMBERED, Markers
from tests.fakes import PASSWORD, User, log_in, store_of
from tests.irc.wire import IrcWire, make_chat, numbers

CAP = "draft/read-marker"
EARLY, LATE = "2019-01-04T14:33:26.123Z", "2019-06-01T12:00:00.000Z"


@pytest.fixture
def chat() -> tuple[Router, Clock]:
    """A chat with the room #ops, in which bob said two things, a second apart; ann has an account and is a member of it."""
    router, clock = make_chat()
    bob, ann = User(router, "bob").register(), User(router, "ann").register()
    bob.send("/create", "#ops")
    ann.send("/join", "#ops")
    ann.leave()
    for word in ("one", "two"):
        clock.advance(1)
        bob.send("#ops", word)
    clock.advance(1)
    return router, clock


def device(chat: tuple[Router, Clock], caps: str = CAP) -> IrcWire:
    """A device of ann, that has read what it was told at the login."""
    wire = IrcWire(*chat)
    wire.ask(f"CAP REQ :{caps} draft/chathistory", f"PASS :{PASSWORD}", "NICK ann", "USER x 0 * :X", "CAP END")
    return wire


def shown(target: str, moment: str) -> list[str]:
    """The line that tells of a marker."""
    return [f":irc.lan MARKREAD {target} {moment}"]


def test_a_guest_sets_it_forward_and_reads_it(chat: tuple[Router, Clock]) -> None:
    wire = IrcWire(*chat, "eve", CAP)
    wire.ask("JOIN #ops")
    assert wire.ask("MARKREAD #ops") == shown("#ops", "*")
    assert wire.ask("MARKREAD #nothing") == shown("#nothing", "*")
    assert wire.ask(f"MARKREAD #ops timestamp={LATE}") == shown("#ops", f"timestamp={LATE}")
    assert wire.ask(f"MARKREAD #ops timestamp={EARLY}") == shown("#ops", f"timestamp={LATE}")
    assert wire.ask("MARKREAD #OPS") == shown("#OPS", f"timestamp={LATE}")
    assert wire.ask(f"MARKREAD bob timestamp={EARLY}", "MARKREAD bob") == shown("bob", f"timestamp={EARLY}") * 2
    assert IrcWire(*chat, "carl", CAP).ask("MARKREAD bob") == shown("bob", "*")


def test_it_is_where_other_devices_have_read(chat: tuple[Router, Clock]) -> None:
    page = log_in(chat[0], "ann", "id", "room", "resume", "read")
    page.shown()
    wire = device(chat)
    page.send("/read", "#ops", seq=2)
    assert wire.lines() == shown("#ops", "timestamp=2026-11-20T14:03:23.500Z")
    assert wire.ask("MARKREAD #ops") == shown("#ops", "timestamp=2026-11-20T14:03:23.500Z")
    page.shown()
    assert wire.ask("MARKREAD #ops timestamp=2026-11-20T14:03:24.500Z") == shown("#ops", "timestamp=2026-11-20T14:03:24.500Z")
    (told,) = page.xs()
    assert (told["ev"], told["conv"], told["seq"]) == ("read", "#ops", 3)
    page.send("/conversations")
    assert [row["unread"] for row in page.xs()[0]["conversations"]] == [0]  # type: ignore[attr-defined]  # (a list of rows)


def test_all_devices_for_irc_are_told_once(chat: tuple[Router, Clock]) -> None:
    phone, laptop, old = device(chat), device(chat), device(chat, "batch")
    for moment in (EARLY, "2026-11-20T14:03:24.000Z"):
        assert phone.ask(f"MARKREAD #ops timestamp={moment}") == shown("#ops", f"timestamp={moment}")
        assert laptop.lines() == shown("#ops", f"timestamp={moment}")
    assert old.lines() == []
    assert laptop.ask(f"MARKREAD #ops timestamp={EARLY}") == shown("#ops", "timestamp=2026-11-20T14:03:24.000Z")
    assert phone.lines() == []


def test_a_moment_in_the_future_is_now(chat: tuple[Router, Clock]) -> None:
    assert device(chat).ask("MARKREAD #ops timestamp=2100-01-01T00:00:00.000Z") == shown(
        "#ops", "timestamp=2026-11-20T14:03:25.500Z"
    )


def test_it_comes_with_a_room_before_the_end_of_its_names(chat: tuple[Router, Clock]) -> None:
    wire = IrcWire(*chat, "eve", CAP)
    told = numbers(wire.ask("JOIN #ops"))
    assert told.index("MARKREAD") < told.index("366")
    wire.ask(f"MARKREAD #ops timestamp={EARLY}", "PART #ops")
    assert shown("#ops", f"timestamp={EARLY}")[0] in wire.ask("JOIN #ops")
    again = IrcWire(*chat)
    told = again.ask(f"CAP REQ {CAP}", f"PASS :{PASSWORD}", "NICK ann", "USER x 0 * :X", "CAP END")
    assert shown("#ops", "*")[0] in told
    assert "MARKREAD" not in numbers(IrcWire(*chat, "dan").ask("JOIN #ops"))


@pytest.mark.parametrize(
    ("line", "answer"),
    [
        ("MARKREAD", "NEED_MORE_PARAMS :Missing parameters"),
        ("MARKREAD #ops *", "INVALID_PARAMS * :Invalid timestamp"),
        ("MARKREAD #ops timestamp=now", "INVALID_PARAMS timestamp=now :Invalid timestamp"),
        ("MARKREAD #ops msgid=e1.2", "INVALID_PARAMS msgid=e1.2 :Invalid timestamp"),
    ],
)
def test_what_is_wrong_is_told(chat: tuple[Router, Clock], line: str, answer: str) -> None:
    assert device(chat).ask(line) == [f":irc.lan FAIL MARKREAD {answer}"]


def test_what_can_t_be_stored_is_told_and_can_be_tried_again(chat: tuple[Router, Clock]) -> None:
    wire, store = device(chat), store_of(chat[0].chat)
    store.broken = True
    (told,) = wire.ask("MARKREAD #ops timestamp=2026-11-20T14:03:24.500Z")
    assert told.startswith(":irc.lan FAIL MARKREAD INTERNAL_ERROR #ops :")
    store.broken = False
    assert wire.ask("MARKREAD #ops") == shown("#ops", "*")
    assert wire.ask("MARKREAD #ops timestamp=2026-11-20T14:03:24.500Z") == shown("#ops", "timestamp=2026-11-20T14:03:24.500Z")


def test_only_so_many_are_remembered(chat: tuple[Router, Clock]) -> None:
    markers, session = Markers(), User(chat[0], "eve").session
    for number in range(MAX_REMEMBERED + 1):
        markers.move(session, f"#{number}", EARLY)
    assert [markers.of(session, target) for target in ("#0", "#1", f"#{MAX_REMEMBERED}")] == ["", EARLY, EARLY]


def test_a_name_with_a_space_is_no_fault(chat: tuple[Router, Clock]) -> None:
    assert device(chat).ask("MARKREAD :a b") == shown("a_b", "*")
