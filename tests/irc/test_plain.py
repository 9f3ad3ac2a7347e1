"""Lines that come together are served as if each had come by itself."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from lanchat.irc import plain
from lanchat.irc.message import MAX_LINE
from tests.irc.wire import IrcWire, make_chat

CAPS = ["", "message-tags", "server-time", "account-tag", "echo-message"]
TEXTS = [
    ":hello",
    "hello",
    ":",
    ": ",
    ":two words",
    ":\x02bold\x02",
    ":\x01ACTION waves\x01",
    ":na\u00efve \u4e2d \U0001f600",
    ":a\u2028b",
    ":a\tb",
    ":a\rb",
    " :b",
    f":{'x' * 480}",
    f":{'x' * 600}",
    ":" + "\u4e2d" * 160,
]
LINES = st.one_of(
    st.builds(
        "{} {} {}".format,
        st.sampled_from(["PRIVMSG", "privmsg", "NOTICE"]),
        st.sampled_from(["bob", "BOB", "carol", "carol,bob", "ann", "nobody", "#ops", "", ":bob", "bob\a", "bob x"]),
        st.sampled_from(TEXTS),
    ),
    st.sampled_from(
        ["", " ", "PING x", "PRIVMSG", "PRIVMSG bob", ":ann PRIVMSG bob :hi", "@+a=b PRIVMSG bob :hi", "NICK dora"]
    ),
)


def served(pieces: list[bytes], caps: str, reader_caps: str) -> list[list[str]]:
    """What all are told when ann sends these pieces; times and ids of the server are the same in each run."""
    router, clock = make_chat()
    router.chat.limits.set("packets", "off")
    router.chat.messages._new_id = "id".__str__  # (ids differ between two servers)
    ann, *others = [IrcWire(router, clock, nick, caps if nick == "ann" else reader_caps) for nick in ("ann", "bob", "carol")]
    ann.send(*pieces)
    clock.advance(1)
    return [wire.lines() for wire in (ann, *others)]


@given(st.lists(LINES, min_size=1, max_size=8), st.sampled_from(CAPS), st.sampled_from(CAPS), st.sampled_from(["\r\n", "\n"]))
def test_lines_that_come_together_are_served_as_if_each_had_come_by_itself(
    lines: list[str], caps: str, reader_caps: str, end: str
) -> None:
    data = [f"{line}{end}".encode() for line in lines]
    whole = b"".join(data)
    alone = served(data, caps, reader_caps)
    assert served([whole], caps, reader_caps) == alone
    assert served([whole[:11], whole[11:]], caps, reader_caps) == alone


def test_messages_to_guests_are_read_at_once() -> None:
    router, clock = make_chat()
    ann, bob = IrcWire(router, clock, "ann"), IrcWire(router, clock, "bob")
    block = b"PRIVMSG bob :one\r\nPRIVMSG bob :two\r\n"
    packets = plain.messages(ann.connection, block)  # type: ignore[arg-type]  # it is one
    assert [packet.msg for packet in packets or ()] == ["one", "two"]
    ann.send(block)
    assert bob.lines() == [f":ann!~ann@10.0.0.7 PRIVMSG bob :{text}" for text in ("one", "two")]


@pytest.mark.parametrize(
    "line", [b"PRIVMSG bob :\xff", b"PRIVMSG bob :" + b"x" * MAX_LINE, b"PRIVMSG nobody :hi", b"PRIVMSG bob,ann :hi", b"PING x"]
)
def test_a_block_with_anything_else_in_it_is_read_line_by_line(line: bytes) -> None:
    router, clock = make_chat()
    ann, _ = IrcWire(router, clock, "ann"), IrcWire(router, clock, "bob")
    assert plain.messages(ann.connection, b"PRIVMSG bob :hi\r\n" + line + b"\r\n") is None  # type: ignore[arg-type]  # it is one


def test_a_flood_is_served_as_fast_as_the_rates_allow_and_nothing_is_lost() -> None:
    router, clock = make_chat()
    ann, bob = IrcWire(router, clock, "ann"), IrcWire(router, clock, "bob")
    router.chat.limits.set("packets", 10)
    ann.send(b"".join(b"PRIVMSG bob :%d\r\n" % n for n in range(300)))
    before = bob.lines()
    assert 0 < len(before) < 300
    for _ in range(300):
        clock.advance(0.1)
    shown = [line.rpartition(":")[2] for line in before + bob.lines() if " PRIVMSG " in line]
    assert shown == [str(n) for n in range(300)]
