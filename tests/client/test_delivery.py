"""What the client does so that nothing it says is lost or said twice: what is sent again, in what order, and when no more."""

from __future__ import annotations

import json
from typing import Any

import pytest

from lanchat.client.delivery import LOST, MAX_RETRIES, MAX_RETRY_SECONDS
from lanchat.client.interfaces import DONE, NOT_DELIVERED, NotSent, SessionEnd
from lanchat.client.session import DEFAULT_TIMEOUT
from tests.talk import Talk


def messages(packets: list[dict[str, Any]]) -> list[str]:
    """The texts of what was said, without what the client does for itself."""
    return [packet["msg"] for packet in packets if packet["to"] not in ("/hello", "/ack", "/history")]


def again(talk: Talk, **x: Any) -> list[str]:
    """What is said on the next connection, at once."""
    lines = talk.reconnect(**{"account": True, "epoch": "e"} | x).splitlines()[1:]
    talk.transport.clear()
    return messages([json.loads(line) for line in lines])


def acknowledge(talk: Talk, cid: str, seq: int = 1) -> None:
    talk.hear(op="ack", cid=cid, id=f"e.{seq}", seq=seq, state="stored")


def test_what_an_account_said_and_was_not_acknowledged_is_sent_again_with_the_same_id() -> None:
    talk = Talk().account()
    said = talk.session.send("#ops", "perhaps")
    talk.lose()
    assert talk.screen.marked == []
    talk.reconnect(account=True, epoch="e")
    (packet,) = [json.loads(line) for line in talk.transport.value().splitlines() if b'"#ops"' in line]
    assert (packet["msg"], packet["x"]["cid"]) == ("perhaps", said.cid)
    acknowledge(talk, said.cid)
    assert talk.session.waiting == 0


def test_nothing_later_goes_past_what_is_sent_again() -> None:
    talk = Talk().account()
    first, second = talk.session.send("bob", "first"), talk.session.send("bob", "second")
    talk.lose()
    third = talk.session.send("bob", "third")
    assert again(talk) == ["first"]
    acknowledge(talk, first.cid)
    assert messages(talk.written()) == ["second"]
    talk.session.send("bob", "fourth")
    assert messages(talk.written()) == []
    acknowledge(talk, second.cid, 2)
    assert messages(talk.written()) == ["third", "fourth"]
    assert third.retries == 0


@pytest.mark.parametrize("to", ["Everyone", "everyone", "/shout", "/list", "/leave"])
def test_what_the_server_does_not_keep_is_not_sent_again(to: str) -> None:
    talk = Talk().account()
    talk.session.send(to, "perhaps")
    talk.lose()
    assert talk.screen.marked == [("perhaps", LOST)]
    assert again(talk) == []


@pytest.mark.parametrize(
    ("to", "msg"),
    [("/pm", "bob perhaps"), ("/me", "#ops waves"), ("/reply", "e.1 perhaps"), ("/edit", "last no"), ("/react", "e.1 :)")],
)
def test_what_was_said_or_changed_by_a_command_is_sent_again(to: str, msg: str) -> None:
    talk = Talk().account()
    talk.session.send(to, msg)
    talk.lose()
    assert again(talk) == [msg]


def test_where_there_is_no_account_any_more_nothing_is_sent_again() -> None:
    talk = Talk().account()
    talk.session.send("bob", "perhaps")
    talk.lose()
    talk.session.send("bob", "new")
    assert again(talk, account=False) == ["new"]
    assert talk.screen.marked == [("perhaps", LOST)]


def test_a_server_that_keeps_nothing_is_not_sent_anything_again() -> None:
    talk = Talk()
    talk.hear("Welcome alice!", op="welcome", v=1, caps=["ack"], account=True)
    talk.session.send("bob", "perhaps")
    talk.lose()
    assert talk.screen.marked == [("perhaps", LOST)]


def test_what_loses_the_connection_each_time_is_given_up() -> None:
    talk = Talk().account()
    talk.session.send("bob", "poison")
    for _ in range(MAX_RETRIES):
        talk.lose()
        assert again(talk) == ["poison"]
    talk.lose()
    assert talk.screen.marked == [("poison", LOST)]
    assert again(talk) == []


def test_an_end_tells_of_what_was_to_be_sent_again() -> None:
    talk = Talk().account()
    talk.session.send("bob", "perhaps")
    talk.lose()
    talk.session.send("bob", "never")
    talk.session.end(DONE)
    assert talk.screen.marked == [
        ("perhaps", "the client ended before the acknowledgement came"),
        ("never", "the client ended before this was sent"),
    ]
    assert talk.endings == [SessionEnd(NOT_DELIVERED)]


@pytest.mark.parametrize("code", ["NOT_STORED", "RATE_LIMITED"])
def test_what_is_refused_for_now_is_sent_again_when_the_server_says_and_in_order(code: str) -> None:
    talk = Talk().welcome()
    first, second = talk.session.send("bob", "first"), talk.session.send("bob", "second")
    talk.written()
    for said in (first, second):
        talk.hear("Not now.", op="fail", cid=said.cid, code=code, retry_ms=1500)
    talk.session.send("bob", "third")
    assert talk.session.paused
    assert "again in 1.5 s: bob: first" in talk.screen.notices[0]
    talk.clock.advance(1.4)
    assert messages(talk.written()) == []
    talk.clock.advance(0.2)
    assert messages(talk.written()) == ["first"]
    acknowledge(talk, first.cid)
    assert messages(talk.written()) == ["second"]
    acknowledge(talk, second.cid)
    assert messages(talk.written()) == ["third"]
    assert talk.screen.packets[-1][0].x is not None
    assert all(packet.x is None or packet.x.op != "fail" for packet, _ in talk.screen.packets)


def test_what_is_sent_again_waits_until_it_is_known_what_became_of_the_others() -> None:
    talk = Talk().welcome()
    first, second = talk.session.send("bob", "first"), talk.session.send("bob", "second")
    talk.written()
    talk.hear("Not now.", op="fail", cid=first.cid, code="RATE_LIMITED", retry_ms=100)
    talk.clock.advance(0.2)
    assert messages(talk.written()) == []
    talk.hear("Not now.", op="fail", cid=second.cid, code="RATE_LIMITED", retry_ms=100)
    talk.clock.advance(0.2)
    assert messages(talk.written()) == ["first"]


def test_what_is_refused_again_and_again_is_a_failure_in_the_end() -> None:
    talk = Talk().welcome()
    said = talk.session.send("bob", "never")
    for _ in range(MAX_RETRIES + 1):
        talk.hear("Not now.", op="fail", cid=said.cid, code="RATE_LIMITED", retry_ms=100)
        talk.clock.advance(0.2)
    packet, request = talk.screen.packets[-1]
    assert (packet.msg, request) == ("Not now.", said)
    assert talk.session.waiting == 0
    assert len(messages(talk.written())) == 1 + MAX_RETRIES


def test_no_server_makes_the_client_rest_for_long() -> None:
    talk = Talk().welcome()
    said = talk.session.send("bob", "patience")
    talk.hear("Not now.", op="fail", cid=said.cid, code="RATE_LIMITED", retry_ms=10**9)
    talk.written()
    talk.clock.advance(MAX_RETRY_SECONDS)
    assert messages(talk.written()) == ["patience"]


@pytest.mark.parametrize("x", [{"code": "NOT_STORED"}, {"code": "MUTED", "retry_ms": 100}])
def test_what_is_refused_for_good_is_not_sent_again(x: dict[str, Any]) -> None:
    talk = Talk().account()
    said = talk.session.send("bob", "no")
    talk.written()
    talk.hear("No.", op="fail", cid=said.cid, **x)
    talk.clock.advance(1)
    assert messages(talk.written()) == []
    assert talk.screen.packets[-1][1] is said


def test_a_command_that_is_refused_for_now_is_left_to_who_typed_it() -> None:
    talk = Talk().account()
    said = talk.session.send("/list", "")
    talk.hear("Not now.", op="fail", cid=said.cid, code="RATE_LIMITED", retry_ms=100)
    assert talk.screen.packets[-1][1] is said
    assert not talk.session.paused


def test_a_batch_has_its_time_as_long_as_it_comes_and_is_done_with_at_its_end() -> None:
    talk = Talk().account()
    said = talk.session.send("/history", "#ops")
    for seq in range(3):
        talk.clock.advance(DEFAULT_TIMEOUT - 1)
        talk.said(seq + 1, batch=said.cid)
    assert talk.session.waiting == 1
    talk.hear(op="end", cid=said.cid, n=3, more=False)
    assert talk.session.waiting == 0
    assert talk.screen.packets[-1][1] is said
    assert talk.screen.marked == []


@pytest.mark.parametrize("command", ["/login", "/register", "/password"])
def test_a_password_is_not_kept_for_later_nor_told_where_others_could_read_it(command: str) -> None:
    talk, open_to_all = Talk().welcome(), Talk(identity="").welcome()
    with pytest.raises(NotSent, match="--tls"):
        open_to_all.session.send(command, "hunter2")
    talk.lose()
    with pytest.raises(NotSent, match="no connection"):
        talk.session.send(command, "hunter2")
    assert b"hunter2" not in talk.reconnect() + open_to_all.transport.value()


def test_a_password_waits_for_the_first_welcome_but_goes_nowhere_where_others_could_read_it() -> None:
    for identity, told in (("plain", True), ("", False)):
        talk = Talk(identity=identity)
        wire, talk.session._connection = talk.session._connection, None
        talk.session.send("/register", "hunter2")
        talk.session._connection = wire
        assert b"hunter2" not in talk.transport.value()
        talk.hear("Welcome alice!", op="welcome", v=1, caps=["ack"])
        assert (b"hunter2" in talk.transport.value(), len(talk.screen.marked)) == (told, not told)


def test_a_password_on_its_way_is_neither_shown_nor_sent_again() -> None:
    talk = Talk().account()
    talk.connection.pauseProducing()
    talk.session.send("/password", "hunter1 hunter2")
    talk.lose()
    assert b"hunter" not in talk.reconnect(account=True, epoch="e")
    late = talk.session.send("/register", "hunter3")
    talk.clock.advance(DEFAULT_TIMEOUT)
    talk.hear("ok", op="ok", cid=late.cid)
    assert "hunter" not in "".join(talk.screen.notices)


def test_a_time_to_wait_that_makes_no_sense_does_no_harm() -> None:
    talk = Talk().welcome()
    said = talk.session.send("bob", "hi")
    talk.written()
    talk.hear("No.", op="fail", cid=said.cid, code="RATE_LIMITED", retry_ms=-5)
    assert all(call.getTime() >= talk.clock.seconds() for call in talk.clock.getDelayedCalls()), "no reactor takes less than 0"
    talk.clock.advance(0)
    assert [packet["msg"] for packet in talk.written()] == ["hi"]
