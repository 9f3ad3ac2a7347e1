"""What the client does so that nothing said to it is lost or shown twice: the log, its holes, and what is acknowledged."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from lanchat.client.interfaces import DONE
from lanchat.client.log_sync import ACK_SECONDS
from lanchat.client.session import ClientSession
from tests.talk import CAPS, Talk


def asked(talk: Talk) -> dict[str, Any]:
    """`x` of the one /history that was written since this was asked last."""
    (packet,) = [packet for packet in talk.written() if packet["to"] == "/history"]
    assert packet["msg"] == ""
    x: dict[str, Any] = packet["x"]
    return x


def acknowledged(talk: Talk) -> list[int]:
    """The places that were acknowledged since this was asked last, once the time for that has come."""
    talk.clock.advance(ACK_SECONDS)
    return talk.acknowledged()


def test_what_was_shown_is_acknowledged_cumulatively_and_at_most_once_a_second() -> None:
    talk = Talk().account()
    for seq in (5, 6, 7):
        talk.said(seq)
    assert talk.acknowledged() == []
    talk.clock.advance(ACK_SECONDS)
    assert talk.acknowledged() == [7]
    talk.clock.advance(5)
    assert talk.acknowledged() == []
    talk.said(8)
    talk.session.log_sync.acknowledge()
    assert talk.acknowledged() == [8]


def test_an_acknowledgement_goes_before_the_goodbye() -> None:
    talk = Talk().account()
    talk.said(5)
    talk.session.send("/quit", "")
    assert [packet["to"] for packet in talk.written()] == ["/ack", "/quit"]


def test_nothing_is_acknowledged_that_a_face_has_not_shown() -> None:
    talk = Talk().account()
    talk.screen.caught_up = False
    talk.said(5)
    talk.clock.advance(ACK_SECONDS)
    assert talk.acknowledged() == []
    talk.screen.caught_up = True
    talk.clock.advance(ACK_SECONDS)
    assert talk.acknowledged() == [5]


def test_a_guest_acknowledges_nothing() -> None:
    talk = Talk().welcome()
    talk.said(5)
    talk.said(5)
    talk.clock.advance(ACK_SECONDS)
    assert talk.acknowledged() == []
    assert talk.screen.heard == ["5"]


def test_what_came_before_is_not_shown_again() -> None:
    talk = Talk().account()
    for seq in (5, 6, 5, 6, 7):
        talk.said(seq)
    talk.hear("not stored", name="bob", id="x.1")
    assert talk.screen.heard == ["5", "6", "7", "not stored"]


def test_a_reconnect_goes_on_where_it_was_and_shows_what_was_missed_once() -> None:
    talk = Talk().account()
    assert "resume" not in talk.hello()
    talk.said(5)
    talk.lose()
    assert talk.connect()["resume"] == {"epoch": "e", "seq": 5}
    talk.account(seq=8, resumed=True, missed=2)
    for seq in (5, 7, 8):
        talk.said(seq, batch="resume")
    assert talk.session.waiting == 1
    talk.hear(op="end", batch="resume", n=2, more=False)
    assert acknowledged(talk) == [8]
    assert talk.session.waiting == 0
    assert talk.screen.heard == ["5", "7", "8"]


def test_a_connection_that_is_lost_in_a_batch_goes_on_within_it() -> None:
    talk = Talk().account()
    talk.said(5)
    for expected in (5, 6, 7):
        talk.lose()
        assert talk.connect()["resume"]["seq"] == expected
        talk.account(seq=9, resumed=True, missed=4)
        talk.said(expected + 1, batch="resume")
    assert talk.screen.heard == ["5", "6", "7", "8"]


def test_a_new_epoch_begins_anew() -> None:
    talk = Talk().account()
    talk.said(50)
    talk.lose()
    talk.connect()
    talk.account(epoch="f", seq=3, resumed=False)
    talk.said(2)
    assert talk.screen.heard == ["50", "2"]
    talk.lose()
    assert talk.connect()["resume"] == {"epoch": "f", "seq": 2}
    assert any("/history" in notice for notice in talk.screen.notices)


def test_own_messages_are_not_shown_when_the_log_brings_them_back() -> None:
    talk = Talk().account()
    said = talk.session.send("bob", "mine")
    talk.hear(op="ack", cid=said.cid, id="e.5", seq=5, state="stored")
    talk.lose()
    assert talk.connect()["resume"]["seq"] == 5
    talk.account(seq=9, resumed=True, missed=3)
    said = talk.session.send("bob", "mine too")
    talk.hear(op="ack", cid=said.cid, id="e.9", seq=9, state="stored")
    for seq in (6, 7, 9):
        talk.said(seq, batch="resume", self=seq == 9)
    talk.hear(op="end", batch="resume", n=3, more=False)
    assert talk.screen.heard == ["6", "7"]
    assert acknowledged(talk) == [9]


def test_what_the_server_left_out_is_fetched_page_by_page_and_shown_once() -> None:
    talk = Talk().account()
    talk.said(5)
    talk.hear(op="gap", after=5, upto=8, why="SLOW")
    talk.said(9)
    x = asked(talk)
    assert x["after"] == 5
    talk.said(6, batch=x["cid"])
    talk.said(7, batch=x["cid"])
    talk.hear(op="end", cid=x["cid"], n=2, more=True, before=7)
    x = asked(talk)
    assert x["after"] == 7
    for seq in (7, 8, 9, 10):
        talk.said(seq, batch=x["cid"])
    talk.hear(op="end", cid=x["cid"], n=4, more=False)
    talk.said(10)
    assert talk.screen.heard == ["5", "9", "6", "7", "8", "10"]
    assert acknowledged(talk)[-1] == 10
    assert not any(packet.x is not None and packet.x.op == "end" for packet, _ in talk.screen.packets)


def test_nothing_after_a_hole_is_acknowledged_before_it_is_filled() -> None:
    talk = Talk().account()
    talk.said(5)
    talk.hear(op="gap", after=5, upto=8, why="SLOW")
    talk.said(9)
    x = asked(talk)
    talk.clock.advance(ACK_SECONDS)
    assert talk.acknowledged() == [5]
    talk.said(6, batch=x["cid"])
    talk.lose()
    assert talk.connect()["resume"]["seq"] == 6
    talk.account(seq=9, resumed=True, missed=3)
    for seq in (7, 8, 9):
        talk.said(seq, batch="resume")
    talk.hear(op="end", batch="resume", n=3, more=False)
    assert acknowledged(talk) == [9]
    assert talk.screen.heard == ["5", "9", "6", "7", "8"]


def test_a_hole_that_is_empty_is_passed_over() -> None:
    talk = Talk().account()
    talk.hear(op="gap", after=5, upto=8, why="SLOW")
    x = asked(talk)
    talk.hear(op="end", cid=x["cid"], n=0, more=False)
    assert acknowledged(talk) == [8]


def test_two_holes_are_fetched_one_after_the_other() -> None:
    talk = Talk().account()
    talk.hear(op="gap", after=5, upto=8, why="SLOW")
    first = asked(talk)
    talk.hear(op="gap", after=12, upto=13, why="SLOW")
    talk.said(8, batch=first["cid"])
    talk.hear(op="end", cid=first["cid"], n=1, more=False)
    second = asked(talk)
    assert (first["after"], second["after"]) == (5, 12)
    talk.said(13, batch=second["cid"])
    talk.hear(op="end", cid=second["cid"], n=1, more=False)
    assert talk.screen.heard == ["8", "13"]
    assert acknowledged(talk) == [13]


def test_a_hole_that_can_not_be_fetched_is_owed_and_not_acknowledged() -> None:
    talk = Talk().account()
    talk.said(5)
    talk.hear(op="gap", after=5, upto=8, why="SLOW")
    x = asked(talk)
    talk.hear("No.", op="fail", cid=x["cid"], code="INTERNAL")
    talk.said(9)
    talk.clock.advance(ACK_SECONDS)
    assert talk.acknowledged() == [5]
    assert "can't be fetched now (No.)" in talk.screen.missing[0]


def test_what_was_missed_beyond_the_batch_is_fetched_too() -> None:
    talk = Talk().account(seq=9, resumed=True, missed=5)
    talk.said(6, batch="resume")
    talk.hear(op="end", batch="resume", n=1, more=True)
    talk.said(10)
    x = asked(talk)
    assert x["after"] == 6
    for seq in (7, 9, 10):
        talk.said(seq, batch=x["cid"])
    talk.hear(op="end", cid=x["cid"], n=3, more=False)
    assert talk.screen.heard == ["6", "10", "7", "9"]


def test_what_was_left_out_before_is_missing_yet_when_the_batch_ends_early() -> None:
    talk = Talk().account()
    talk.said(10)
    gap(talk, 10, 20)
    talk.said(21)
    talk.lose()
    talk.reconnect(account=True, epoch="e", seq=40, resumed=True, missed=30)
    talk.transport.clear()
    talk.hear(op="end", batch="resume", n=0, more=True, before=11)
    assert asked(talk)["after"] == 10
    talk.clock.advance(ACK_SECONDS)
    assert talk.acknowledged() in ([], [10])


def test_of_a_batch_of_which_nothing_came_no_more_is_fetched_than_was_missed() -> None:
    talk = Talk().account(seq=150, resumed=True, missed=50)
    talk.hear(op="end", batch="resume", n=0, more=True, before=101)
    assert asked(talk)["after"] == 100


def test_what_a_person_asks_for_is_shown_even_if_it_came_before() -> None:
    talk = Talk().account()
    talk.said(5)
    said = talk.session.send("/history", "@bob")
    talk.said(5, batch=said.cid)
    talk.said(4, batch=said.cid)
    talk.hear(op="end", cid=said.cid, n=2, more=False)
    assert talk.screen.heard == ["5", "5", "4"]
    talk.clock.advance(ACK_SECONDS)
    assert talk.acknowledged() == [5]


def test_what_changes_a_message_has_its_place_in_the_log_and_comes_once() -> None:
    talk = Talk().account()
    talk.said(5)
    for seq, x in ((6, {"op": "edit", "id": "e.5"}), (7, {"op": "event", "ev": "topic"}), (8, {"op": "withdraw", "id": "e.5"})):
        for _ in range(2):
            talk.hear("", "#ops", "bob", seq=seq, conv="#ops", **x)
    talk.hear("", op="event", ev="read", conv="#ops", seq=3)
    shown = [packet.x.op if packet.x else None for packet, _ in talk.screen.packets[1:]]
    assert shown == [None, "edit", "event", "withdraw", "event"]
    talk.clock.advance(ACK_SECONDS)
    assert talk.acknowledged() == [8]


def test_a_token_is_not_shown() -> None:
    talk = Talk()
    talk.hear("Welcome alice!", op="welcome", v=1, caps=["ack"], account=True, token="t0ken", missed=1)  # noqa: S106 (of this test)
    assert b"t0ken" not in b"".join(talk.screen.lines)
    assert json.loads(talk.screen.lines[0])["x"]["missed"] == 1


def quiet() -> Talk:
    """A session that does not ask for missed messages, connected once."""
    talk = Talk()
    talk.session = talk.factory.session = ClientSession("alice", talk.clock, talk.screen, float)
    talk.session.forgo("resume")
    talk.connect()
    return talk


def test_a_conversation_of_which_nobody_sees_the_messages_does_not_ask_for_what_was_missed() -> None:
    assert "resume" not in quiet().hello()["caps"]


@pytest.mark.parametrize("granted", [["ack", "history", "id"], ["ack", "history", "id", "resume"]])
@pytest.mark.parametrize("resumed", [True, False])
def test_who_did_not_ask_for_what_was_missed_does_not_wait_for_it(granted: list[str], resumed: bool) -> None:
    talk = quiet()
    talk.hear("Welcome alice!", op="welcome", v=1, caps=granted, account=True, epoch="e", seq=5, resumed=resumed, missed=0)
    assert talk.session.waiting == 0
    assert talk.screen.notices == []


def test_what_was_missed_is_not_waited_for_from_a_server_that_did_not_grant_it() -> None:
    talk = Talk()
    talk.hear("Welcome alice!", op="welcome", v=1, caps=["ack", "history", "id"], account=True, epoch="e", seq=5, resumed=True)
    assert talk.session.waiting == 0


def gap(talk: Talk, after: int, upto: int) -> dict[str, Any]:
    """The server left something out; `x` of what was asked then."""
    talk.hear(op="gap", after=after, upto=upto, why="SLOW")
    return asked(talk)


def say(talk: Talk, seq: int, to: str = "bob") -> None:
    """Something is said, and acknowledged with this place."""
    said = talk.session.send(to, "mine")
    talk.hear(op="ack", cid=said.cid, id=f"e.{seq}", seq=seq, state="stored")


UNORDERED = [cap for cap in CAPS if cap != "order"]


def test_the_acknowledgement_of_own_words_moves_the_place_where_the_server_tells_of_gaps_first() -> None:
    talk = Talk().account()
    talk.said(5)
    say(talk, 9)
    assert acknowledged(talk) == [9]
    talk.lose()
    assert talk.connect()["resume"]["seq"] == 9


def test_elsewhere_it_moves_no_place_past_what_may_be_held_back() -> None:
    talk = Talk().account(caps=UNORDERED)
    talk.said(5)
    say(talk, 9)
    assert acknowledged(talk) == [5]
    talk.lose()
    assert talk.connect()["resume"]["seq"] == 5
    talk.account(caps=UNORDERED, seq=9, resumed=True, missed=4)
    for seq in (6, 7, 8, 9):
        talk.said(seq, batch="resume", self=seq == 9)
    talk.hear(op="end", batch="resume", n=4, more=False)
    assert talk.screen.heard == ["5", "6", "7", "8"]
    assert acknowledged(talk) == [9]


@pytest.mark.parametrize("caps", [CAPS, UNORDERED])
def test_a_gap_before_or_after_it_is_fetched_and_then_all_is_acknowledged(caps: list[str]) -> None:
    talk = Talk().account(caps=caps)
    talk.said(5)
    if caps is CAPS:
        x = gap(talk, 5, 8)
        say(talk, 9)
    else:
        say(talk, 9)
        talk.written()
        x = gap(talk, 5, 8)
    assert acknowledged(talk) == [5]
    for seq in (6, 7, 8, 9):
        talk.said(seq, batch=x["cid"])
    talk.hear(op="end", cid=x["cid"], n=4, more=False)
    assert talk.screen.heard == ["5", "6", "7", "8"]
    assert acknowledged(talk) == [9]


def test_what_comes_after_a_batch_is_shown_though_something_later_was_said_meanwhile() -> None:
    talk = Talk().account(caps=UNORDERED, seq=6, resumed=True, missed=1)
    say(talk, 8)
    talk.said(6, batch="resume")
    talk.hear(op="end", batch="resume", n=1, more=False)
    talk.said(7)
    assert talk.screen.heard == ["6", "7"]


def test_a_log_that_lacks_our_place_is_read_from_its_own_end_on() -> None:
    talk = Talk().account()
    talk.said(50)
    talk.lose()
    talk.connect()
    talk.account(seq=20, resumed=False)
    talk.said(21)
    assert talk.screen.heard == ["50", "21"]
    assert acknowledged(talk) == [21]


def register(talk: Talk, seq: int) -> None:
    """The name is made an account."""
    said = talk.session.send("/register", "hunter2")
    talk.hear("alice is yours", op="ok", cid=said.cid, account=True, epoch="e", seq=seq)
    talk.transport.clear()


def test_who_registers_acknowledges_from_there_on_and_goes_on_there_after_a_cut() -> None:
    talk = Talk().welcome()
    register(talk, 7)
    assert acknowledged(talk) == [7]
    talk.said(8)
    assert acknowledged(talk) == [8]
    talk.session.send("bob", "perhaps")
    talk.lose()
    talk.connect()
    x = talk.challenge()
    assert (x["resume"], x["auth"]) == ({"epoch": "e", "seq": 8}, {"mech": "PLAIN", "password": "hunter2"})
    talk.account(seq=10, resumed=True, missed=2)
    talk.said(10, batch="resume")
    talk.hear(op="end", batch="resume", n=1, more=False)
    assert talk.screen.heard == ["8", "10"]
    assert talk.screen.marked == []


def test_what_was_on_its_way_when_the_connection_of_a_new_account_broke_is_sent_again() -> None:
    talk = Talk().welcome()
    register(talk, 7)
    said = talk.session.send("bob", "perhaps")
    talk.lose()
    lines = talk.reconnect(account=True, epoch="e", seq=7, resumed=True, missed=0).splitlines()
    (packet,) = [json.loads(line) for line in lines if b'"perhaps"' in line]
    assert packet["x"]["cid"] == said.cid


def test_what_was_left_out_before_registering_is_owed_to_the_account() -> None:
    talk = Talk().welcome()
    x = gap(talk, 3, 6)
    register(talk, 7)
    assert acknowledged(talk) == [3]
    for seq in (4, 5, 6):
        talk.said(seq, batch=x["cid"])
    talk.hear(op="end", cid=x["cid"], n=3, more=False)
    assert acknowledged(talk) == [7]


@pytest.mark.parametrize("caps", [["ack"], ["ack", "id"]])
def test_where_no_log_is_kept_a_new_account_acknowledges_nothing(caps: list[str]) -> None:
    talk = Talk().welcome(caps=caps)
    register(talk, 7)
    assert acknowledged(talk) == []


def test_a_guest_fetches_what_was_left_out_too() -> None:
    talk = Talk().welcome()
    talk.said(5, to="#ops")
    say(talk, 7, to="#ops")
    x = gap(talk, 5, 8)
    for seq in (6, 7, 8, 9):
        talk.said(seq, to="#ops", batch=x["cid"])
    talk.hear(op="end", cid=x["cid"], n=4, more=False)
    talk.said(9, to="#ops")
    assert talk.screen.heard == ["5", "6", "8", "9"]
    assert (acknowledged(talk), talk.screen.missing) == ([], [])


def test_what_a_guest_can_not_fetch_is_told_once() -> None:
    talk = Talk().welcome()
    x = gap(talk, 5, 8)
    talk.hear("You are not in a room.", op="fail", cid=x["cid"], code="NOT_MEMBER")
    talk.lose()
    talk.session.end(DONE)
    (told,) = talk.screen.missing
    assert "can't be fetched now (You are not in a room.)" in told


@pytest.mark.parametrize("finish", [Talk.lose, lambda talk: talk.session.end(DONE)])
def test_what_a_guest_has_not_fetched_when_the_connection_ends_is_lost_and_told(finish: Callable[[Talk], None]) -> None:
    talk = Talk().welcome()
    gap(talk, 5, 8)
    finish(talk)
    (told,) = talk.screen.missing
    assert "did not come" in told


def test_an_account_is_owed_what_it_has_not_fetched_at_the_end_so_nothing_is_missing() -> None:
    talk = Talk().account()
    gap(talk, 5, 8)
    talk.lose()
    talk.session.end(DONE)
    assert talk.screen.missing == []


def test_the_next_connection_of_a_guest_begins_anew() -> None:
    talk = Talk().welcome()
    talk.said(50)
    talk.lose()
    talk.connect()
    talk.welcome()
    talk.said(3)
    assert talk.screen.heard == ["50", "3"]


def test_a_fetch_that_had_to_wait_does_not_outlive_its_connection() -> None:
    talk = Talk().account()
    talk.said(5)
    x = gap(talk, 5, 8)
    talk.hear("Wait.", op="fail", cid=x["cid"], code="RATE_LIMITED", retry_ms=1000)
    talk.lose()
    talk.reconnect(account=True, epoch="e", seq=8, resumed=True, missed=3)
    for seq in (6, 7, 8):
        talk.said(seq, batch="resume")
    talk.hear(op="end", batch="resume", n=3, more=False)
    assert talk.session.waiting == 0
    assert b"/history" not in talk.transport.value()


def test_what_is_on_a_page_beyond_what_was_left_out_comes_by_itself() -> None:
    talk = Talk().account()
    talk.said(5)
    x = gap(talk, 5, 8)
    for seq in (6, 8, 10):
        talk.said(seq, batch=x["cid"])
    talk.hear(op="end", cid=x["cid"], n=3, more=False)
    talk.said(9, name="zoe")
    talk.said(10)
    assert talk.screen.heard == ["5", "6", "8", "9", "10"]


def test_a_page_that_somebody_asks_for_does_not_mix_with_one_that_is_fetched() -> None:
    talk = Talk().account()
    talk.said(5)
    said = talk.session.send("/history", "@bob")
    talk.written()
    x = gap(talk, 5, 7)
    talk.said(5, batch=said.cid)
    talk.hear(op="end", cid=said.cid, batch=said.cid, n=1, more=False)
    talk.said(6, batch=x["cid"])
    talk.said(7, batch=x["cid"])
    talk.hear(op="end", cid=x["cid"], batch=x["cid"], n=2, more=False)
    assert talk.screen.heard == ["5", "5", "6", "7"]
    assert acknowledged(talk) == [7]


def test_what_had_to_wait_for_the_face_is_acknowledged_as_soon_as_that_has_caught_up() -> None:
    talk = Talk().account()
    talk.screen.caught_up = False
    talk.said(5)
    assert acknowledged(talk) == []
    talk.screen.caught_up = True
    talk.session.log_sync.displayed()
    talk.session.log_sync.displayed()
    assert talk.acknowledged() == [5]
