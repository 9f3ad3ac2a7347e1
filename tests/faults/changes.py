"""Checks of what changes after it was said: edits and withdrawals of messages, read markers, and ranks in rooms.

That a change is lost on its way to a device, stored twice, or refused and yet there is checked as it is for messages
(`tests.faults.checker`).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from itertools import chain

from tests.faults.events import Marked, Ranked
from tests.faults.history import History, Message

Wrongs = Iterator[str]


def edit_lost(history: History) -> Wrongs:
    """What is read after an edit was acknowledged shows its text, or that of a later one; never one that came before it."""
    edits = {seq: [one for one in changes if one.kind == "edit"] for seq, changes in history.changes.items()}
    for read in history.pages:
        for seq, _, sha in read.entries:
            known = [edit for edit in edits.get(seq, ()) if edit.accepted and edit.accepted[0].at < read.at]
            newest = max(known, key=_place, default=None)
            shown = history.messages.get(sha)
            if newest is None or shown is None:
                continue
            if not shown.kind or (shown.accepted and _place(shown) < _place(newest)):
                yield f"{read.account} reads {shown.called} as seq {seq}, and {newest.called} was acknowledged as its edit"


def misplaced(history: History) -> Wrongs:
    """A change is about the message that it was made for, in each delivery; and a text is shown as that message's."""
    for delivery in chain.from_iterable(history.deliveries.values()):
        change = history.messages.get(delivery.sha)
        if change is not None and delivery.about != change.about and (delivery.about or delivery.seq != change.about):
            yield f"{change.called} changes seq {change.about}, and {delivery.account} got it for seq {delivery.about}"
    for read in history.pages:
        for seq, _, sha in read.entries:
            edit = history.messages.get(sha)
            if edit is not None and edit.kind and seq != edit.about:
                yield f"{edit.called} changes seq {edit.about}, and {read.account} reads it as seq {seq}"


def withdrawn_there(history: History) -> Wrongs:
    """What is read or found after a withdrawal was acknowledged has no text that the message ever had."""
    withdrawn: dict[str, int] = {}  # when, by the digest of each text
    for seq, changes in history.changes.items():
        times = [ok.at for change in changes if change.kind == "withdraw" for ok in change.accepted]
        texts = [history.first.get(seq, ""), *(change.sha for change in changes if change.kind == "edit")]
        withdrawn |= dict.fromkeys(texts, min(times)) if times else {}
    for read in history.pages:
        for seq, _, sha in read.entries:
            if withdrawn.get(sha, read.at) < read.at:
                yield f"{read.account} reads seq {seq} in {read.conv}, which was withdrawn"


def marker_back(history: History) -> Wrongs:
    """A read marker is nowhere before a place to which it was moved."""
    moved: dict[tuple[str, str], list[Marked]] = defaultdict(list)
    for mark in history.marks:
        if mark.how == "ok":
            moved[mark.account, mark.conv].append(mark)
    for seen in history.marks:
        furthest = max((one.seq for one in moved[seen.account, seen.conv] if one.answered < seen.at), default=0)
        if seen.how == "seen" and seen.seq < furthest:
            yield f"the marker of {seen.account} in {seen.conv} is at {seen.seq}, and was moved to {furthest}"


def rank_forgotten(history: History) -> Wrongs:
    """Everybody has the rank that was given last; or one that was given later, if it is not known what became of that."""
    given: dict[tuple[str, str], list[Ranked]] = defaultdict(list)
    for rank in sorted(history.ranks, key=lambda rank: rank.at):
        ranks = given[rank.room, rank.account]
        if rank.how == "ok":
            ranks.clear()
        if rank.how in ("ok", "info"):
            ranks.append(rank)
        elif rank.how == "seen" and any(one.how == "ok" for one in ranks) and rank.rank not in {one.rank for one in ranks}:
            yield f"{rank.account} is {rank.rank} in {rank.room}, and was made {ranks[0].rank}"


def _place(change: Message) -> int:
    return change.accepted[0].seq
