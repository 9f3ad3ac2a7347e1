"""IRC over WebSocket, from the handshake to the last frame, on transports in memory."""

from __future__ import annotations

import pytest
from twisted.internet.defer import Deferred

from lanchat.irc.factory import IrcFactory
from lanchat.irc.message import MAX_INPUT
from lanchat.irc.websocket import IrcWebSocketProtocol
from tests.frames import BINARY, CLOSE, CONTINUATION, PING, PONG, TEXT, Frame, close, ended, frame, frames
from tests.irc.wire import server_of
from tests.webchat.doors import Door, Visit

ASKS = "Sec-WebSocket-Protocol: "
REGISTER = ("NICK ann", "USER ann 0 * :Ann")


@pytest.fixture
def door() -> Door:
    """The port of the chat page of a server that has IRC clients."""
    door = Door()
    door.factory.irc = IrcFactory(IrcWebSocketProtocol, server_of(door.router.chat), door.router, door.admission)
    return door


def opened(door: Door, asked: str = "text.ircv3.net") -> Visit:
    visit = door.visit()
    assert visit.upgrade(f"{ASKS}{asked}", path="/").code == 101
    return visit


def lines(found: list[Frame]) -> list[str]:
    """The lines in messages; each is one line, without its end."""
    said = [one.data.decode() for one in found if one.opcode in (TEXT, BINARY)]
    assert not any("\r" in line or "\n" in line for line in said)
    return said


@pytest.mark.parametrize(
    ("asked", "agreed", "opcode"),
    [
        ("text.ircv3.net", "text.ircv3.net", TEXT),
        ("binary.ircv3.net", "binary.ircv3.net", BINARY),
        ("chat, text.ircv3.net,binary.ircv3.net", "text.ircv3.net", TEXT),
        ("binary.ircv3.net, text.ircv3.net", "binary.ircv3.net", BINARY),
    ],
)
def test_a_client_in_a_browser_gets_the_first_subprotocol_of_irc_that_it_asks_for(
    door: Door, asked: str, agreed: str, opcode: int
) -> None:
    visit = door.visit()
    assert visit.upgrade(f"{ASKS}{asked}", path="/").headers["sec-websocket-protocol"] == agreed
    found = visit.say(*REGISTER, "PING :1")
    assert {one.opcode for one in found} == {opcode}
    assert " 001 ann " in lines(found)[0]
    assert lines(found)[-1] == ":irc.lan PONG irc.lan 1"


def test_one_that_asks_for_none_finds_it_at_a_path(door: Door) -> None:
    visit = door.visit()
    answer = visit.upgrade(path="/socket")
    assert (answer.code, answer.headers.get("sec-websocket-protocol")) == (101, None)
    assert lines(visit.say("PING :1")) == [":irc.lan PONG irc.lan 1"]
    page = door.visit()
    page.upgrade()
    assert b'"from"' in page.say("bob")[0].data


def test_without_a_gateway_for_irc_everything_is_as_it_was() -> None:
    assert Door().visit().upgrade(path="/socket").code == 404
    assert Door().visit().upgrade(f"{ASKS}text.ircv3.net", path="/").code == 200
    page = Door().visit()
    assert "sec-websocket-protocol" not in page.upgrade(f"{ASKS}text.ircv3.net").headers
    assert b'"from"' in page.say("bob")[0].data


def test_a_page_of_somebody_else_gets_no_connection(door: Door) -> None:
    assert door.visit().upgrade("Origin: http://evil.example", f"{ASKS}text.ircv3.net", path="/").code == 403


def test_a_message_is_a_line_in_text_or_binary_whole_or_in_fragments(door: Door) -> None:
    visit = opened(door)
    visit.say(*REGISTER)
    visit.send(frame("PING :one\r\n") + frame(b"PING :two", BINARY) + frame("PI", fin=False) + frame("?", PING))
    visit.send(frame("NG :three", CONTINUATION) + frame("") + frame("PING :fo\nur"))
    found = frames(visit.written())
    assert [one.data for one in found if one.opcode == PONG] == [b"?"]
    assert [line.removeprefix(":irc.lan PONG irc.lan ") for line in lines(found)] == ["one", "two", "three", ":fo ur"]


def test_a_long_line_and_one_that_is_not_utf8_are_refused_and_the_connection_stays(door: Door) -> None:
    visit = opened(door)
    visit.say(*REGISTER)
    told = lines(visit.say("x" * (MAX_INPUT + 1), "PRIVMSG ann :" + "x" * 500, b"PRIVMSG ann :\xff", "PING :1"))
    assert [line.split(" ")[1] for line in told] == ["417", "417", "FAIL", "PONG"]


def test_quit_is_answered_with_error_and_a_close_frame(door: Door) -> None:
    visit = opened(door)
    visit.say(*REGISTER)
    found = visit.say("QUIT :bye")
    assert lines(found) == ["ERROR :Closing link: Goodbye"]
    assert ended(found) == (1000, "Goodbye")
    assert not list(door.router.chat.online)


def test_a_client_that_closes_is_gone(door: Door) -> None:
    visit = opened(door)
    visit.say(*REGISTER, "PING :1")
    visit.send(close())
    assert [one.opcode for one in frames(visit.written())] == [CLOSE]
    assert not list(door.router.chat.online)
    visit.lose()
    assert door.counted() == (0, {})


def test_a_drain_ends_irc_clients_too(door: Door) -> None:
    visit = opened(door)
    visit.say(*REGISTER)
    drained = Deferred.fromCoroutine(door.factory.drain())
    found = frames(visit.written())
    assert lines(found) == ["ERROR :Closing link: The server is shutting down. Goodbye!"]
    assert ended(found)[0] == 1001
    assert not drained.called
    visit.lose()
    assert drained.called
