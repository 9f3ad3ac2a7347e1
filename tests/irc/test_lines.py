"""Whatever users of all gateways do: each line that an IRC client is sent is one line, and not too long, and nothing fails."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from hypothesis import given, settings, strategies as st
from twisted.logger import globalLogPublisher

from lanchat.irc_commands import COMMANDS
from lanchat.model.sanction import PROMPT
from tests.fakes import PASSWORD, User
from tests.fuzzing import Failures
from tests.irc.wire import IrcWire, make_chat

#: A line as RFC 2812, 2.3.1, has it: no parameter but the last is empty, has a space or begins with a colon.
_LINE = re.compile(rb"(@[^ \0\r\n]+ )?((:[^ \0\r\n]+ )?([A-Z]+|[0-9]{3})( [^: \0\r\n][^ \0\r\n]*)*( :[^\0\r\n]*)?)")
_CAPS = (
    "account-tag away-notify batch draft/channel-rename draft/message-redaction draft/multiline echo-message extended-join "
    "invite-notify labeled-response message-tags multi-prefix server-time setname userhost-in-names"
)
#: Names as long as they can be, in characters of several bytes.
_LONG, _LONG_GUEST, _LONG_ROOM = "漢" * 32, "語" * 32, "#" + "漢" * 31
_WHERE = ("#ops", _LONG_ROOM, _LONG, _LONG_GUEST, "dora", "bob", "Everyone", "irc.lan", ":x")
_NASTY = ("", " ", ":x", "a\r\nQUIT", "\0", "\x01VERSION\x01", "\u2028", "\x85", "\n" * 80, "漢" * 300, "👩\u200d🚒" * 60)
_TEXTS = st.one_of(
    st.text(max_size=40),
    st.sampled_from(_NASTY),
    st.builds(str.__mul__, st.text(min_size=1, max_size=3), st.integers(1, 300)),
)
_CORE_COMMANDS = (
    *("/me", "/notice", "/topic", "/kick", "/ban", "/rank", "/rules", "/away", "/invite", "/leave", "/join", "/name", "/react"),
    *("/edit", "/withdraw", "/tags", "/typing", "/rename", "/quit", "/register"),
)
_PACKETS = st.tuples(
    st.sampled_from([*_WHERE, *_CORE_COMMANDS]),
    _TEXTS,
    st.fixed_dictionaries(
        {},
        optional={
            "room": st.sampled_from(_WHERE),
            "target": st.sampled_from(_WHERE) | _TEXTS,
            "user": st.sampled_from(_WHERE),
            "text": _TEXTS,
            "re": st.text(max_size=64),
            "rank": st.sampled_from(["owner", "voiced", "none"]),
            "rule": st.sampled_from(["key", "limit", "moderated", "secret"]),
            "value": st.sampled_from(["on", "off", "7", ":key", "漢" * 64]),
            "id": st.just("last"),
            "tags": st.dictionaries(st.sampled_from(["+a", "+draft/reply", "account"]), _TEXTS, max_size=2),
        },
    ),
)
_PARAMS = _TEXTS.map(lambda text: re.sub("[\r\n\0]", "", text))
_LINES = st.builds(
    lambda command, middle, last: " ".join([command, *(one.replace(" ", "") for one in middle), f":{last}"]),
    st.sampled_from([*sorted(COMMANDS), "X"]),
    st.lists(st.sampled_from([*_WHERE, "LATEST", "+", "+b", "+k", "*", "LS"]) | _PARAMS, max_size=4),
    st.sampled_from(_WHERE) | _PARAMS,
)


@contextmanager
def _without_failures() -> Iterator[None]:
    """Fail if a traceback is logged meanwhile."""
    failures = Failures()
    globalLogPublisher.addObserver(failures)
    try:
        yield
    finally:
        globalLogPublisher.removeObserver(failures)
    assert not failures.tracebacks, failures.tracebacks[0]


def _check(wire: IrcWire) -> None:
    """Check all that a client was sent since the last look."""
    written = wire.bytes()
    assert not written or written.endswith(b"\r\n")
    for line in written.split(b"\r\n")[:-1]:
        found = _LINE.fullmatch(line)
        assert found is not None, line
        assert len(found[2]) <= 510, line
        assert len(found[1] or b"") <= 8191, line


def _act(user: User, wire: IrcWire, action: str | tuple[str, str, dict[str, Any]]) -> None:
    """Let a user send a packet, or an IRC client a line."""
    if isinstance(action, str):
        if not wire.connection.closed:
            wire.send(action.encode()[:510].decode(errors="ignore").encode() + b"\r\n")
    elif not user.client.disconnected:
        to, text, x = action
        user.send(to, text, **x)


@settings(max_examples=100, deadline=None)
@given(actions=st.lists(st.tuples(st.integers(0, 1), _PACKETS | _LINES), max_size=25))
def test_each_line_is_one_line_and_not_too_long(actions: list[tuple[int, str | tuple[str, str, dict[str, Any]]]]) -> None:
    router, clock = make_chat()
    users = [User(router, "dora").register(), User(router, _LONG, "fd00:1111:2222:3333:4444:5555:6666:7777")]
    wires = [IrcWire(router, clock, "bob"), IrcWire(router, clock, _LONG_GUEST, _CAPS)]
    for user in users:
        user.hello("id", "room", "event", "edit", "react", "typing", "tags", "history")
    with _without_failures():
        for channel in ("#ops", _LONG_ROOM):
            for user, wire in zip(users, wires, strict=True):
                user.send("/join", room=channel)
                wire.say(f"JOIN {channel}", "SETNAME :" + "漢" * 100)
        for number, action in actions:
            _act(users[number], wires[number], action)
            clock.advance(1)
            for wire in wires:
                _check(wire)


def test_what_is_too_long_for_a_line_is_cut_at_a_character() -> None:
    router, clock = make_chat()
    dora, bob = User(router, _LONG).hello("room", "event"), IrcWire(router, clock, "bob", "draft/message-redaction")
    dora.send("/join", room="#ops")
    bob.say("JOIN #ops")
    bob.lines()
    dora.send("/topic", room="#ops", text="漢" * 300)
    dora.send("/leave", room="#ops", text="語" * 200)
    told = [line.encode() for line in bob.ask("WHO " + "é" * 200, "PING " + "é" * 200)]
    assert all(len(line) <= 510 for line in told)
    assert max(map(len, told)) > 505


def test_a_topic_that_the_operator_of_the_server_has_set_is_the_servers() -> None:
    router, clock = make_chat()
    bob = IrcWire(router, clock, "bob")
    bob.say("JOIN #ops")
    room = router.chat.rooms.find("#ops")
    assert room is not None
    room.topic, room.topic_by, room.topic_at = "pumps", PROMPT, 7
    bob.lines()
    assert bob.ask("TOPIC #ops") == [":irc.lan 332 bob #ops :pumps", ":irc.lan 333 bob #ops irc.lan 7"]


def test_the_id_of_what_is_replied_to_can_have_any_characters() -> None:
    router, clock = make_chat()
    bob = IrcWire(router, clock, "bob", "message-tags")
    User(router, "dora").hello("id").send("bob", "yes", re="1 \0;\r\n2")
    (told,) = bob.lines()
    assert "+reply=1\\s\\:\\r\\n2;" in told


def test_who_quits_a_temporary_room_is_named_with_the_address_that_they_had_and_not_a_former_users() -> None:
    router, clock = make_chat()
    ann = IrcWire(router, clock, "ann")
    ann.say("JOIN #ops")
    for address in ("10.0.0.8", "10.0.0.9"):
        user = User(router, "eve", address).hello("room")
        user.send("/join", room="#ops")
        ann.lines()
        user.send("/quit", "bye")
        assert ann.lines() == [f":eve!~u@{address} QUIT :bye"]


def test_what_a_client_wrote_is_one_parameter_of_the_answer() -> None:
    router, clock = make_chat()
    User(router, "dora").register().leave()
    answer = base64.b64encode(f"\0dora\0{PASSWORD}".encode()).decode()
    told = IrcWire(router, clock).ask("CAP LS", "NICK ::a b", "AUTHENTICATE PLAIN", f"AUTHENTICATE {answer}")
    assert told[-2].startswith(":irc.lan 900 * a_b!*@10.0.0.7 dora :")
    (refused,) = IrcWire(router, clock, "bob").ask("KILL ::x")
    assert refused.startswith(":irc.lan 481 bob KILL :")
    (unknown,) = IrcWire(router, clock, "eve").ask("PART ::x")
    assert unknown.startswith(":irc.lan 403 eve x :")
