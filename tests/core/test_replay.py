"""Replay: what a device missed comes in the order of the log, then what is said now; nothing is lost between the two."""

from __future__ import annotations

import sqlite3
from itertools import count, islice

import pytest
from twisted.internet.task import Clock

from lanchat.core.replay import SHOWN
from lanchat.core.router import Router
from lanchat.history import positions
from lanchat.history.pages import MAX_PAGE
from lanchat.model.session import MAX_HELD
from lanchat.protocol.errors import RateLimited, TooSlow
from tests.fakes import PASSWORD, FakeStore, User, Wire, dump, log_in, log_in_classic, make_router, store_of
from tests.live import line


@pytest.fixture
def router_and_clock() -> tuple[Router, Clock]:
    router, clock = make_router()
    User(router, "ann").register().leave()
    return router, clock


@pytest.fixture
def router(router_and_clock: tuple[Router, Clock]) -> Router:
    return router_and_clock[0]


@pytest.fixture
def store(router: Router) -> FakeStore:
    return store_of(router.chat)


@pytest.fixture
def bob(router: Router) -> User:
    """A guest who talks."""
    return User(router, "bob")


def known_device(router: Router, dev: str = "phone") -> None:
    """A device that was there before anything was said."""
    log_in(router, "ann", dev=dev).leave()


def say(bob: User, *texts: object) -> None:
    """Say this to ann."""
    for text in texts:
        bob.send("ann", str(text))


def read(user: User) -> list[tuple[str, object]]:
    """What a capable client was shown: texts, with the batch they are in; and what else it was told, by its `op`."""
    shown = [(packet.msg, dump(packet.x)) for packet in user.shown()]
    return [(str(x["op"]), x.get("n")) if "op" in x else (msg, x.get("batch")) for msg, x in shown]


# A device that can say how far it has come.


def test_what_was_missed_comes_as_a_batch_then_its_end_then_what_is_said_now(router: Router, bob: User) -> None:
    known_device(router)
    say(bob, "one", "two")
    phone = log_in(router, "ann", dev="phone")
    say(bob, "three")
    welcome, one, two, end, three = phone.shown()
    assert (dump(welcome.x)["resumed"], dump(welcome.x)["missed"]) == (True, 2)
    assert [dump(packet.x)["seq"] for packet in (one, two, three)] == [1, 2, 3]
    assert [dump(packet.x).get("batch") for packet in (one, two, three)] == ["resume", "resume", None]
    x = dump(end.x)
    assert (x["op"], x["n"], x["more"], x["before"]) == ("end", 2, False, 1)


def test_what_was_not_acknowledged_comes_again(router: Router, bob: User) -> None:
    known_device(router)
    say(bob, "one", "two")
    phone = log_in(router, "ann", dev="phone")
    phone.send("/ack", seq=1)
    phone.leave()
    assert read(log_in(router, "ann", dev="phone"))[1:] == [("two", "resume"), ("end", 1)]


def test_a_client_may_say_from_where(router: Router, bob: User) -> None:
    say(bob, "one", "two", "three")
    phone = log_in(router, "ann", dev="new", resume={"epoch": "e1", "seq": 1})
    assert read(phone)[1:] == [("two", "resume"), ("three", "resume"), ("end", 2)]


@pytest.mark.parametrize(
    "resume",
    [
        {"epoch": "e0", "seq": 1},
        {"epoch": "e1", "seq": 3},
        {"epoch": "e1", "seq": -1},
        {"epoch": "e1", "seq": 10**30},
        {"epoch": "e1", "seq": "1"},
        {"epoch": "e1", "seq": 1.0},
        {"epoch": "e1", "seq": True},
        {"epoch": ["e1"], "seq": 1},
        {"epoch": "e1"},
        {"seq": 1},
        {},
    ],
)
def test_what_is_no_place_in_this_log_is_not_resumed(router: Router, bob: User, resume: dict[str, object]) -> None:
    known_device(router)
    say(bob, "one", "two")
    phone = log_in(router, "ann", dev="phone", resume=resume)
    say(bob, "three")
    welcome, three = phone.shown()
    assert (dump(welcome.x)["resumed"], "missed" in dump(welcome.x), dump(welcome.x)["seq"]) == (False, False, 2)
    assert (three.msg, dump(three.x)["seq"]) == ("three", 3)


def test_a_backlog_of_many_pages_comes_whole_and_in_order(router: Router, bob: User) -> None:
    known_device(router)
    router.chat.limits.set("packets", "off")
    many = 2 * MAX_PAGE + 7
    say(bob, *range(many))
    assert read(log_in(router, "ann", dev="phone"))[1:] == [*((str(n), "resume") for n in range(many)), ("end", many)]


@pytest.mark.parametrize("at", [0, 1, 2])
def test_what_is_said_while_a_replay_reads_the_log_is_neither_lost_nor_doubled(
    router: Router, store: FakeStore, bob: User, at: int
) -> None:
    known_device(router)
    say(bob, "one")
    store.slow = True
    phone = log_in(router, "ann", dev="phone")
    for step in range(3):
        if step == at:
            say(bob, "two")
        if store.asks:
            store.answer()
    while store.asks:
        store.answer()
    say(bob, "three")
    assert [msg for msg, _ in read(phone)[1:] if msg != "end"] == ["one", "two", "three"]


def test_what_is_committed_between_the_reading_and_the_answer_comes_once(router: Router, store: FakeStore, bob: User) -> None:
    known_device(router)
    say(bob, "one")
    store.slow = True
    phone = log_in(router, "ann", dev="phone")
    store.answer()  # how many were missed
    store.look()
    say(bob, "two")  # (it is not in what was read)
    while store.asks:
        store.answer()
    assert read(phone)[1:] == [("one", "resume"), ("two", "resume"), ("end", 2)], "all of it before the end"


@pytest.mark.parametrize("at_once", [1, MAX_HELD, MAX_HELD + 1])
def test_a_replay_ends_also_where_something_is_said_all_the_time(
    router: Router, store: FakeStore, bob: User, at_once: int
) -> None:
    known_device(router)
    router.chat.limits.set("packets", "off")
    store.slow = True
    phone, numbers = log_in(router, "ann", dev="phone"), count()
    store.answer()
    for _ in range(3):
        if store.asks:
            store.look()
            say(bob, *islice(numbers, at_once))
            store.answer()
    assert bool(store.asks) is (at_once > MAX_HELD)
    while store.asks:
        store.answer()
    texts = [msg for msg, _ in read(phone)[1:] if msg != "end"]
    assert texts == [str(n) for n in range(next(numbers))]


def test_a_replay_ends_also_where_a_room_was_left_meanwhile(router: Router, store: FakeStore, bob: User) -> None:
    owner = User(router, "zoe").register()
    owner.send("/create", "#ops")
    tablet = log_in(router, "ann", dev="tablet")
    tablet.send("/join", "#ops")
    known_device(router)
    store.slow = True
    phone = log_in(router, "ann", dev="phone")
    store.answer()
    store.look()
    owner.send("#ops", "news")
    tablet.send("/leave", "#ops")
    assert phone.session.backlog is not None
    phone.session.backlog.held = None  # (as if it had been too much to hold)
    for _ in range(5):
        if store.asks:
            store.answer()
    assert not store.asks
    assert read(phone)[-1] == ("end", 0)
    say(bob, "now")
    assert read(phone) == [("now", None)]


def test_what_one_says_during_its_own_replay_skips_nothing(router: Router, store: FakeStore, bob: User) -> None:
    known_device(router)
    router.chat.limits.set("packets", "off")
    say(bob, *range(MAX_PAGE + 5))
    store.slow = True
    phone = log_in(router, "ann", dev="phone")
    store.answer()
    store.look()  # (the first page)
    phone.send("bob", "mine", cid="1")
    while store.asks:
        store.answer()
    assert [msg for msg, batch in read(phone) if batch == "resume" and msg != "mine"] == [str(n) for n in range(MAX_PAGE + 5)]


def test_a_replay_waits_for_a_client_that_does_not_read(router: Router, bob: User) -> None:
    known_device(router)
    say(bob, "one", "two")
    phone = User(router, "ann", greeted=False)
    phone.client.is_behind = True
    auth = {"mech": "PLAIN", "password": PASSWORD}
    phone.send("/hello", "lanchat", v=1, caps=["id", "resume", "history"], dev="phone", auth=auth)
    assert read(phone) == [("welcome", None)]
    say(bob, "three")
    phone.client.is_behind = False
    phone.client.drained.callback(None)
    assert read(phone) == [("one", "resume"), ("two", "resume"), ("three", "resume"), ("end", 3)]
    say(bob, "four")
    assert read(phone) == [("four", None)]


SKIPPED = "The messages you missed can't be shown right now. Send /history to see them."
ERRORS = [RateLimited("busy"), TooSlow("slow"), sqlite3.DatabaseError("disk I/O error")]


@pytest.mark.parametrize("error", ERRORS)
def test_when_the_log_can_not_be_read_a_client_goes_on_and_knows_what_it_lacks(
    router: Router, store: FakeStore, bob: User, error: Exception
) -> None:
    known_device(router)
    say(bob, "one", "two")
    store.slow = True
    phone = log_in(router, "ann", dev="phone")
    store.answer()
    say(bob, "three")
    store.answer(error)
    say(bob, "four")
    welcome, end, *live = phone.shown()
    assert (dump(welcome.x)["seq"], dump(end.x)["more"], dump(end.x)["n"]) == (2, True, 0)
    assert [packet.msg for packet in live] == ["three", "four"]
    store.slow = False
    phone.send("/history", after=0, limit=2, cid="h")
    assert read(phone) == [("one", "h"), ("two", "h"), ("end", 2)]
    phone.leave()
    again = log_in(router, "ann", dev="phone")
    assert read(again)[1:] == [*((n, "resume") for n in ("one", "two", "three", "four")), ("end", 4)]


def test_what_was_neither_in_the_batch_nor_shown_live_is_told_as_a_gap(router: Router, store: FakeStore, bob: User) -> None:
    known_device(router)
    say(bob, *range(MAX_PAGE + 1))
    store.slow = True
    phone = log_in(router, "ann", dev="phone")
    store.answer()
    say(bob, "meanwhile")
    store.answer()
    say(bob, "while the second page is read")
    store.answer(TooSlow("slow"))
    *batch, end, gap, live = phone.shown()
    assert len(batch) == 1 + MAX_PAGE
    assert dump(end.x)["more"] is True
    assert (dump(gap.x)["op"], dump(gap.x)["after"], dump(gap.x)["upto"]) == ("gap", MAX_PAGE + 1, MAX_PAGE + 2)
    assert live.msg == "while the second page is read"


def test_what_is_too_much_to_be_held_is_in_the_gap(router: Router, store: FakeStore, bob: User) -> None:
    known_device(router)
    say(bob, "one")
    store.slow = True
    phone = log_in(router, "ann", dev="phone")
    store.answer()
    say(bob, *range(MAX_HELD + 1))
    store.answer(TooSlow("slow"))
    say(bob, "live")
    _, end, gap, live = phone.shown()
    assert dump(end.x)["more"] is True
    assert (dump(gap.x)["after"], dump(gap.x)["upto"], live.msg) == (1, MAX_HELD + 2, "live")


@pytest.mark.parametrize("error", ERRORS)
def test_without_the_number_of_what_was_missed_one_gets_in_all_the_same(
    router: Router, store: FakeStore, bob: User, error: Exception
) -> None:
    known_device(router)
    say(bob, "one")
    store.slow = True
    phone = log_in(router, "ann", dev="phone")
    store.answer(error)
    store.answer()
    welcome, one, end = phone.xs()
    assert (welcome["resumed"], welcome.get("missed"), one["batch"], end["more"]) == (True, None, "resume", False)


def test_a_page_that_was_not_full_in_time_is_not_the_last(
    router: Router, store: FakeStore, bob: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An account with so many conversations that the log is gone through, piece by piece."""
    monkeypatch.setattr(positions, "FEW", 0)
    monkeypatch.setattr(positions, "SOME", 0)
    monkeypatch.setattr(positions, "PIECE", 2)
    monkeypatch.setattr(positions, "BUDGET", 0)
    known_device(router)
    eve = User(router, "eve").register()
    for n in range(7):
        bob.send("eve", f"not for ann {n}")
        say(bob, n)
    phone = log_in(router, "ann", dev="phone")
    assert read(phone)[1:] == [*((str(n), "resume") for n in range(7)), ("end", 7)]
    assert len(eve.shown()) == 7
    eve.send("ann", "and this")
    classic = log_in_classic(router, "ann")
    assert "more than 2 messages were sent" in classic.msgs()[1]


def test_a_classic_client_that_could_not_be_shown_anything_in_time_has_not_read_it(
    router: Router, bob: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {"FEW": 0, "SOME": 0, "PIECE": 2, "BUDGET": 0}.items():
        monkeypatch.setattr(positions, name, value)
    say(bob, "one")
    User(router, "eve").register()
    for _ in range(4):
        bob.send("eve", "not for ann")
    ann = log_in_classic(router, "ann")
    assert ann.msgs()[1:] == [SKIPPED]
    ann.leave()
    monkeypatch.undo()
    assert log_in_classic(router, "ann").msgs()[-1] == "one"


def test_who_goes_during_a_replay_is_owed_the_rest(router: Router, store: FakeStore, bob: User) -> None:
    known_device(router)
    say(bob, "one")
    store.slow = True
    phone = log_in(router, "ann", dev="phone")
    phone.leave()
    while store.asks:
        store.answer()
    store.slow = False
    assert read(log_in(router, "ann", dev="phone"))[1:] == [("one", "resume"), ("end", 1)]
    assert not phone.client.faults


# A classic client.


def test_a_classic_login_shows_what_was_missed_once(router: Router, bob: User) -> None:
    say(bob, "one", "two")
    ann = log_in_classic(router, "ann")
    told = "Since you were last here, 2 messages were sent to you or your rooms. Here they are:"
    assert ann.msgs()[1:] == [told, "one", "two"]
    ann.leave()
    again = log_in_classic(router, "ann")
    assert len(again.msgs()) == 1
    say(bob, "three")
    assert again.msgs() == ["three"]


def test_a_classic_login_shows_the_newest_fifty(router: Router, bob: User) -> None:
    say(bob, *range(SHOWN + 10))
    _, told, *shown = log_in_classic(router, "ann").msgs()
    assert (
        told == "Since you were last here, 60 messages were sent to you or your rooms. "
        f"Here are the newest {SHOWN}; /history has the others:"
    )
    assert shown == [str(n) for n in range(10, SHOWN + 10)]


def test_what_a_classic_client_said_itself_is_not_what_it_missed(router: Router, bob: User) -> None:
    ann = log_in_classic(router, "ann")
    ann.send("bob", "bye")
    ann.leave()
    assert len(log_in_classic(router, "ann").msgs()) == 1


def test_a_second_classic_client_is_not_shown_what_the_first_was(router: Router, bob: User) -> None:
    first = log_in_classic(router, "ann")
    say(bob, "one")
    assert len(log_in_classic(router, "ann").msgs()) == 1
    assert first.msgs()[-1] == "one"


def test_while_one_classic_client_stays_the_account_counts_as_online(router: Router, store: FakeStore) -> None:
    first, second = log_in_classic(router, "ann"), log_in_classic(router, "ann")
    for leaver, online in ((first, 1), (second, 0)):
        leaver.leave()
        assert store.connection.execute("SELECT online FROM devices WHERE name = ''").fetchone() == (online,)


def test_what_is_said_while_a_classic_client_is_shown_what_it_missed_comes_after_it(
    router: Router, store: FakeStore, bob: User
) -> None:
    say(bob, "one")
    store.slow = True
    ann = log_in_classic(router, "ann")
    store.look()
    say(bob, "two")
    while store.asks:
        store.answer()
    say(bob, "three")
    assert ann.msgs()[2:] == ["one", "two", "three"]


def test_what_was_not_written_to_a_classic_client_is_shown_next_time(router: Router, store: FakeStore, bob: User) -> None:
    say(bob, "one")
    store.slow = True
    ann = log_in_classic(router, "ann")
    ann.leave()
    while store.asks:
        store.answer()
    store.slow = False
    assert log_in_classic(router, "ann").msgs()[-1] == "one"


@pytest.mark.parametrize("error", ERRORS)
def test_a_classic_login_that_could_not_read_the_log_goes_on_and_nothing_counts_as_read(
    router: Router, store: FakeStore, bob: User, error: Exception
) -> None:
    say(bob, "one")
    store.slow = True
    ann = log_in_classic(router, "ann")
    say(bob, "two")
    store.answer(error)
    say(bob, "three")
    assert ann.msgs()[1:] == [SKIPPED, "two", "three"]
    ann.leave()
    store.slow = False
    assert log_in_classic(router, "ann").msgs()[2:] == ["one", "two", "three"]


def test_a_classic_login_gets_in_when_not_even_its_place_can_be_read(router: Router, store: FakeStore, bob: User) -> None:
    say(bob, "one")
    store.broken = store.slow = True
    ann = log_in_classic(router, "ann")
    store.answer(TooSlow("slow"))
    assert ann.session.account is not None
    assert ann.msgs()[1:] == [SKIPPED]
    store.broken = store.slow = False
    say(bob, "two")
    assert ann.msgs() == ["two"]
    ann.leave()
    assert log_in_classic(router, "ann").msgs()[2:] == ["one", "two"]


def test_the_first_word_of_a_new_conversation_is_not_lost_to_a_replay_that_is_under_way(
    router: Router, store: FakeStore, bob: User
) -> None:
    say(bob, "one")
    cat = User(router, "cat")
    store.slow = True
    ann = log_in(router, "ann")
    store.answer()  # (how many were missed; now the page is asked for)
    cat.send("ann", "first word")
    say(bob, "two")
    while store.asks:
        store.answer()
    assert [msg for msg in ann.msgs() if msg in ("one", "first word", "two")] == ["one", "first word", "two"]


def test_who_goes_in_the_middle_of_a_replay_has_read_what_was_written(router: Router, store: FakeStore, bob: User) -> None:
    say(bob, "one", "two")
    store.slow = True
    ann = log_in_classic(router, "ann")
    ann.client.is_behind = True
    store.answer()
    ann.leave()
    ann.client.drained.callback(None)
    store.slow = False
    assert log_in_classic(router, "ann").msgs()[-2:] == ["one", "two"]


def test_who_can_not_see_places_in_the_log_is_shown_what_it_missed_once(router: Router, bob: User) -> None:
    say(bob, "one")
    first = log_in(router, "ann", "ack")
    assert first.msgs()[-1] == "one"
    first.leave()
    assert len(log_in(router, "ann", "ack").msgs()) == 1


def test_a_classic_login_and_a_hello_after_it_leave_nothing_to_be_shown_twice(router: Router, bob: User) -> None:
    known_device(router)
    say(bob, "one")
    ann = log_in_classic(router, "ann")
    ann.send("/hello", "lanchat", v=1, caps=["id", "resume"], dev="phone")
    ann.leave()
    assert len(log_in_classic(router, "ann").msgs()) == 1


# A reader who falls behind.


def test_who_is_behind_is_told_of_the_gap_and_what_comes_then_is_live(router: Router, bob: User) -> None:
    phone = log_in(router, "ann", dev="phone")
    say(bob, "one")
    phone.client.is_behind = True
    say(bob, "two", "three")
    phone.client.is_behind = False
    phone.client.drained.callback(None)
    say(bob, "four")
    *_, one, gap, four = phone.shown()
    assert one.msg == "one"
    x = dump(gap.x)
    assert (x["op"], x["after"], x["upto"], x["why"]) == ("gap", 1, 3, "SLOW")
    assert (four.msg, dump(four.x)["seq"]) == ("four", 4)
    phone.send("/history", after=1, limit=2)
    assert [msg for msg, _ in read(phone)] == ["two", "three", "end"]


def test_after_a_gap_all_up_to_its_end_may_be_acknowledged_and_the_next_begins_there(router: Router, bob: User) -> None:
    phone = log_in(router, "ann", dev="phone")
    gaps = []
    for _ in range(2):
        phone.client.is_behind = True
        say(bob, "one", "two")
        phone.client.is_behind = False
        phone.client.drained.callback(None)
        gaps.append(dump(phone.shown()[-1].x))
    assert [(x["after"], x["upto"]) for x in gaps] == [(0, 2), (2, 4)]
    phone.send("/ack", seq=4)
    phone.leave()
    assert read(log_in(router, "ann", dev="phone"))[1:] == [("end", 0)]


def test_the_first_gap_begins_where_the_session_did(router: Router, bob: User) -> None:
    say(bob, "one")
    phone = log_in(router, "ann", dev="new")
    phone.client.is_behind = True
    say(bob, "two")
    phone.client.drained.callback(None)
    x = dump(phone.shown()[-1].x)
    assert (x["after"], x["upto"]) == (1, 2)


def test_a_guest_who_falls_behind_in_a_room_is_told_of_the_gap_too(router: Router) -> None:
    owner = log_in(router, "ann")
    owner.send("/create", "#ops")
    owner.send("#ops", "one")
    bob = User(router, "bob").hello("id", "history", "room")
    bob.send("/join", "#ops")
    bob.shown()
    bob.client.is_behind = True
    owner.send("#ops", "two")
    bob.client.drained.callback(None)
    x = dump(bob.told().x)
    assert (x["op"], x["after"], x["upto"]) == ("gap", 1, 2)


def test_an_acknowledgement_never_passes_what_is_held_back(router: Router, bob: User) -> None:
    phone = log_in(router, "ann", dev="phone")
    phone.shown()
    phone.client.is_behind = True
    say(bob, "one", "two")
    phone.send("bob", "mine", cid="1")
    gap, ack = phone.xs()
    assert (gap["op"], gap["after"], gap["upto"]) == ("gap", 0, 2)
    assert (ack["op"], ack["seq"]) == ("ack", 3)
    say(bob, "three")
    phone.send("bob", "mine too", cid="2")
    gap, ack = phone.xs()
    assert (gap["op"], gap["after"], gap["upto"]) == ("gap", 2, 4), "what was told of already is not told again"
    assert ack["seq"] == 5
    phone.send("bob", "more", cid="3")
    assert [x["op"] for x in phone.xs()] == ["ack"]
    phone.client.is_behind = False
    phone.client.drained.callback(None)
    assert phone.xs() == []
    say(bob, "four")
    assert phone.msgs() == ["four"]


def test_an_acknowledgement_during_a_replay_tells_of_no_gap(router: Router, store: FakeStore, bob: User) -> None:
    known_device(router)
    say(bob, "one")
    store.slow = True
    phone = log_in(router, "ann", dev="phone")
    store.answer()
    phone.send("bob", "mine", cid="1")
    store.slow = False
    while store.asks:
        store.answer()
    assert [x.get("op", x.get("batch")) for x in phone.xs()] == ["welcome", "ack", "resume", "end"]
    phone.send("/ack", seq=2)
    phone.leave()
    again = log_in(router, "ann", dev="phone")
    assert read(again) == [("welcome", None), ("end", 0)], "its own message was before the end"


def test_who_makes_an_account_while_it_is_behind_is_told_of_the_gap_first(router: Router) -> None:
    owner = log_in(router, "ann")
    owner.send("/create", "#ops")
    bob = User(router, "bob").hello("id", "ack", "resume", "history", "room")
    bob.send("/join", "#ops")
    bob.client.is_behind = True
    owner.send("#ops", "one")
    bob.shown()
    bob.send("/register", PASSWORD)
    gap, registered = bob.xs()
    assert (gap["op"], gap["after"], gap["upto"]) == ("gap", 0, 1)
    assert (registered["op"], registered["seq"]) == ("ok", 1)


def test_private_words_to_a_guest_are_never_held_back_as_it_can_not_fetch_them(router: Router) -> None:
    owner = log_in(router, "ann")
    owner.send("/create", "#ops")
    bob = User(router, "bob").hello("id", "history", "room")
    bob.send("/join", "#ops")
    bob.shown()
    bob.client.is_behind = True
    owner.send("bob", "one")
    owner.send("#ops", "two")
    owner.send("bob", "three")
    assert bob.msgs() == ["one", "three"]
    bob.client.is_behind = False
    bob.client.drained.callback(None)
    x = dump(bob.told().x)
    assert (x["op"], x["after"], x["upto"]) == ("gap", 0, 2)


def test_who_registers_in_a_capable_session_is_on_the_device_of_its_hello(router: Router, store: FakeStore, bob: User) -> None:
    eve = User(router, "eve")
    eve.send("/hello", "lanchat", v=1, caps=["id", "ack", "resume"], dev="desk")
    eve.shown()
    eve.register()
    bob.send("eve", "one")
    assert eve.msgs() == ["one"]
    eve.leave()
    devices = store.connection.execute(
        "SELECT devices.name, cursor FROM devices JOIN accounts ON id = account WHERE key = 'eve'"
    )
    assert devices.fetchall() == [("desk", 0)], "what was only written is not read"
    again = log_in(router, "eve", dev="desk")
    assert read(again) == [("welcome", None), ("one", "resume"), ("end", 1)]


@pytest.mark.parametrize("dev", ["", "x" * 33, "a\nb"])
def test_a_guest_whose_device_has_an_odd_name_registers_as_one_that_names_none(
    router: Router, store: FakeStore, dev: str
) -> None:
    eve = User(router, "eve")
    eve.send("/hello", "lanchat", v=1, caps=["id"], dev=dev)
    eve.shown()
    eve.register()
    assert [name for (name,) in store.connection.execute("SELECT name FROM devices WHERE account = 2")] == ["resume"]


def test_without_the_cap_history_nobody_is_held_back(router: Router, bob: User) -> None:
    ann = log_in(router, "ann", "id")
    ann.shown()
    ann.client.is_behind = True
    say(bob, "one")
    assert ann.msgs() == ["one"]


# Over real connections.


def test_a_burst_to_a_client_that_reads_makes_no_gap(router_and_clock: tuple[Router, Clock], bob: User) -> None:
    router, _ = router_and_clock
    router.chat.limits.set("packets", "off")
    wire = Wire(*router_and_clock)
    auth = {"mech": "PLAIN", "password": PASSWORD}
    wire.send(b"ann\n" + line("/hello", "lanchat", v=1, caps=["id", "resume", "history"], auth=auth))
    wire.bytes()
    store_of(router.chat).held = True
    say(bob, *["x" * 10_000] * 40)
    store_of(router.chat).release()
    assert [packet["x"].get("seq") for packet in wire.packets()] == list(range(1, 41))


def test_a_backlog_that_is_larger_than_an_outbox_reaches_who_reads_slowly(
    router_and_clock: tuple[Router, Clock], bob: User
) -> None:
    router, _ = router_and_clock
    router.chat.limits.set("packets", "off")
    known_device(router)
    say(bob, *["\1" * 9_000] * 30)  # (six bytes each on the wire)
    wire = Wire(*router_and_clock)
    auth = {"mech": "PLAIN", "password": PASSWORD}
    wire.connection.outbox.pauseProducing()
    wire.send(b"ann\n" + line("/hello", "lanchat", v=1, caps=["id", "resume", "history"], dev="phone", auth=auth))
    seqs: list[int] = []
    for _ in range(100):
        wire.connection.outbox.resumeProducing()
        packets = wire.packets()
        wire.connection.outbox.pauseProducing()
        seqs += [packet["x"]["seq"] for packet in packets if packet["x"].get("batch") and "op" not in packet["x"]]
        if packets and packets[-1]["x"].get("op") == "end":
            break
    assert seqs == list(range(1, 31))


def test_an_unframed_client_is_shown_all_that_it_missed(router_and_clock: tuple[Router, Clock], bob: User) -> None:
    router, _ = router_and_clock
    router.chat.limits.set("packets", "off")
    say(bob, *["ä" * 8_000] * SHOWN)
    wire = Wire(*router_and_clock)
    wire.send(b"ann")
    wire.wait(0.2)
    wire.send(line("/login", PASSWORD).strip())
    wire.wait(40)
    assert sum(msg.count("ä") for msg in wire.msgs()) == SHOWN * 8_000
    assert router.chat.online.find("ann") is not None
