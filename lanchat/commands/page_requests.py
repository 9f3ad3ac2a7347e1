"""Requests for a page of earlier messages: where it begins, and how long it is, in words and as members of `x`."""

from __future__ import annotations

import re
from typing import NamedTuple

from lanchat.core.chat import Chat
from lanchat.history.moments import Place, parse_place
from lanchat.protocol.errors import Usage
from lanchat.protocol.extensions import X

#: Entries in a page, if the request does not say how many.
PAGE = 50

_USAGE = (
    "Usage: /history ROOM-OR-USER [COUNT] [before PLACE] (or after, around, between PLACE PLACE), as in /history #ops 20."
    " A place is the number of a message, a date such as 2026-11-20T14:00, or an age such as 2h."
)
# The words of a request with which a place follows, and how many.
_PLACES = {"before": 1, "after": 1, "around": 1, "between": 2}
_COUNT = re.compile(r"\d{1,19}")
_DAY, _TIME = re.compile("[0-9]{4}-[0-9]{2}-[0-9]{2}"), re.compile("[0-9]{2}:[0-9]{2}[^ ]{0,40}")


class Request(NamedTuple):
    """What a page is asked for: where it begins, and how long it is."""

    before: Place | None = None
    after: Place | None = None
    around: Place | None = None
    limit: int = PAGE
    #: Whether each line is to end with the number of its message, so that people can name it in other commands.
    numbers: bool = False


def page_request(chat: Chat, x: X, rest: str) -> Request:
    """What members of `x` ask for, and words such as `20 before 1234`; of both, the members count.

    Raises `Usage`, and `NoSuchTarget` for the id of a message of another log.
    """
    typed = _words(rest)
    if typed is None:
        raise Usage(_USAGE)
    given = typed.places | {name: place for name in ("before", "after", "around") if (place := getattr(x, name)) is not None}
    places = {name: parse_place(place, chat.now(), chat.store.epoch) for name, place in given.items()}
    return Request(**places, limit=x.limit or (PAGE if typed.limit is None else typed.limit), numbers=typed.numbers)


class _Typed(NamedTuple):
    """The words of a request."""

    #: The places as they were typed, by `before`, `after` and `around`.
    places: dict[str, int | str]
    limit: int | None
    numbers: bool
    #: What was typed, in that order; the number of entries is "".
    order: list[str]


def _words(text: str) -> _Typed | None:
    """The words of a request, such as `20 before 1234`; None if they are others."""
    places, limit, order = dict[str, int | str](), None, list[str]()
    words = text.split()[::-1]
    while words:
        word = words.pop().lower()
        if word in _PLACES:
            found = [take_place(words) for _ in range(_PLACES[word])]
            if not all(found):
                return None
            places |= zip(("after", "before") if len(found) == 2 else (word,), found, strict=True)
        elif _COUNT.fullmatch(word):
            limit, word = int(word), ""
        elif word != "numbers":
            return None
        order.append(word)
    return _Typed(places, limit, "numbers" in order, order)


def take_place(words: list[str]) -> str:
    """Take the next place from the words (the next one is the last in the list); a date may be two of them. "" if none is left.

    Between two places there may be an "and".
    """
    place = words.pop() if words else ""
    if place.lower() == "and" and words:
        place = words.pop()
    if place.lower() in _PLACES:
        return ""
    if _DAY.fullmatch(place) and words and _TIME.fullmatch(words[-1]):
        place += f"T{words.pop()}"
    return place


def is_alone(text: str) -> bool:
    """Whether a request names no target: it begins with a place or a number, and no word of it comes twice.

    (If one does, the first of the two is the name of a target, such as a user who is called "20".)
    """
    typed = _words(text)
    return typed is not None and typed.order[:1] not in ([], ["numbers"]) and len({*typed.order}) == len(typed.order)
