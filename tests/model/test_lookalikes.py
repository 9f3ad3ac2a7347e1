"""Looks: what looks like a name that is taken, or is just being taken, is taken."""

from __future__ import annotations

import pytest

from lanchat.model.lookalikes import Lookalikes
from lanchat.model.names import parse
from lanchat.protocol.errors import NameTaken


@pytest.mark.parametrize(("first", "second"), [("scope", "ѕсоре"), ("ѕсоре", "scope"), ("ѕсоре", "ѕсоре")])
def test_what_looks_like_a_name_is_taken_while_there_is_one(first: str, second: str) -> None:
    looks = Lookalikes()
    looks.add(parse(first))
    looks.add(parse(first))
    looks.discard(parse(first))
    assert looks.taken(parse(second))
    looks.discard(parse(first))
    assert not looks.taken(parse(second))
    assert not looks


def test_within_ascii_nothing_looks_like_another() -> None:
    looks = Lookalikes()
    looks.add(parse("bill"))
    assert not looks.taken(parse("bi11"))


def test_of_names_that_are_being_taken_at_the_same_time_the_first_wins() -> None:
    looks = Lookalikes()
    with looks.held(parse("scope")):
        assert looks.taken(parse("ѕсоре"))
        for name in ("ѕсоре", "SCOPE"):
            with pytest.raises(NameTaken), looks.held(parse(name)):
                pass
        with looks.held(parse("sc0pe")):
            pass
    with looks.held(parse("ѕсоре")):
        pass
    assert not looks
