"""Conversations: everybody sees their own with what is unread, and says up to where they have read, once for all devices."""

from __future__ import annotations

from typing import Any

import pytest

from lanchat.core.router import Router
from lanchat.history import conversation_list
from tests.fakes import FakeStore, User, dump, log_in, make_router, store_of

NOW = "2026-11-20T14:03:22.500Z"


@pytest.fixture
def router() -> Router:
    """Ann's account, whose phone and laptop are here, and bob's, who made #ops and is in it with her."""
    router, _ = make_router()
    User(router, "ann").register().leave()
    bob = User(router, "bob").register()
    bob.send("/create", "#ops")
    log_in(router, "ann", dev="phone").send("/join", "#ops")
    return router


@pytest.fixture
def store(router: Router) -> FakeStore:
    return store_of(router.chat)


@pytest.fixture
def bob(router: Router) -> User:
    return user_of(router, "bob")


@pytest.fixture
def phone(router: Router) -> User:
    return device(router, "phone")


def device(router: Router, name: str) -> User:
    """A device of ann's that has all caps."""
    user = log_in(router, "ann", "id", "ack", "history", "room", "read", dev=name)
    user.shown()
    return user


def user_of(router: Router, name: str) -> User:
    """Another classic client of an account."""
    user = User(router, name)
    user.send("/login", "correct horse")
    user.shown()
    return user


def listed(user: User, **x: Any) -> list[dict[str, Any]]:
    """The conversations of somebody."""
    user.shown()
    user.send("/conversations", **x)
    found: Any = dump(user.told().x)["conversations"]
    return found  # type: ignore[no-any-return]


def unread(user: User) -> dict[str, tuple[object, object]]:
    """How many messages are unread in each conversation, and how many mention the reader."""
    return {one["conv"]: (one["unread"], one["mentions"]) for one in listed(user)}


def test_a_list_has_what_was_said_last_first_with_what_is_unread(phone: User, bob: User) -> None:
    bob.send("/topic", "#ops pumps")
    bob.send("#ops", "hello ann")
    bob.send("#ops", "anybody?")
    bob.send("ann", "ann?")
    end = phone.router.chat.store.last_seq
    (person, room) = listed(phone)
    assert person == {
        "conv": "@bob", "kind": "person", "topic": "", "seq": end, "ts": "2026-11-20T14:03:22.500Z",
        "read": 0, "unread": 1, "mentions": 0, "muted": False,
    }  # fmt: skip
    assert room == {
        "conv": "#ops", "kind": "room", "topic": "pumps", "seq": end - 1, "ts": "2026-11-20T14:03:22.500Z",
        "read": room["read"], "unread": 2, "mentions": 1, "muted": False,
    }  # fmt: skip
    phone.send("/notify", "@bob off")
    assert phone.msgs() == ["@bob is muted: clients don't ring for it, and count what is unread."]
    phone.send("/conversations")
    assert phone.msgs() == ["Conversations (2):\n@bob (1 unread, muted)\n#ops (2 unread, 1 mention) pumps"]
    phone.send("/notify", "bob on")
    assert not listed(phone)[0]["muted"]


def test_what_was_read_on_one_device_is_read_on_all(router: Router, phone: User, bob: User) -> None:
    laptop, old = device(router, "laptop"), log_in(router, "ann", "id", dev="old")
    for text in ("ann, one", "ann, two", "three"):
        bob.send("#ops", text)
    for user in (phone, laptop, old):
        user.shown()
    first = router.chat.store.last_seq - 2
    phone.send("/read", "#ops", cid="r", seq=first)
    answer = phone.told()
    assert dump(answer.x) == {"op": "ok", "cid": "r", "conv": "#ops", "seq": first, "at": NOW}
    event = laptop.told()
    assert (event.from_.name, event.to, event.msg) == ("SERVER", "ann", "")
    assert dump(event.x) == {"op": "event", "ev": "read", "conv": "#ops", "seq": first, "ts": NOW, "at": NOW}
    assert old.shown() == [], "it did not ask for this"
    assert unread(laptop) == {"#ops": (2, 1)}
    laptop.send("/read", "#ops")
    assert unread(phone) == {"#ops": (0, 0)}


def test_a_marker_is_acknowledged_when_it_is_on_the_disk(store: FakeStore, phone: User, bob: User) -> None:
    bob.send("#ops", "one")
    phone.shown()
    store.held = True
    bob.send("/read", "#ops")
    phone.send("/read", "#ops")  # it is stored after the other one, with the next ones
    phone.send("/quit")
    assert phone.shown() == []
    store.release()
    assert phone.msgs() == [f"You have read #ops up to {store.last_seq}.", "Goodbye"]
    assert store.connection.execute("SELECT read FROM members WHERE account = 1").fetchall() == [(store.last_seq,)]


def marker(user: User) -> tuple[object, ...]:
    """Up to where somebody has read #ops: the place, and when the last message up to there was said."""
    user.shown()
    user.send("/marker", "#ops", cid="m")
    x = dump(user.told().x)
    assert (x["op"], x["cid"], x["conv"]) == ("ok", "m", "#ops")
    return x["seq"], x.get("at")


def test_a_marker_is_set_to_any_place_and_asked_for() -> None:
    router, clock = make_router()
    User(router, "ann").register().leave()
    bob, phone = User(router, "bob").register(), log_in(router, "ann", "id", "event", "room")
    bob.send("/create", "#ops")
    phone.send("/join", "#ops")
    assert marker(phone) == (0, None)
    places = []
    for text in ("one", "two", "three"):
        clock.advance(60)
        bob.send("#ops", text)
        places.append((router.chat.store.last_seq, router.chat.timestamp()))
        bob.send("bob", "a note")
    one, two, three = places
    phone.shown()
    phone.send("/read", target="#ops", text=one[1])
    assert phone.told().msg.startswith("You have read #ops up to ")
    assert marker(phone) == (one[0] + 1, one[1]), "also what was said elsewhere in that millisecond"
    phone.send("/read", "#ops 2026-11-20T14:04:22.499Z")
    assert dump(phone.shown()[-1].x)["code"] == "USAGE", "that is before it"
    phone.send("/read", target="#ops", text=f"e1.{two[0]}")
    assert marker(phone) == two
    phone.send("/read", "#ops 2030-01-01 00:00")
    assert marker(phone) == (three[0] + 1, three[1]), "what is not said yet was not read"


@pytest.mark.parametrize(
    ("words", "code"),
    [
        ("#ops yesterday", "USAGE"),
        ("#ops 1 2", "USAGE"),
        ("#ops between", "USAGE"),
        ("#ops e0.1", "NO_SUCH_TARGET"),
        (f"#ops {10**18}", "USAGE"),
        ("#ops 9999999999999999999", "USAGE"),
        ("#nowhere", "NO_SUCH_TARGET"),
        ("@zoe", "NO_SUCH_TARGET"),
    ],
)
def test_what_is_no_place_is_refused_and_nothing_moves(phone: User, bob: User, words: str, code: str) -> None:
    bob.send("#ops", "one")
    before = marker(phone)
    phone.send("/read", words)
    assert dump(phone.told().x)["code"] == code
    phone.send("/read", "#ops", seq=-(2**63) - 1)
    assert dump(phone.told().x)["code"] in {"USAGE", "BAD_PACKET"}
    assert marker(phone) == before


def test_a_marker_that_was_just_moved_is_the_one_that_is_told(store: FakeStore, phone: User, bob: User) -> None:
    bob.send("#ops", "one")
    phone.shown()
    store.held = True
    phone.send("/read", "#ops")
    phone.send("/marker", "#ops")
    assert phone.shown() == []
    store.release()
    assert [x["seq"] for x in phone.xs()] == [store.last_seq, store.last_seq]


def test_of_two_devices_that_move_a_marker_at_once_none_moves_it_back(
    router: Router, store: FakeStore, phone: User, bob: User
) -> None:
    desk = device(router, "desk")
    for text in ("one", "two", "three"):
        bob.send("#ops", text)
    end = router.chat.store.last_seq
    for user in (phone, desk):
        user.shown()
    store.held = True
    phone.send("/read", f"#ops {end}")
    desk.send("/read", f"#ops {end - 1}")
    store.release()
    assert [(x["op"], x.get("seq")) for x in phone.xs()] == [("ok", end)]
    assert sorted((str(x["op"]), x.get("seq"), x.get("code")) for x in desk.xs()) == [
        ("event", end, None), ("fail", None, "USAGE"),
    ]  # fmt: skip


def test_a_marker_that_can_not_be_stored_has_not_moved(store: FakeStore, phone: User, bob: User) -> None:
    bob.send("#ops", "one")
    phone.shown()
    store.broken = True
    phone.send("/read", "#ops", cid="r")
    store.broken = False
    assert dump(phone.told().x)["code"] == "NOT_STORED"
    assert unread(phone) == {"#ops": (1, 0)}


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        ("#ops 99", "USAGE"),
        ("#ops 99999999999999999999", "USAGE"),
        ("#ops 1", "USAGE"),
        ("#ops -1", "USAGE"),
        ("#ops 2 3", "USAGE"),
        ("#none", "NO_SUCH_TARGET"),
        ("#private", "NO_SUCH_TARGET"),
        ("#others", "NOT_MEMBER"),
        ("@nobody", "NO_SUCH_TARGET"),
        ("@carl 1", "NO_SUCH_TARGET"),
        ("", "USAGE"),
    ],
)
def test_a_marker_that_goes_back_or_too_far_or_is_somebody_elses_is_refused(
    router: Router, store: FakeStore, phone: User, bob: User, asked: str, code: str
) -> None:
    carl = User(router, "carl").register()
    for room in ("#private private", "#others"):
        bob.send("/create", room)
    bob.send("#ops", "one")
    carl.send("bob", "two")
    phone.send("/read", "#ops")
    before = store.connection.execute("SELECT * FROM members").fetchall()
    phone.shown()
    for command in ("/read", "/notify") if code != "USAGE" else ("/read",):
        phone.send(command, f"{asked.split(maxsplit=1)[0]} off" if command == "/notify" else asked, cid="c")
        assert dump(phone.told().x)["code"] == code
    assert store.connection.execute("SELECT * FROM members").fetchall() == before


def test_people_of_one_name_are_one_conversation(router: Router, store: FakeStore, phone: User) -> None:
    joe, first = User(router, "joe"), store.last_seq + 1
    joe.send("ann", "from a guest")
    joe.register().send("ann", "from an account")
    User(router, "eve").send("ann", "hello")
    User(router, "zoe").register().send("ann", "going")
    phone.send("#ops", "hi")
    store.connection.execute("DELETE FROM accounts WHERE name = 'zoe'")
    assert unread(phone) == {"#ops": (0, 0), "@zoe": (1, 0), "@eve": (1, 0), "@joe": (2, 0)}
    phone.send("/read", f"@JOE {first}")
    assert phone.msgs()[-1] == f"You have read @joe up to {first}."
    phone.send("/read", "zoe")
    assert unread(phone) == {"#ops": (0, 0), "@zoe": (0, 0), "@eve": (1, 0), "@joe": (1, 0)}


def test_a_conversation_is_as_long_as_a_marker_is_before_it(phone: User, bob: User, router: Router) -> None:
    for _ in range(3):
        bob.send("#ops", "ann")
    phone.send("#ops", "I know")
    assert unread(phone) == {"#ops": (0, 0)}, "who answers has read it, and it need not be on the disk for that"
    bob.send("#ops", "good")
    assert unread(phone) == {"#ops": (1, 0)}


def test_what_a_classic_client_is_sent_is_read(router: Router, bob: User) -> None:
    ann = user_of(router, "ann")
    bob.send("#ops", "ann: one")
    assert unread_of_telnet(ann) == "Conversations (1):\n#ops"
    ann.leave()
    bob.send("#ops", "two")
    assert unread(device(router, "laptop")) == {"#ops": (1, 0)}


def unread_of_telnet(user: User) -> str:
    user.shown()
    user.send("/conversations")
    return user.told().msg


def test_much_is_counted_up_to_a_number(phone: User, bob: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conversation_list, "MOST", 3)
    for number in range(3):
        bob.send("#ops", f"ann {number}")
    assert unread(phone) == {"#ops": (3, 3)}
    bob.send("#ops", "ann")
    assert unread(phone) == {"#ops": (4, 4)}


def test_a_long_list_comes_in_parts(router: Router, phone: User, bob: User) -> None:
    phone.session.packets = router.chat.online.find("bob").packets  # type: ignore[union-attr]  # (it is there)
    for number in range(700):
        guest = User(router, f"guest.number.{number:04}")
        guest.send("ann", "hi")
        guest.leave()
    found, after, more = list[str](), 0, True
    while more:
        phone.shown()
        phone.send("/conversations", after=after)
        x = dump(phone.told().x)
        rows: Any = x["conversations"]
        found += [one["conv"] for one in rows]
        after, more = after + len(rows), x.get("more", False)  # type: ignore[assignment]
        assert x["n"] == 701
    assert after > len(rows), "there were several parts"
    assert found == [*(f"@guest.number.{number:04}" for number in reversed(range(700))), "#ops"]


def test_a_guest_has_its_rooms_and_no_markers(router: Router, bob: User) -> None:
    guest = User(router, "joe").hello("id", "read")
    guest.send("/conversations")
    assert guest.msgs() == ["You have no conversations yet. Send /rooms to see the rooms."]
    guest.send("/join", "#ops")
    bob.send("#ops", "hi joe")
    seq = router.chat.store.last_seq
    assert listed(guest) == [{"conv": "#ops", "kind": "room", "topic": "", "seq": seq, "ts": "2026-11-20T14:03:22.500Z"}]
    guest.send("/read", "#ops", cid="c")
    assert dump(guest.told().x)["code"] == "AUTH_REQUIRED"


def test_who_joins_again_has_read_what_was_said_meanwhile(router: Router, phone: User, bob: User) -> None:
    bob.send("#ops", "ann, one")
    phone.send("/leave", "#ops")
    bob.send("#ops", "ann, two")
    phone.send("/join", "#ops")
    assert unread(phone) == {"#ops": (0, 0)}


def test_the_list_costs_what_is_looked_at(router: Router, phone: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conversation_list, "CONVERSATIONS", 300)
    costs = list[float]()
    monkeypatch.setattr(router.chat.replies, "charge", lambda session, cost: costs.append(cost))
    router.chat.charge = router.chat.replies.charge
    account = phone.session.account
    assert account is not None
    phone.send("/conversations")
    account.conversations |= {f"p1x{number}": 0 for number in range(2, 1000)}
    for command, text in (("/conversations", ""), ("/read", "#ops"), ("/notify", "@bob off")):
        phone.send(command, text)
    assert costs == [20.1, 20 + 30, 4, 4, 3]
