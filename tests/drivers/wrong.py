"""What a driver raises when a promise is broken, and how it compares."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

#: Characters of a value that are shown in a message.
SHOWN = 300


class Wrong(Exception):
    """A promise was broken. `kind` names it in a few words; the text tells what was found."""

    def __init__(self, kind: str, text: str) -> None:
        super().__init__(text)
        self.kind = kind


def check(holds: object, kind: str, text: str) -> None:
    """Raise `Wrong` unless this holds."""
    if not holds:
        raise Wrong(kind, text)


def same(found: object, wanted: object, kind: str, what: str) -> None:
    """Raise `Wrong` if two values differ."""
    if found != wanted:
        raise Wrong(kind, f"{what}: {short(found)} in place of {short(wanted)}")


def same_rows(found: Mapping[int, Any], wanted: Mapping[int, Any], kind: str, what: str) -> None:
    """Raise `Wrong` if two logs differ, and say where."""
    if found == wanted:
        return
    lost, added = sorted(wanted.keys() - found.keys()), sorted(found.keys() - wanted.keys())
    other = sorted(seq for seq in found.keys() & wanted.keys() if found[seq] != wanted[seq])
    parts = [f"{what}: of {len(wanted)} rows"]
    if lost:
        parts.append(f"{len(lost)} are missing ({spans(lost)}), as {short(wanted[lost[0]])}")
    if added:
        parts.append(f"{len(added)} are too many ({spans(added)}), as {short(found[added[0]])}")
    if other:
        parts.append(f"{len(other)} differ ({spans(other)}), as {short(found[other[0]])} in place of {short(wanted[other[0]])}")
    raise Wrong(kind, "; ".join(parts))


def spans(numbers: list[int]) -> str:
    """Sorted numbers, those in a row as "3-7"; only the first few."""
    found: list[list[int]] = []
    for number in numbers:
        if found and number == found[-1][1] + 1:
            found[-1][1] = number
        else:
            found.append([number, number])
    shown = ", ".join(str(a) if a == b else f"{a}-{b}" for a, b in found[:5])
    return shown + (", ..." if len(found) > 5 else "")


def short(value: object) -> str:
    """A value, cut where it is long."""
    text = repr(value)
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}..."
