"""The registry: one name, one session, taken in one step."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from lanchat import names
from lanchat.errors import NameTaken
from lanchat.limits import Bucket, Limits
from lanchat.registry import Registry
from lanchat.session import Session
from tests.fakes import FakeClient


def session(name: str) -> Session:
    return Session(names.parse(name), FakeClient(), "10.0.0.1", "json", 0.0, Bucket(Limits(), "packets"), 0.0)


def test_a_session_is_found_in_any_spelling() -> None:
    registry = Registry()
    registry.take(bob := session("Bob"))
    assert registry.find("Bob") is registry.find("bOB") is bob
    assert registry.find("bobby") is None


def test_a_taken_name_is_refused_with_one_that_is_free() -> None:
    registry = Registry()
    registry.take(session("bob"))
    registry.take(session("Bob2"))
    with pytest.raises(NameTaken, match=r"already taken\. Try BOB3"):
        registry.take(session("BOB"))
    assert len(registry) == 2


def test_what_is_suggested_can_be_taken() -> None:
    registry = Registry()
    registry.take(session("سلام٣"))
    with pytest.raises(NameTaken) as caught:
        registry.take(session("سلام٣"))
    assert "Try" not in str(caught.value)  # digits of two kinds are no name
    registry.take(session("ѕсоре"))
    registry.take(session("scope2"))
    with pytest.raises(NameTaken, match=r"Try ѕсоре3\."):
        registry.take(session("ѕсоре"))


@pytest.mark.parametrize(("first", "second"), [("scope", "ѕсоре"), ("ѕсоре", "scope"), ("boba", "ВОВА"), ("ВОВА", "boba")])
def test_a_name_that_looks_like_another_is_taken(first: str, second: str) -> None:
    registry = Registry()
    registry.take(session(first))
    with pytest.raises(NameTaken):
        registry.take(session(second))


def test_ascii_names_that_look_alike_are_two() -> None:
    registry = Registry()
    for name in ("mary", "rnary", "bill", "bi11"):
        registry.take(session(name))
    assert len(registry) == 4


def test_a_look_is_free_when_its_last_bearer_left() -> None:
    registry = Registry()
    registry.take(one := session("scope"))
    registry.take(two := session("sc0pe"))
    registry.free(one)
    with pytest.raises(NameTaken):
        registry.take(session("ѕсоре"))
    registry.free(two)
    registry.take(session("ѕсоре"))


def test_freeing_is_for_the_session_that_has_the_name() -> None:
    registry = Registry()
    registry.take(first := session("bob"))
    assert registry.free(first)
    registry.take(second := session("bob"))
    assert not registry.free(first)
    assert registry.find("bob") is second


def test_names_are_listed_in_order_and_by_prefix() -> None:
    registry = Registry()
    for name in ("carol", "Alice", "bob", "alan", "вова"):
        registry.take(session(name))
    assert registry.listed("", 9) == (["alan", "Alice", "bob", "carol", "вова"], 5)
    assert registry.listed("", 2) == (["alan", "Alice"], 5)
    assert registry.listed("AL", 9) == (["alan", "Alice"], 2)
    assert registry.listed("AL", 1) == (["alan"], 2)
    assert registry.listed("zz", 9) == ([], 0)


@given(st.lists(st.tuples(st.booleans(), st.sampled_from(["a", "A", "b", "B2", "b2", "с", "c", "С"]))))
def test_the_registry_agrees_with_a_plain_dict(steps: list[tuple[bool, str]]) -> None:
    registry = Registry()
    model: dict[str, Session] = {}
    for take, name in steps:
        key = {"с": "c", "С": "c"}.get(name, name.lower())  # two of these are Cyrillic
        if take:
            one = session(name)
            if key in model:
                with pytest.raises(NameTaken):
                    registry.take(one)
            else:
                registry.take(one)
                model[key] = one
        elif key in model:
            assert registry.free(model.pop(key))
        assert set(registry) == set(model.values())
        assert registry.listed("", 99)[0] == [s.name.shown for s in sorted(model.values(), key=lambda s: s.name.key)]
    for one in tuple(registry):
        registry.free(one)
    assert not registry.looks
