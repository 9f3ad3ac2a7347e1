"""Packets: parsed once at the door, encoded once for each form, shown safely."""

from __future__ import annotations

import json
import sys
import unicodedata

import pytest
from hypothesis import given, strategies as st

from lanchat.protocol.errors import BadJson, BadPacket, ChatError, TooBig
from lanchat.protocol.extensions import ServerX, X
from lanchat.protocol.packet import (
    MAX_MSG,
    MAX_PACKET,
    MAX_UNFRAMED,
    Packet,
    Sender,
    ServerPacket,
    SharedPacket,
    parse,
    visible,
)

GOOD = '{"from":{"name":"a","ip":""},"to":"bob","msg":"hi"}'


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("", BadJson),
        ("hello", BadJson),
        ("5", BadPacket),
        ("[]", BadPacket),
        ("null", BadPacket),
        ("{}", BadPacket),
        (GOOD + GOOD, BadJson),
        (GOOD[:-1], BadJson),
        ("\ufeff" + GOOD, BadJson),
        (GOOD.replace('"hi"', "NaN"), BadJson),
        (GOOD.replace('"hi"', "Infinity"), BadJson),
        (GOOD.replace("hi", "a\nb"), BadJson),
        (GOOD.replace("hi", "\\ud800"), BadJson),
        (GOOD.replace("hi", "\\udc00\\ud800"), BadJson),
        (GOOD.replace('"hi"', "5"), BadPacket),
        (GOOD.replace('"hi"', "null"), BadPacket),
        (GOOD.replace('"bob"', '["bob"]'), BadPacket),
        (GOOD.replace('"ip":""', '"ip":4'), BadPacket),
        (GOOD.replace(',"ip":""', ""), BadPacket),
        (GOOD.replace('"ip":""', '"ip":"","port":1'), BadPacket),
        (GOOD.replace(',"msg":"hi"', ""), BadPacket),
        (GOOD[:-1] + ',"extra":1}', BadPacket),
        (GOOD[:-1] + ',"x":[]}', BadPacket),
        (GOOD[:-1] + ',"x":{"cid":5}}', BadPacket),
        (GOOD[:-1] + ',"x":{"cid":"' + "c" * 65 + '"}}', BadPacket),
        (GOOD[:-1] + ',"x":{"text":"' + "é" * 9000 + '"}}', TooBig),
        (GOOD[:-1] + ',"' + "\\u0001" * 9000 + '":1}', BadPacket),
        (GOOD[:-1] + ',"x":{"new":NaN}}', BadJson),
        (GOOD[:-1] + ',"x":{"new":' + "[" * 30000 + "]" * 30000 + "}}", BadPacket),
        ("[" * 60000, BadPacket),
        ('{"a":' * 10000, BadPacket),
        (GOOD.replace("hi", "x" * (MAX_MSG + 1)), TooBig),
        (GOOD.replace("hi", "é" * (MAX_MSG // 2 + 1)), TooBig),
        (GOOD.replace("hi", "x" * MAX_PACKET), TooBig),
    ],
)
def test_what_is_no_packet_is_refused_with_its_code(text: str, error: type[ChatError]) -> None:
    with pytest.raises(error) as caught:
        parse(text.encode())
    assert type(caught.value) is error
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 300


@pytest.mark.parametrize("bad", [b"\xff", b"\xed\xa0\x80", b"\xc0\xaf"])
def test_bytes_that_are_not_utf_8_are_refused_wherever_they_are(bad: bytes) -> None:
    for data in (GOOD.encode().replace(b"hi", bad), GOOD[:-1].encode() + b',"x":{"new":"' + bad + b'"}}'):
        with pytest.raises(BadJson):
            parse(data)


def test_utf_16_is_refused() -> None:
    with pytest.raises(BadJson):
        parse(GOOD.encode("utf-16"))


@pytest.mark.parametrize("wrong", ['"to":5', '"to":"bob","y":1'])
def test_the_id_of_a_bad_packet_is_told_to_its_sender(wrong: str) -> None:
    with pytest.raises(BadPacket) as caught:
        parse(('{"from":{"name":"","ip":""},"msg":"hi","x":{"cid":"7"},' + wrong + "}").encode())
    assert caught.value.cid == "7"


def test_the_longest_text_is_taken() -> None:
    assert len(parse(GOOD.replace("hi", "é" * (MAX_MSG // 2)).encode()).msg) == MAX_MSG // 2


def test_of_a_repeated_member_the_last_counts() -> None:
    packet = parse((GOOD[:-1] + ',"msg":"again"}').encode())
    assert packet.msg == "again"
    assert packet.line.count(b'"msg"') == 1


def test_unknown_members_of_x_are_ignored() -> None:
    packet = parse((GOOD[:-1] + ',"x":{"cid":"1","newer":{"deep":[1,{}]}}}').encode())
    assert packet.x == X(cid="1")
    assert parse(
        (GOOD[:-1] + ',"x":{"v":1,"ts":5,"names":"n","n":"4","caps":["id",7,[]]}}').replace("bob", "/hello").encode()
    ).is_hello


def test_without_x_a_classic_packet_remains() -> None:
    packet = ServerPacket(Sender("a", "1.2.3.4"), "bob", "hi", ServerX(id="1"))
    assert json.loads(packet.classic) == {"from": {"name": "a", "ip": "1.2.3.4"}, "to": "bob", "msg": "hi"}
    assert json.loads(packet.line)["x"] == {"id": "1"}


def test_each_form_of_what_many_read_is_encoded_once() -> None:
    packet = SharedPacket(Sender("a", ""), "b", "c", ServerX(id="1"))
    assert packet.line is packet.line
    assert packet.classic is packet.classic
    assert packet.unframed is packet.unframed
    assert packet.encoded(lambda packet: packet.msg.encode()) == b"c"
    made: list[ServerPacket] = []

    def write(packet: ServerPacket) -> bytes:
        made.append(packet)
        return b"as lines"

    assert packet.encoded(write) is packet.encoded(write)
    assert made == [packet]


@given(st.text(max_size=3000), st.text(min_size=1, max_size=32))
def test_an_unframed_client_reads_every_part_with_one_recv_and_loses_nothing(msg: str, name: str) -> None:
    parts = ServerPacket(Sender(name, "192.168.100.100"), name, msg).unframed
    texts = []
    for part in parts:
        assert len(part) <= MAX_UNFRAMED
        assert part.isascii()
        assert part.endswith(b"\n")
        assert part.count(b"\n") == 1
        texts.append(json.loads(part)["msg"])
    if len(parts) > 1:
        numbers = [f"({n}/{len(parts)}) " for n in range(1, len(parts) + 1)]
        texts = [text.removeprefix(number) for text, number in zip(texts, numbers, strict=True)]
    # A lone surrogate can't come in, but two halves of a character may meet in a text that hypothesis made.
    assert "".join(texts).encode("utf-16", "surrogatepass") == msg.encode("utf-16", "surrogatepass")


@pytest.mark.parametrize("length", [1, 900, 9_000, 16_000])
def test_long_texts_are_cut_so_that_every_part_is_small_enough(length: int) -> None:
    for char in ("z", "\u00e9"):
        text = char * (length // len(char.encode()))
        parts = ServerPacket(Sender("a" * 32, "fe80::1"), "b" * 32, text).unframed
        assert max(map(len, parts)) <= MAX_UNFRAMED
        texts = [json.loads(part)["msg"] for part in parts]
        assert "".join(text.split(") ")[-1] for text in texts) == text
        assert len(parts) == 1 or texts[-1].startswith(f"({len(parts)}/{len(parts)}) ")


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=500), st.text(alphabet="abc#/é", max_size=40))
def test_what_one_side_encodes_the_other_parses(msg: str, to: str) -> None:
    packet = Packet(Sender("a", "::1"), to, msg, X(cid="1", v=0))
    assert parse(packet.line.rstrip(b"\n")) == packet
    assert b"\n" not in packet.line[:-1]


@given(st.text())
def test_nothing_that_steers_a_terminal_is_visible(text: str) -> None:
    shown = visible(text)
    assert all(c.isprintable() or c in "\u200c\u200d" for c in shown)


@given(st.text(st.sampled_from("a\\'\"\0\n\t\x85\xa0\u200c\u200dn0u2\U000e0001") | st.characters(), max_size=50))
def test_each_character_is_shown_as_it_is_alone(text: str) -> None:
    def shown(char: str) -> str:
        if char.isprintable() or char in "\u200c\u200d":
            return char
        return " " if char == "\t" or unicodedata.category(char) == "Zs" else char.encode("unicode_escape").decode()

    assert visible(text) == "".join(map(shown, text))


def test_a_text_is_made_visible_whole_and_not_by_the_character() -> None:
    calls: list[object] = []
    sys.setprofile(lambda frame, event, what: calls.append(what))
    try:
        visible("\x80" * 8000)
    finally:
        sys.setprofile(None)
    assert len(calls) < 100


def test_what_cannot_be_shown_is_written_out() -> None:
    assert visible("a\x1b[2J\u202eb\u2066\x9b\nc\td\u00a0e\x07") == r"a\x1b[2J\u202eb\u2066\x9b\nc d e\x07"
    assert visible("Привет 👩\u200d🚀") == "Привет 👩\u200d🚀"
    assert visible("abcdef", 3) == "abc..."
    assert visible("\x1b" * 100, 6) == r"\x1b\x..."
