"""Framing: the same packets, however the bytes were cut, and nothing lost over an error."""

from __future__ import annotations

import json
from collections.abc import Iterable

import pytest
from hypothesis import example, given, strategies as st

from lanchat.gateways.framing import Framing
from lanchat.gateways.json_objects import STUCK_SECONDS, Frame, Objects
from lanchat.gateways.lines import END_SECONDS, Lines
from lanchat.protocol.errors import BadJson, LineTooBig
from lanchat.protocol.packet import MAX_PACKET


def fed(framing: Framing | Lines | Objects, pieces: Iterable[bytes]) -> list[bytes | str]:
    """What comes of these pieces; errors by their code, so that they compare. What stands for work alone is left out."""
    return [told(frame) for piece in pieces for frame in framing.feed(piece) if frame]


def silent(framing: Framing) -> list[bytes | str]:
    return [told(frame) for frame in framing.silence()]


def told(frame: Frame) -> bytes | str:
    return frame if isinstance(frame, bytes) else frame.code


def cut(data: bytes, places: list[int]) -> list[bytes]:
    bounds = [0, *sorted(place % (len(data) + 1) for place in places), len(data)]
    return [data[a:b] for a, b in zip(bounds, bounds[1:])]  # noqa: B905, RUF007 (Python 3.10's pairwise is the same)


PIECES = [
    b'{"a":"b"}',
    b"{}",
    b'{"a":{"b":"}{"}}',
    b'{"q":"\\""}',
    b'{"b":"\\\\"}',
    b'"',
    b"\n",
    b"\r\n",
    b" ",
    b"{",
    b"}",
    b"x",
    b"\\",
]
streams = st.lists(st.sampled_from(PIECES), max_size=12).map(b"".join)
places = st.lists(st.integers(min_value=0, max_value=200), max_size=8)


@given(streams, places)
def test_lines_are_the_same_however_they_are_cut(data: bytes, where: list[int]) -> None:
    whole = [line.removesuffix(b"\r") for line in data.split(b"\n")[:-1] if line.strip()]
    assert fed(Lines(), cut(data, where)) == whole


@given(st.lists(st.integers(min_value=0, max_value=25), max_size=8), places)
def test_lines_over_the_limit_are_skipped_once_however_they_are_cut(lengths: list[int], where: list[int]) -> None:
    data = b"".join(b"x" * length + b"\n" for length in lengths)
    expected = [b"x" * n if n <= 10 else "TOO_BIG" for n in lengths if n]
    assert fed(Lines(10), cut(data, where)) == expected


@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
def test_the_limit_does_not_count_the_newline(end: bytes) -> None:
    assert fed(Lines(5), [b"12345" + end, b"123456" + end, b"1" + end]) == [b"12345", "TOO_BIG", b"1"]


def test_an_endless_line_is_not_kept() -> None:
    lines = Lines(100)
    assert fed(lines, [b"x" * 90] * 50) == ["TOO_BIG"]
    assert len(lines.rest) <= 101
    assert fed(lines, [b"\nok\n"]) == [b"ok"]


@given(streams, places)
@example(b'{"q":"\\""}' * 3, [8, 9])
def test_objects_are_the_same_however_they_are_cut(data: bytes, where: list[int]) -> None:
    assert fed(Objects(), cut(data, where)) == fed(Objects(), [data])


@given(streams, places)
@example(b'{{"a":"b"}"\n', [])
def test_objects_over_the_limit_are_skipped_the_same_however_they_are_cut(data: bytes, where: list[int]) -> None:
    assert fed(Objects(8), cut(data, where)) == fed(Objects(8), [bytes([byte]) for byte in data])


@given(
    st.lists(st.dictionaries(st.text(max_size=5), st.text(max_size=20), max_size=3), max_size=6), st.text(" \r\n\t", max_size=3)
)
def test_every_object_in_a_stream_is_found_one_byte_at_a_time(objects: list[dict[str, str]], between: str) -> None:
    data = between.join(json.dumps(each, ensure_ascii=False) for each in objects).encode()
    frames = fed(Objects(), [bytes([byte]) for byte in data])
    assert [json.loads(frame) for frame in frames] == objects


@pytest.mark.parametrize(
    ("data", "frames"),
    [
        (b"text{}", ["BAD_JSON", b"{}"]),
        (b"te xt {} more {}", ["BAD_JSON", b"{}", "BAD_JSON", b"{}"]),
        (b"}{}", ["BAD_JSON", b"{}"]),
        (b'{"a":"b\nc"}{}', ["BAD_JSON", b"{}"]),
        (b'{"a":\n"b"}', [b'{"a":\n"b"}']),
        (b"\xff{}", ["BAD_JSON", b"{}"]),
        (b'{"a":"x\\\ny"}{"b":1}', ["BAD_JSON", b'{"b":1}']),
    ],
)
def test_what_is_broken_is_told_once_and_the_next_object_is_found(data: bytes, frames: list[bytes | str]) -> None:
    assert fed(Objects(), [data]) == frames
    assert fed(Objects(), [bytes([byte]) for byte in data]) == frames


def test_an_endless_object_is_not_kept() -> None:
    objects = Objects(100)
    assert fed(objects, [b'{"a":"'] + [b"x" * 90] * 50) == ["TOO_BIG"]
    assert len(objects.rest) <= 100
    assert fed(objects, [b'"}', b"{}"]) == [b"{}"]


def test_a_long_object_is_looked_through_once() -> None:
    # 64 KiB a byte at a time: quadratic scanning would take minutes, so it is counted, not timed.
    objects = Objects()
    scanned = 0
    for byte in b'{"a":"' + b"x" * 5000:
        before = objects._at
        list(objects.feed(bytes([byte])))
        scanned += max(objects._at - before, 0)
    assert scanned <= 5010


# The opening.


@given(places)
@example([5])
def test_a_name_that_ends_with_a_newline_is_framed(where: list[int]) -> None:
    framing = Framing()
    assert fed(framing, cut(b'alice\n{"a":1}\r\n\n{"b":2}\n', where)) == [b"alice", b'{"a":1}', b'{"b":2}']
    assert framing.framed


@given(places)
def test_a_name_that_a_brace_ends_is_unframed(where: list[int]) -> None:
    framing = Framing()
    assert fed(framing, cut(b'alice{"a":1}{"b":2} {"c":3}', where)) == [b"alice", b'{"a":1}', b'{"b":2}', b'{"c":3}']
    assert not framing.framed


def test_a_name_that_silence_ends_is_unframed() -> None:
    framing = Framing()
    assert fed(framing, [b"ali", b"ce"]) == []
    assert framing.patience == END_SECONDS
    assert silent(framing) == [b"alice"]
    assert not framing.framed
    assert framing.patience is None
    assert fed(framing, [b'{"a":', b"1}{}"]) == [b'{"a":1}', b"{}"]


@pytest.mark.parametrize("late", [[b"\n"], [b"\r\n"], [b"\r", b"\n"], [b'\n{"a":1}\n']])
def test_a_newline_after_the_silence_was_only_late(late: list[bytes]) -> None:
    framing = Framing()
    fed(framing, [b"alice"])
    silent(framing)
    rest = b"" if late[0].endswith(b"}\n") else b'{"a":1}\n'
    assert fed(framing, [*late, rest]) == [b'{"a":1}']
    assert framing.framed


@pytest.mark.parametrize("blank", [b"\n", b"\r\n", b" \n\n"])
def test_blank_lines_before_the_name_are_no_name(blank: bytes) -> None:
    assert fed(Framing(), [blank, b"alice\n"]) == [b"alice"]


def test_white_space_alone_is_no_name_even_in_silence() -> None:
    framing = Framing()
    fed(framing, [b"  "])
    assert framing.patience is None


def test_blank_lines_without_end_are_not_kept() -> None:
    framing = Framing()
    assert fed(framing, [b"\n" * 65536, b" " * 65536] * 20) == []
    assert framing._reader.rest == b""


def test_a_name_without_end_is_handed_over_to_be_refused() -> None:
    frames = fed(Framing(), [b"x" * 400, b"x" * 400])
    assert len(frames) == 1
    assert len(frames[0]) > 512


# Silence later on.


def test_an_object_without_newline_in_a_framed_session_is_a_packet_after_silence() -> None:
    framing = Framing()
    assert fed(framing, [b'alice\n{"a":"}', b'"}']) == [b"alice"]
    assert framing.patience == END_SECONDS
    assert silent(framing) == [b'{"a":"}"}']
    assert framing.patience is None
    assert fed(framing, [b'{"b":1}\n']) == [b'{"b":1}']


def test_what_is_not_whole_waits_for_its_newline() -> None:
    framing = Framing()
    fed(framing, [b'alice\n{"a":{"b":1}'])
    assert silent(framing) == []
    assert fed(framing, [b"}\n"]) == [b'{"a":{"b":1}}']


def test_the_objects_that_a_remainder_begins_with_are_packets_after_silence() -> None:
    framing = Framing()
    fed(framing, [b'alice\n{"a":1} {"b":{"c":1}'])
    assert silent(framing) == [b'{"a":1}']
    assert framing.patience is None
    assert fed(framing, [b"}"]) == []
    assert silent(framing) == [b'{"b":{"c":1}}']
    assert fed(framing, [b'\n{"d":1}', b'{"e":1}\n{"f":1}']) == [b'{"d":1}{"e":1}']
    assert silent(framing) == [b'{"f":1}']


@pytest.mark.parametrize("rest", [b"x{}{}", b"}{}", b'"}', b"[{}]{}"])
def test_what_silence_has_shown_to_be_no_packet_is_not_looked_at_again(rest: bytes) -> None:
    framing = Framing()
    fed(framing, [b"alice\n" + rest + b"}"])
    assert silent(framing) == []
    assert framing.patience is None
    assert fed(framing, [b"{}"]) == []
    assert framing.patience is None, "a line that begins like this is none whatever follows"
    assert fed(framing, [b"\n{}"]) == [rest + b"}{}"]
    assert silent(framing) == [b"{}"]


def test_an_object_that_comes_in_pieces_is_looked_through_once_whatever_silence_there_is() -> None:
    framing = Framing()
    fed(framing, [b"alice\n" + b'{"":' * 10_000 + b"}"])
    first, then = list(framing.silence()), list[Frame]()
    for _ in range(100):
        fed(framing, [b"}"])
        then += framing.silence()
    assert len(first) > 200, "a step has an end"
    assert then == []
    assert not any(first)


@pytest.mark.parametrize("reader", [Lines, Objects])
def test_bytes_that_come_one_by_one_are_added_to_those_before(reader: type[Lines | Objects]) -> None:
    reads = reader()
    fed(reads, [b"{", b"{"])
    kept = reads.rest
    fed(reads, [b"{"] * 1000)
    assert reads.rest is kept, "nothing is copied"
    assert len(kept) == 1002


def test_a_framed_session_in_the_middle_of_a_line_is_not_hurried() -> None:
    framing = Framing()
    fed(framing, [b'alice\n{"a":'])
    assert framing.patience is None


def test_silence_inside_an_object_gives_it_up() -> None:
    framing = Framing()
    fed(framing, [b'alice{"a":"b'])
    assert framing.patience == STUCK_SECONDS
    assert silent(framing) == ["BAD_JSON"]
    assert framing.patience is None
    assert fed(framing, [b'c"}{"a":1}']) == [b'{"a":1}']


def test_after_its_hello_a_client_is_framed_whatever_it_was() -> None:
    framing = Framing()
    frames: list[bytes | str] = []
    for frame in framing.feed(b'alice{"hello":1}\n{"a":1}\n{"b"'):
        frames.append(told(frame))
        if frame == b'{"hello":1}':
            framing.become_framed()
    assert frames == [b"alice", b'{"hello":1}', b'{"a":1}']
    assert framing.framed
    assert fed(framing, [b":2}"]) == []
    assert framing.patience is None  # a capable client ends its lines
    assert fed(framing, [b"\n"]) == [b'{"b":2}']


def test_errors_say_what_happens_now() -> None:
    (error,) = Lines(5).feed(b"123456789")
    assert isinstance(error, LineTooBig)
    assert "skipped" in str(error)
    (error,) = Objects().feed(b"junk")
    assert isinstance(error, BadJson)
    assert MAX_PACKET == 65536
