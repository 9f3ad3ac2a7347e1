"""Lines: the vectors of https://github.com/ircdocs/parser-tests (CC0, in parser_tests/), and what no client should send."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from lanchat.irc.message import BadLine, InvalidUtf8, LineTooLong, line, parse
from lanchat.irc.shapes import split_text
from tests.irc.wire import IrcWire, make_chat

VECTORS = Path(__file__).parent / "parser_tests"


def vectors(name: str) -> list[dict[str, Any]]:
    """The tests in one of the files."""
    found: list[dict[str, Any]] = yaml.safe_load((VECTORS / name).read_text())["tests"]
    return found


@pytest.mark.parametrize("vector", vectors("msg-split.yaml"), ids=lambda vector: vector["input"])
def test_lines_are_split(vector: dict[str, Any]) -> None:
    atoms = vector["atoms"]
    message = parse(vector["input"].encode())
    assert message.command == atoms["verb"].upper()
    assert message.params == atoms.get("params", [])
    assert (message.tags or {}) == {name: str(value) for name, value in atoms.get("tags", {}).items()}


@pytest.mark.parametrize("vector", vectors("msg-join.yaml"), ids=lambda vector: vector["desc"])
def test_lines_are_written(vector: dict[str, Any]) -> None:
    atoms = vector["atoms"]
    tags = {name: str(value or "") for name, value in atoms.get("tags", {}).items()}
    written = line(atoms["verb"], *atoms.get("params", []), source=atoms.get("source", ""), tags=tags)
    if len(tags) < 2:
        assert written.decode().removesuffix("\r\n") in vector["matches"]
    assert parse(written[:-2]) == parse(vector["matches"][0].encode())


@pytest.mark.parametrize(
    ("data", "error"),
    [
        (b"PRIVMSG bob :a\0b", BadLine),
        (b"PRIVMSG bob :a\rb", BadLine),
        (b"PRIVMSG bob :\xff", InvalidUtf8),
        (b"PRIVMSG bob :" + b"x" * 498, LineTooLong),
        (b"PRIVMSG bob :" + "€".encode() * 166, LineTooLong),
        (b"@+a=" + b"x" * 4092 + b" PING 1", LineTooLong),
        (b"@+a=" + b"x" * 4608, LineTooLong),
    ],
)
def test_a_line_that_breaks_the_rules_is_an_error(data: bytes, error: type[BadLine]) -> None:
    with pytest.raises(error):
        parse(data)


@pytest.mark.parametrize(
    "data",
    [
        b"PRIVMSG bob :" + b"x" * 497,
        b"@+a=" + b"x" * 4091 + b" PING 1",
        b"@",
        b"@ ",
        b":",
        b": ",
        b"@a=b :c",
        b"@;;;=;=x PING 1",
        b"PING" + b" x" * 253,
    ],
)
def test_odd_lines_are_none(data: bytes) -> None:
    parse(data)


@pytest.fixture
def wire() -> IrcWire:
    return IrcWire(*make_chat(), "ann", "message-tags batch labeled-response")


def test_whatever_comes_is_answered_and_closes_nothing(wire: IrcWire) -> None:
    wire.send(b"\n\r\n \n\r\r\n")
    assert not wire.lines()
    assert wire.ask("NOSUCH" + " x" * 250) == [":irc.lan 421 ann NOSUCH :Unknown command"]
    for bad in (b"PRIVMSG bob :a\0b\r\n", b"PRIVMSG bob :a\rb\r\n"):
        wire.send(bad)
        assert wire.lines() == [":irc.lan 400 ann * :A line can't have NUL or CR in it."]
    for long in (b"PING " + b"x" * 506 + b"\n", b"@+a=" + b"x" * 4092 + b" PING 1\r\n", b"x" * 100_000 + b"\r\n"):
        wire.send(long * 3)
        assert wire.lines() == [":irc.lan 417 ann :Input line was too long"] * 3
    assert wire.ask("PING 1") == [":irc.lan PONG irc.lan 1"]


@pytest.mark.parametrize("sent", [b"PRIVMSG bob :\xff", b"QUIT :\xe9", b"\xff"])
def test_bytes_that_are_not_utf_8_are_refused_and_the_connection_stays(wire: IrcWire, sent: bytes) -> None:
    told = "FAIL * INVALID_UTF8 :Your message has bytes that are not UTF-8. Set your client to UTF-8."
    wire.send(sent + b"\r\n")
    assert wire.lines() == [f":irc.lan {told}"]
    wire.send(b"@label=7 " + sent + b"\r\n")
    assert wire.lines() == [f"@label=7 :irc.lan {told}"]
    assert wire.ask("PING 1") == [":irc.lan PONG irc.lan 1"]


def test_a_user_name_that_is_not_utf_8_is_refused() -> None:
    wire = IrcWire(*make_chat())
    wire.send(b"NICK ann\r\nUSER \xe8rc\xe9 0 * :Ann\r\n")
    assert [line.split(" ")[1:4] for line in wire.lines()] == [["FAIL", "*", "INVALID_UTF8"]]
    assert " 001 " in wire.ask("USER ann 0 * :Ann")[0]


@pytest.mark.parametrize(
    ("text", "pieces"),
    [
        ("one line", ["one line"]),
        ("one\ntwo\r\n\nthree\n", ["one", "two", "three"]),
        ("", [" "]),
        ("\n", [" "]),
        ("a" * 45, ["a" * 20, "a" * 20, "a" * 5]),
        ("words of a text in lines", ["words of a text in ", "lines"]),
        ("€" * 8, ["€" * 6, "€" * 2]),
        ("e\u0301" * 8, ["e\u0301" * 6, "e\u0301" * 2]),
        ("👩\u200d🚒" * 3, ["👩\u200d🚒", "👩\u200d🚒", "👩\u200d🚒"]),
        ("👍🏽" * 3, ["👍🏽" * 2, "👍🏽"]),
        ("a" + "\u0301" * 30, ["a" + "\u0301" * 9, "\u0301" * 10, "\u0301" * 10, "\u0301"]),
        ("\x02bold\x02 \x0304,12red\x03 \x04ff0000red\x0f \x01VERSION\x01", ["bold red red VERSION"]),
        ("\x0304", [" "]),
    ],
)
def test_a_text_is_split_at_lines_words_and_characters(text: str, pieces: list[str]) -> None:
    assert split_text(text, 20) == pieces


def test_no_line_of_a_long_text_is_too_long() -> None:
    router, clock = make_chat()
    ann = IrcWire(router, clock, "ann", "message-tags echo-message")
    told = ann.ask("NOTICE ann :" + "€" * 165)
    assert all(len(line.partition(" ")[2].encode()) <= 510 for line in told)
    assert "".join(line.rpartition(":")[2] for line in told) == "€" * 165 * 2
    assert [("msgid=" in line.partition(" ")[0]) for line in told] == [True, False] * 2
