"""Who is online: one name, one session, taken in one step."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from lanchat.model import names
from lanchat.model.session import Session
from lanchat.protocol.errors import BadName, NameTaken
from lanchat.protocol.limits import Bucket, Limits
from lanchat.state.online import OnlineUsers
from tests.fakes import FakeClient


def session(name: str) -> Session:
    return Session(names.parse(name), FakeClient(), "10.0.0.1", "json", 0.0, Bucket(Limits(), "packets"), 0.0)


def test_a_session_is_found_in_any_spelling() -> None:
    online = OnlineUsers()
    online.take(bob := session("Bob"))
    assert online.find("Bob") is online.find("bOB") is bob
    assert online.find("bobby") is None


def test_a_taken_name_is_refused_with_one_that_is_free() -> None:
    online = OnlineUsers()
    online.take(session("bob"))
    online.take(session("Bob2"))
    with pytest.raises(NameTaken, match=r"already taken\. Try BOB3"):
        online.take(session("BOB"))
    assert len(online) == 2


def test_what_is_suggested_can_be_taken() -> None:
    online = OnlineUsers()
    online.take(session("سلام٣"))
    with pytest.raises(NameTaken) as caught:
        online.take(session("سلام٣"))
    assert "Try" not in str(caught.value)  # digits of two kinds are no name
    online.take(session("ѕсоре"))
    online.take(session("scope2"))
    with pytest.raises(NameTaken, match=r"Try ѕсоре3\."):
        online.take(session("ѕсоре"))


@pytest.mark.parametrize(
    ("text", "hint"),
    [("b\u043eb", "bob3"), ("\u0430dmin", "admin2"), ("a b", "a_b"), ("you", "you_12"), ("\u0430nn", "ann")],
)  # (with Cyrillic letters)
def test_a_wrong_name_is_refused_with_one_that_a_guest_can_take(text: str, hint: str) -> None:
    online = OnlineUsers()
    for name in ("bob", "bob2", "you_1"):
        online.take(session(name))
    with pytest.raises(BadName, match=rf" Try {hint}\.$"):
        names.parse(text, online.is_free)
    names.check_guest(names.parse(hint))
    online.take(session(hint))


@pytest.mark.parametrize(("first", "second"), [("scope", "ѕсоре"), ("ѕсоре", "scope"), ("boba", "ВОВА"), ("ВОВА", "boba")])
def test_a_name_that_looks_like_another_is_taken(first: str, second: str) -> None:
    online = OnlineUsers()
    online.take(session(first))
    with pytest.raises(NameTaken):
        online.take(session(second))


def test_ascii_names_that_look_alike_are_two() -> None:
    online = OnlineUsers()
    for name in ("mary", "rnary", "bill", "bi11"):
        online.take(session(name))
    assert len(online) == 4


def test_a_look_is_free_when_its_last_bearer_left() -> None:
    online = OnlineUsers()
    online.take(one := session("scope"))
    online.take(two := session("sc0pe"))
    online.free(one)
    with pytest.raises(NameTaken):
        online.take(session("ѕсоре"))
    online.free(two)
    online.take(session("ѕсоре"))


def test_freeing_is_for_the_session_that_has_the_name() -> None:
    online = OnlineUsers()
    online.take(first := session("bob"))
    assert online.free(first)
    online.take(second := session("bob"))
    assert not online.free(first)
    assert online.find("bob") is second


def test_names_are_listed_in_order_and_by_prefix() -> None:
    online = OnlineUsers()
    for name in ("carol", "Alice", "bob", "alan", "вова"):
        online.take(session(name))
    assert online.listed("", 9) == (["alan", "Alice", "bob", "carol", "вова"], 5)
    assert online.listed("", 2) == (["alan", "Alice"], 5)
    assert online.listed("AL", 9) == (["alan", "Alice"], 2)
    assert online.listed("AL", 1) == (["alan"], 2)
    assert online.listed("zz", 9) == ([], 0)


@given(st.lists(st.tuples(st.booleans(), st.sampled_from(["a", "A", "b", "B2", "b2", "с", "c", "С"]))))
def test_the_registry_agrees_with_a_plain_dict(steps: list[tuple[bool, str]]) -> None:
    online = OnlineUsers()
    model: dict[str, Session] = {}
    for take, name in steps:
        key = {"с": "c", "С": "c"}.get(name, name.lower())  # two of these are Cyrillic
        if take:
            one = session(name)
            if key in model:
                with pytest.raises(NameTaken):
                    online.take(one)
            else:
                online.take(one)
                model[key] = one
        elif key in model:
            assert online.free(model.pop(key))
        assert set(online) == set(model.values())
        assert online.listed("", 99)[0] == [s.name.shown for s in sorted(model.values(), key=lambda s: s.name.key)]
    for one in tuple(online):
        online.free(one)
    assert not online.lookalikes
