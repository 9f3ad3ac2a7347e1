"""Masks: names in which `*` stands for any text and `?` for any character, as targets of bans and mutes.

`spam*` is about everybody with such a name, `@spam*` only about accounts. A mask of addresses, such as `10.0.0.*`, is another
way to write a network, and is kept as one.
"""

from __future__ import annotations

import fnmatch
import re
from functools import lru_cache

from lanchat.model.session import Session
from lanchat.protocol.packet import is_visible
from lanchat.protocol.spelling import key

#: The first character of a mask that is only about accounts.
ACCOUNTS = "@"

_WILD = re.compile(r"[*?]")
# What is neither a part of a name nor stands for one.
_NO_NAME = re.compile(r"[\s@!/#\[\]]")
# The beginning of an address of IPv4, followed by stars.
_ADDRESSES = re.compile(r"((?:[0-9]{1,3}\.){1,3})\*(?:\.\*){0,2}")


def is_mask(target: str) -> bool:
    """Whether the target of a sanction, as it is kept, is a mask."""
    return _WILD.search(target) is not None


def parse_mask(text: str) -> str:
    """A mask as it is kept; "" if the text is none. Whether it would hit everybody is not checked."""
    mask = key(text.removeprefix(ACCOUNTS))
    if not is_mask(mask) or _NO_NAME.search(mask) or not is_visible(mask):
        return ""
    return ACCOUNTS[: text.startswith(ACCOUNTS)] + mask


def hits_everybody(text: str) -> bool:
    """Whether a text consists of nothing but what stands for any name or address: `*`, `*@*`, `*!*@*.*`."""
    kept = key(text)  # (a star may be written in another way)
    return "*" in kept and not kept.strip("*?@!.:")


def as_network(text: str) -> str:
    """The network that a mask of addresses means: "10.0.0.0/24" for `10.0.0.*`; any other text as it is."""
    if (found := _ADDRESSES.fullmatch(text)) is None:
        return text
    numbers = found[1].split(".")[:-1]
    return f"{'.'.join([*numbers, *['0'] * (4 - len(numbers))])}/{8 * len(numbers)}"


def matches(mask: str, name_key: str, has_account: bool) -> bool:
    """Whether a mask, as it is kept, is about somebody with this key of a name, who has an account or is a guest."""
    return (has_account or not mask.startswith(ACCOUNTS)) and _pattern(mask).fullmatch(name_key) is not None


def hits(mask: str, session: Session) -> bool:
    """Whether a mask, as it is kept, is about this session. A pending login counts as the account that it wants."""
    return matches(mask, session.name.key, not session.is_guest)


@lru_cache(maxsize=4096)
def _pattern(mask: str) -> re.Pattern[str]:
    """The pattern of a mask. Matching it takes no longer than the lengths of both multiplied (`fnmatch.translate`)."""
    return re.compile(fnmatch.translate(mask.removeprefix(ACCOUNTS)))
