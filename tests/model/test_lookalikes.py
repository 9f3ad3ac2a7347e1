"""Looks: what lookalikes like a name that is taken, or is just being taken, is taken."""

from __future__ import annotations

import pytest

from lanchat.model.lookalikes import Lookalikes
from lanchat.model.names import parse
from lanchat.protocol.errors import NameTaken


@pytest.mark.parametrize(("first", "second"), [("scope", "ѕсоре"), ("ѕсоре", "scope"), ("ѕсоре", "ѕсоре")])
def test_what_looks_like_a_name_is_taken_while_there_is_one(first: str, second: str) -> None:
    lookalikes = Lookalikes()
    lookalikes.add(parse(first))
    lookalikes.add(parse(first))
    lookalikes.discard(parse(first))
    assert lookalikes.taken(parse(second))
    lookalikes.discard(parse(first))
    assert not lookalikes.taken(parse(second))
    assert not lookalikes


def test_within_ascii_nothing_looks_like_another() -> None:
    lookalikes = Lookalikes()
    lookalikes.add(parse("bill"))
    assert not lookalikes.taken(parse("bi11"))


def test_of_names_that_are_being_taken_at_the_same_time_the_first_wins() -> None:
    lookalikes = Lookalikes()
    with lookalikes.held(parse("scope")):
        assert lookalikes.taken(parse("ѕсоре"))
        for name in ("ѕсоре", "SCOPE"):
            with pytest.raises(NameTaken), lookalikes.held(parse(name)):
                pass
        with lookalikes.held(parse("sc0pe")):
            pass
    with lookalikes.held(parse("ѕсоре")):
        pass
    assert not lookalikes
