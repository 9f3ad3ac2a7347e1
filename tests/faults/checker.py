"""Checker: whether a history keeps the promises of durable delivery (docs/protocol.md).

Each check takes a history and yields a line for each thing that is wrong. `seq` shows the order of everything, so each is
linear in the events, or a sort of them.
"""

from __future__ import annotations

from bisect import bisect_right, insort
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from operator import attrgetter
from typing import NamedTuple, TypeVar

from tests.faults import changes
from tests.faults.changes import Wrongs
from tests.faults.events import ADMINISTRATOR, Delivered, Owned, Read
from tests.faults.history import Device, History, Message

#: What a message is counted as beside its text, in bytes; and the share of a bound that messages fill when some were removed:
#: clients do not know of all that is stored.
ENVELOPE, LEAST = 200, 0.7

K = TypeVar("K")
V = TypeVar("V")


def lost(history: History) -> Wrongs:
    """What was acknowledged is in the final history, and that was delivered to every device of every member; changes too.

    The oldest may have been removed from the history, where it has a bound; they were delivered before. What is withdrawn
    may be gone before it is delivered.
    """
    floor = history.floor
    stored = {sha for read in history.final for _, _, sha in read.entries}
    shown = {device: {d.sha for d in seen if not d.dropped} for device, seen in history.shown.items()}
    owed = _owed(history)
    for message in history.messages.values():
        if history.gone(message):
            continue
        if message.accepted and not message.kind and message.sha not in stored and message.accepted[0].seq > floor:
            yield f"{_called(message)} was acknowledged and is not in the history"
        if message.accepted or message.sha in stored:
            for device, since in owed.get(message.conv, {}).items():
                if device != message.device and since < message.invoked[0] and message.sha not in shown.get(device, ()):
                    yield f"{_called(message)} never came to {device.name} of {device.account}"


def removed_new(history: History) -> Wrongs:
    """Where the history has a bound, the newest messages that fit are left, and they fill a good part of it."""
    accepted = [message for message in history.messages.values() if message.accepted and not history.gone(message)]
    left = [message for message in accepted if message.accepted[0].seq >= history.floor]
    weight = sum(ENVELOPE + message.size for message in left)
    if len(left) < len(accepted) and weight < LEAST * history.bound:
        yield f"{len(left)} of {len(accepted)} messages are left, with {weight} bytes, by a bound of {history.bound}"


def outside_failed(history: History) -> Wrongs:
    """An administrator's command that only reads does so beside a server, whatever has happened to that."""
    for outside in history.outside:
        if outside.status:
            yield f"{outside.command} ended with {outside.status}: {outside.told}"


def invented(history: History) -> Wrongs:
    """What was delivered, or is in the history, was said there, by its sender, before; and its reader may read it."""
    members = {conv: history.members(conv) for conv in {seen.conv for seen in _all_seen(history)}}
    for seen in _all_seen(history):
        message = history.messages.get(seen.sha)
        where = f"seq {seen.seq}, seen by {seen.reader} in {seen.conv},"
        if seen.reader != ADMINISTRATOR and seen.at < members[seen.conv].get(seen.reader, seen.at + 1):
            yield f"{where} was for others"
        if message is None:
            yield f"{where} was said by nobody"
        elif (message.account, message.conv) != (seen.sender, seen.conv):
            yield f"{where} was said by {message.account} in {message.conv}, and not by {seen.sender}"
        elif seen.at < message.invoked[0]:
            yield f"{where} came before it was said"


def stored_twice(history: History) -> Wrongs:
    """A message has one seq, in acknowledgements, deliveries and the history, however often it was sent."""
    for sha, seqs in _gathered((sha, seq) for seq, sha in _placements(history)).items():
        if len(seqs) > 1 and sha in history.messages:
            yield f"{_called(history.messages[sha])} has the seqs {sorted(seqs)}"


def shown_twice(history: History) -> Wrongs:
    """A device that drops what it saw is shown nothing twice."""
    for device, deliveries in history.shown.items():
        seqs, shas = set[int](), set[str]()
        for seen in deliveries:
            if not seen.dropped and (seen.seq in seqs or seen.sha in shas):
                yield f"seq {seen.seq} was shown twice by {device.name} of {device.account}"
            if not seen.dropped:
                seqs.add(seen.seq)
                shas.add(seen.sha)


def sender_order(history: History) -> Wrongs:
    """What a device says comes in the order in which it was said, in the log and at every device.

    That is so for what was refused, too: a device sends it again before it says anything new.
    """
    for reader, shas in _orders(history):
        last: dict[Device, Message] = {}
        for sha in shas:
            message = history.messages.get(sha)
            if message is None:
                continue
            before = last.setdefault(message.device, message)
            if message.number < before.number:
                yield f"{_called(message)} was said before {before.cid} and comes after it in {reader}"
            last[message.device] = message


def real_time(history: History) -> Wrongs:
    """What was acknowledged before another message was sent has a lower seq; and a read that begins later has it."""
    accepted = sorted((ok.at, ok.seq) for message in history.messages.values() for ok in message.accepted)
    yield from _overtaken(history, accepted)
    floor = history.floor
    left = [message for message in history.messages.values() if not message.kind and not history.gone(message)]
    convs = {ok.seq: message.conv for message in left for ok in message.accepted}
    said = sorted(chain.from_iterable(message.accepted for message in left), key=attrgetter("at"), reverse=True)
    seqs: dict[str, list[int]] = defaultdict(list)
    for read in sorted(history.reads, key=attrgetter("at")):
        if read.search:
            continue
        while said and said[-1].at < read.at:
            ok = said.pop()
            insort(seqs[convs[ok.seq]], ok.seq)
        have = {seq for seq, _, _ in read.entries}
        oldest = min([floor, *have])  # what is older may have been removed
        for seq in seqs[read.conv][bisect_right(seqs[read.conv], read.after) :]:
            if seq not in have and seq > oldest:
                yield f"a read of {read.conv} by {read.account} lacks seq {seq}, which was acknowledged before"


def room_order(history: History) -> Wrongs:
    """All recipients of a room get what it says in one order, which is the history's; and all read the same history."""
    place: dict[str, dict[str, int]] = {}
    for read in history.final:
        mine = {sha: i for i, (_, _, sha) in enumerate(read.entries)}
        if place.setdefault(read.conv, mine) != mine:
            yield f"{read.account} reads another history of {read.conv} than others"
    for reader, shas in _orders(history):
        last: dict[str, int] = {}
        for sha in shas:
            message = history.messages.get(sha)
            if message is None or (at := place.get(message.conv, {}).get(sha)) is None:
                continue
            if at < last.get(message.conv, -1):
                yield f"{_called(message)} comes too late in {reader}"
            last[message.conv] = at


def seq_reused(history: History) -> Wrongs:
    """A seq is one message for ever, and the epoch of the log stays."""
    for seq, shas in _gathered(_placements(history)).items():
        if len(shas) > 1:
            yield f"seq {seq} is {len(shas)} messages: {', '.join(_called(history.messages.get(sha)) for sha in sorted(shas))}"
    if len(history.epochs) > 1:
        yield f"the epoch changed: {', '.join(sorted(history.epochs))}"


def refused_appears(history: History) -> Wrongs:
    """What was refused each time it was sent, or once for good, is nowhere."""
    for seen in _all_seen(history):
        message = history.messages.get(seen.sha)
        if message and message.failed:
            yield f"{_called(message)} was refused and {seen.reader} has it as seq {seen.seq}"


def name_shared(history: History) -> Wrongs:
    """No two have a name at one time."""
    last: dict[str, Owned] = {}
    for owned in sorted(history.owned, key=attrgetter("at")):
        before = last.setdefault(owned.name, owned)
        if before is not owned and owned.at < before.until:
            yield f"{owned.name} had two owners for {(min(before.until, owned.until) - owned.at) / 1e6:.3f} ms"
        if owned.until >= before.until:
            last[owned.name] = owned


CHECKS: dict[str, Callable[[History], Wrongs]] = {
    "lost": lost,
    "removed though new": removed_new,
    "reader from outside failed": outside_failed,
    "invented": invented,
    "stored twice": stored_twice,
    "shown twice": shown_twice,
    "out of the sender's order": sender_order,
    "out of real time": real_time,
    "out of the room's order": room_order,
    "seq used again": seq_reused,
    "refused and there": refused_appears,
    "name shared": name_shared,
    "edit lost": changes.edit_lost,
    "change misplaced": changes.misplaced,
    "withdrawn and there": changes.withdrawn_there,
    "marker went back": changes.marker_back,
    "rank forgotten": changes.rank_forgotten,
}


def check(history: History) -> dict[str, list[str]]:
    """What is wrong, by check."""
    return {name: list(wrongs(history)) for name, wrongs in CHECKS.items()}


class Seen(NamedTuple):
    """A message as somebody got it, by delivery or by reading."""

    at: int
    reader: str
    conv: str
    seq: int
    sender: str
    sha: str


def _all_seen(history: History) -> Iterator[Seen]:
    """With the newest text of each message."""
    return _seen(history.deliveries, history.pages)


def _seen(deliveries: dict[Device, list[Delivered]], reads: list[Read]) -> Iterator[Seen]:
    for d in chain.from_iterable(deliveries.values()):
        yield Seen(d.at, d.account, d.conv, d.seq, d.sender, d.sha)
    for read in reads:
        yield from (Seen(read.answered, read.account, read.conv, *entry) for entry in read.entries)


def _placements(history: History) -> Iterator[tuple[int, str]]:
    """Each (seq, sha) that anybody was told, with the first text of each message."""
    for message in history.messages.values():
        yield from ((ok.seq, message.sha) for ok in message.accepted)
    yield from ((seen.seq, seen.sha) for seen in _seen(history.shown, history.reads))


def _owed(history: History) -> dict[str, dict[Device, int]]:
    """By conversation, the devices to which all must come that was said after a time."""
    found: dict[str, dict[Device, int]] = {}
    for conv in {message.conv for message in history.messages.values()}:
        since = history.members(conv)
        found[conv] = {d: max(at, since[d.account]) for d, at in history.devices.items() if d.account in since}
    return found


def _gathered(pairs: Iterable[tuple[K, V]]) -> dict[K, set[V]]:
    found: dict[K, set[V]] = defaultdict(set)
    for key, value in pairs:
        found[key].add(value)
    return found


def _orders(history: History) -> Iterator[tuple[str, Iterable[str]]]:
    """Every order of messages that there is: each history, and what each device got, each message when it came first."""
    for read in history.final:
        yield f"the history of {read.conv}", (sha for _, _, sha in sorted(read.entries))
    for device, deliveries in history.shown.items():
        others = (d.sha for d in deliveries if (said := history.messages.get(d.sha)) is None or said.device != device)
        yield f"{device.name} of {device.account}", dict.fromkeys(others)  # its own it knows from acknowledgements


def _called(message: Message | None) -> str:
    return message.called if message else "what nobody said"


def _overtaken(history: History, accepted: list[tuple[int, int]]) -> Wrongs:
    """Messages with a seq below one that was acknowledged before they were sent first."""
    waiting = iter([*accepted, (2**63, 0)])
    ok_at, ok_seq = next(waiting)
    highest = 0
    for message in sorted(history.messages.values(), key=lambda message: message.invoked[0]):
        while ok_at < message.invoked[0]:
            highest = max(highest, ok_seq)
            ok_at, ok_seq = next(waiting)
        if message.accepted and message.accepted[0].seq <= highest:
            yield f"{_called(message)} has seq {message.accepted[0].seq}, and {highest} was acknowledged before it was sent"
