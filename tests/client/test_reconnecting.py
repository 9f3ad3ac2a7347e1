"""How the client comes back: what only interrupts the talk, what ends it, and that it is in its rooms again."""

# ruff: noqa: S106 (the passwords of these tests)

from __future__ import annotations

from typing import Any

import pytest

from lanchat.client.credentials import Credentials
from lanchat.client.interfaces import NOT_DELIVERED, UNREACHABLE, ConnectionState
from lanchat.client.other_servers import MAX_FIRST_BYTES
from lanchat.client.session import DEFAULT_TIMEOUT
from tests.talk import Talk

TAKEN, FULL = "The name alice is already taken. Try alice2.", "The server is full. Try again later."
PASSWORD = {"mech": "PLAIN", "password": "hunter2"}


def guest(*rooms: str) -> Talk:
    """Somebody without an account, in these rooms."""
    talk = Talk().welcome()
    for room in rooms:
        answer(talk, talk.session.send("/join", room).cid, room)
    talk.transport.clear()
    talk.screen.packets.clear()
    return talk


def answer(talk: Talk, cid: str, room: str) -> None:
    talk.hear(f"You are in {room}.", op="ok", cid=cid, rooms=[{"name": room}])


def joins(talk: Talk) -> dict[str, str]:
    """The rooms that were asked for since the last look, and the id of each question."""
    return {packet["msg"]: packet["x"]["cid"] for packet in talk.written() if packet["to"] == "/join"}


def back(talk: Talk, **x: Any) -> None:
    """The connection breaks, and there is another."""
    talk.lose()
    talk.connect()
    talk.transport.clear()
    talk.hear("Welcome alice!", **{"op": "welcome", "v": 1, "caps": ["ack", "id", "room"], **x})


# What passes, and what does not.


@pytest.mark.parametrize("code", ["FULL", "IDLE", "INTERNAL", "NOT_STORED", "RATE_LIMITED", "RELOAD", "SLOW"])
def test_a_goodbye_that_is_about_the_moment_is_followed_by_another_connection(code: str) -> None:
    talk = Talk().account()
    perhaps = talk.session.send("bob", "perhaps")
    talk.hear("You are closed.", op="bye", code=code)
    assert (talk.session.state, talk.transport.disconnecting) == (ConnectionState.OFFLINE, True)
    talk.session.send("bob", "typed meanwhile")
    assert talk.screen.notices == ["The server closed the connection: You are closed."]
    talk.lose()
    assert b"perhaps" in talk.reconnect(account=True, epoch="e", seq=0)
    talk.transport.clear()
    talk.hear(op="ack", cid=perhaps.cid, id="1", state="stored")
    assert talk.written()[-1]["msg"] == "typed meanwhile"
    assert (talk.endings, talk.screen.marked) == ([], [])


@pytest.mark.parametrize("code", ["BANNED", "FORBIDDEN", "NAME_TAKEN", "AUTH_REQUIRED", "BAD_JSON", "SOMETHING_NEW"])
def test_a_goodbye_that_is_about_the_user_is_the_end(code: str) -> None:
    talk = Talk().account()
    talk.hear("You are out.", op="bye", code=code)
    assert talk.endings == [(NOT_DELIVERED, "the server closed the connection: You are out.")]


@pytest.mark.parametrize(
    ("words", "ends"),
    [(TAKEN, False), (FULL, False), ("Something new.", False), ("You are banned by bob (already taken).", True)],
)
def test_a_refusal_at_the_door_later_is_waited_out_unless_it_is_about_the_user(words: str, ends: bool) -> None:
    talk = Talk().welcome()
    talk.lose()
    talk.connect()
    talk.hear(words, to="Guest")
    talk.lose()
    assert bool(talk.endings) is ends


@pytest.mark.parametrize("words", [TAKEN, FULL])
def test_a_script_tries_for_a_while_even_before_it_was_ever_inside(words: str) -> None:
    talk = Talk(wait_for_server=True)
    for _ in range(3):
        talk.hear(words, to="Guest")
        talk.lose()
        talk.clock.advance(DEFAULT_TIMEOUT / 4)
        talk.connect()
    assert (talk.endings, talk.screen.notices) == ([], [])
    talk.hear(words, to="Guest")
    talk.clock.advance(DEFAULT_TIMEOUT / 4)
    assert talk.endings == [(NOT_DELIVERED, f"the server refused the name alice: {words}")]


def test_a_script_that_gets_in_is_not_given_up() -> None:
    talk = Talk(wait_for_server=True)
    talk.hear(TAKEN, to="Guest")
    talk.lose()
    talk.connect()
    talk.welcome()
    talk.clock.advance(2 * DEFAULT_TIMEOUT)
    assert talk.endings == []


@pytest.mark.parametrize("wait_for_server", [True, False])
@pytest.mark.parametrize(
    "words",
    ["You are banned for 1h.", "The name you asked for is reserved.", "Only those with an account may connect to this server."],
)
def test_what_is_about_the_user_ends_it_at_once(wait_for_server: bool, words: str) -> None:
    talk = Talk(wait_for_server=wait_for_server)
    talk.hear(words, to="Guest")
    assert [ending.status for ending in talk.endings] == [NOT_DELIVERED]


def test_a_connection_that_is_refused_is_tried_again_by_scripts_only() -> None:
    script, person = Talk(wait_for_server=True), Talk()
    script.hear(FULL, to="Guest")
    script.lose()
    for talk in (script, person):
        talk.session.reconnector.unreachable("can't connect", temporary=True)
    assert (script.endings, [ending.status for ending in person.endings]) == ([], [UNREACHABLE])
    script.clock.advance(DEFAULT_TIMEOUT)
    assert script.endings == [(UNREACHABLE, "can't connect")]


@pytest.mark.parametrize("wait_for_server", [True, False])
def test_a_login_that_shall_wait_is_asked_for_again_when_the_server_says(wait_for_server: bool) -> None:
    talk = Talk(Credentials(password="hunter2"), wait_for_server=wait_for_server)
    talk.challenge()
    talk.transport.clear()
    talk.hear("Too many logins.", op="fail", code="RATE_LIMITED", retry_ms=1500)
    talk.clock.advance(1.4)
    assert talk.hello() == {}
    talk.clock.advance(0.2)
    assert talk.hello()["auth"] == PASSWORD
    talk.account()
    talk.clock.advance(2 * DEFAULT_TIMEOUT)
    assert (talk.session.state, talk.endings) == (ConnectionState.CAPABLE, [])


@pytest.mark.parametrize("retry_ms", [1000, 60_000])
def test_a_login_is_not_waited_for_without_end(retry_ms: int) -> None:
    talk = Talk(Credentials(password="hunter2"))
    talk.challenge()
    for _ in range(20):
        talk.hear("Too many logins.", op="fail", code="RATE_LIMITED", retry_ms=retry_ms)
        talk.clock.advance(1)
    assert talk.endings == [(NOT_DELIVERED, "the server does not let alice in: Too many logins.")]


def test_who_takes_long_over_a_password_is_asked_on_the_next_connection() -> None:
    talk = Talk()
    talk.challenge()
    talk.hear("Connection closed: you did not log in in time.", op="bye", code="AUTH_REQUIRED")
    talk.lose()
    talk.connect()
    talk.challenge()
    talk.clock.advance(DEFAULT_TIMEOUT + 1)
    assert (talk.endings, len(talk.screen.questions)) == ([], 1)
    talk.screen.answered[0]("hunter2")
    assert talk.hello()["auth"] == PASSWORD


def test_a_command_of_a_script_that_is_refused_for_now_is_sent_again() -> None:
    talk = Talk(wait_for_server=True).welcome()
    said = talk.session.send("/list", "")
    talk.transport.clear()
    talk.hear("Not now.", op="fail", cid=said.cid, code="RATE_LIMITED", retry_ms=100)
    talk.clock.advance(0.1)
    assert [packet["to"] for packet in talk.written()] == ["/list"]
    talk.hear("Not now.", op="fail", cid=said.cid, code="RATE_LIMITED", retry_ms=1000 * int(2 * DEFAULT_TIMEOUT))
    assert talk.session.waiting == 0


# What is at the far end.


@pytest.mark.parametrize(
    ("first", "what"),
    [
        (b"Your name: ", "telnet port"),
        (b"Your name: * Welcome alice!\r\n", "telnet port"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", "SSH server"),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "web server"),
        (b"\x15\x03\x03\x00\x02\x02\x46", "use --tls"),
        (b"220 mail ESMTP\r\n", "it answered: 220 mail ESMTP"),
        (b"x" * (MAX_FIRST_BYTES + 1), "not a lanchat server"),
    ],
)
def test_what_is_no_lanchat_server_is_named_at_once_and_told_no_secret(first: bytes, what: str) -> None:
    talk = Talk(Credentials(password="hunter2"))
    talk.connection.dataReceived(first[:3])
    talk.connection.dataReceived(first[3:])
    (ending,) = talk.endings
    assert (ending.status, what in ending.why) == (UNREACHABLE, True)
    assert talk.transport.disconnecting
    assert b"hunter2" not in talk.transport.value()


def test_what_closes_after_a_few_bytes_is_named_too() -> None:
    talk = Talk()
    talk.connection.dataReceived(b"go away")
    assert talk.endings == []
    talk.lose()
    assert "it answered: go away" in talk.endings[0].why


def test_another_server_in_the_place_of_ours_is_told_of_and_ours_waited_for() -> None:
    talk = Talk().welcome()
    talk.lose()
    talk.connect()
    talk.connection.dataReceived(b"SSH-2.0-OpenSSH_9.2\r\n")
    talk.lose()
    assert talk.endings == []
    assert "SSH server" in talk.screen.notices[-1]


@pytest.mark.parametrize(
    "far_end",
    [{"op": "fail", "code": "AUTH_REQUIRED"}, {"op": "fail", "code": "FULL"}, {}],
    ids=["asks", "is busy", "is classic"],
)
def test_a_secret_is_written_only_after_a_packet_has_come(far_end: dict[str, Any]) -> None:
    talk = Talk(Credentials(password="hunter2"), identity="SHA256:one")
    assert b"hunter2" not in talk.transport.value()
    talk.hear("The name alice is an account's. Send /login PASSWORD.", **far_end)
    assert talk.hello()["auth"] == PASSWORD
    talk.lose()
    talk.connect()
    assert b"hunter2" not in talk.transport.value()


# Rooms.


def test_a_guest_is_in_its_rooms_again_before_it_says_anything_there() -> None:
    talk = guest("#ops", "#Dev")
    talk.lose()
    talk.session.send("#ops", "typed meanwhile")
    talk.connect()
    talk.transport.clear()
    talk.hear("Welcome alice!", op="welcome", v=1, caps=["ack", "id", "room"])
    packets = talk.written()
    assert [(packet["to"], packet["msg"]) for packet in packets] == [
        ("/join", "#ops"),
        ("/join", "#Dev"),
        ("#ops", "typed meanwhile"),
    ]
    for packet in packets[:2]:
        answer(talk, packet["x"]["cid"], packet["msg"])
    assert talk.screen.notices[-1] == "You are back, in #Dev, #ops."
    assert [packet.msg for packet, _ in talk.screen.packets if packet.msg.startswith("You are in")] == []
    assert talk.screen.missing == []


def test_a_room_that_is_not_to_be_had_any_more_is_told_once_and_forgotten() -> None:
    talk = guest("#ops", "#dev")
    back(talk)
    asked = joins(talk)
    talk.hear("You are banned by ann.", op="fail", code="BANNED", cid=asked["#ops"])
    answer(talk, asked["#dev"], "#dev")
    assert talk.screen.missing == ["You are no longer in #ops: You are banned by ann."]
    assert talk.screen.notices[-1] == "You are back, in #dev."
    back(talk)
    assert list(joins(talk)) == ["#dev"]


def test_a_room_is_asked_for_again_when_the_server_says_and_on_the_next_connection() -> None:
    talk = guest("#ops")
    back(talk)
    talk.hear("Not now.", op="fail", code="RATE_LIMITED", retry_ms=500, cid=joins(talk)["#ops"])
    talk.clock.advance(0.5)
    assert list(joins(talk)) == ["#ops"]
    back(talk)
    assert list(joins(talk)) == ["#ops"]
    assert talk.screen.missing == []


@pytest.mark.parametrize(
    "told",
    ["You were taken out of #ops by ann.", "You are banned from #ops by ann for 10m.", "#ops is closed for good, by ann."],
)
def test_who_left_or_was_taken_out_of_a_room_does_not_come_back_there(told: str) -> None:
    talk = guest("#ops", "#dev", "#ops2")
    talk.hear("You have left #dev.", op="ok", cid=talk.session.send("/leave", "DEV bye all").cid)
    talk.hear(told, op="ok")
    back(talk)
    assert list(joins(talk)) == ["#ops2"]


def test_events_say_the_same_to_who_asked_for_them() -> None:
    talk = guest("#ops", "#dev", "#dev2", "#dev3", "#ops2")
    for room, event in (("#ops", "kicked"), ("#dev", "banned"), ("#dev2", "closed"), ("#dev3", "renamed"), ("#ops2", "kicked")):
        who = ["bob"] if room == "#ops2" else ["Alice"] if room != "#dev2" else None
        talk.hear("told", room, op="event", ev=event, conv=room, who=who, by="ann", text="#new")
    back(talk)
    assert sorted(joins(talk)) == ["#new", "#ops2"]


def test_a_guest_comes_back_under_the_name_that_it_has_now() -> None:
    talk = guest("#ops")
    talk.transport.clear()
    said = talk.session.send("/name", "Alina")
    talk.session.send("bob", "hello")
    assert [packet["from"]["name"] for packet in talk.written()] == ["", ""]  # the server may know the new name already
    talk.hear("You are called Alina now.", "Alina", op="ok", cid=said.cid, names=["Alina"])
    talk.lose()
    assert talk.reconnect().startswith(b"Alina\n")
    talk.hear("told", "#ops", op="event", ev="kicked", conv="#ops", who=["Alina"], by="ann")
    back(talk)
    assert joins(talk) == {}


def test_an_account_is_kept_in_its_rooms_by_the_server() -> None:
    talk = guest("#ops")
    back(talk, account=True, epoch="e", seq=0)
    assert joins(talk) == {}
    assert talk.screen.notices[-1] == "You are back."


def test_on_a_server_without_acknowledgements_rooms_are_entered_again_too() -> None:
    talk = Talk().welcome(caps=[])
    talk.session.send("/join", "#ops")
    talk.session.send("/join", "#dev")
    talk.session.send("/leave", "#dev")
    back(talk, caps=[])
    assert [packet["msg"] for packet in talk.written()] == ["#ops"]
