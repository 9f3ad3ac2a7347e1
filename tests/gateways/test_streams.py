"""Streams: what a program that only reads is sent, from where on, and when the stream ends."""

from __future__ import annotations

import json
from typing import Any

import pytest

from lanchat.core.router import Router
from lanchat.gateways.connection import GOODBYE
from lanchat.gateways.factory import ChatFactory
from lanchat.gateways.stream import KEEPALIVE_SECONDS, Asked, StreamFactory, StreamProtocol
from lanchat.model.session import Role
from lanchat.net.admission import Admission
from lanchat.tables.accounts import RemoveAccount
from tests.fakes import User, Wire, log_in, make_router, store_of


class Reader(Wire):
    """A stream of an account."""

    def make_factory(self, protocol: Any, router: Router, admission: Admission) -> ChatFactory:
        """The factory of streams."""
        return StreamFactory(protocol, router, admission)

    def __init__(self, chat: Room, *rooms: str, name: str = "bot", **asked: Any) -> None:
        super().__init__(chat.router, chat.clock, StreamProtocol)
        self.factory.admission.admit("10.0.0.7")  # (as its request was)
        account = chat.router.chat.online.account(name)
        assert account is not None
        assert isinstance(self.connection, StreamProtocol)
        self.connection.begin(account, Asked(rooms, **asked))
        self.head, _, self.rest = self.bytes().decode().partition("\r\n\r\n")

    @property
    def status(self) -> int:
        """That of the answer."""
        return int(self.head.split()[1])

    def text(self) -> str:
        """What was written since the last look."""
        rest, self.rest = self.rest + self.bytes().decode(), ""
        return rest

    def lines(self) -> list[dict[str, Any]]:
        """The packets, which are lines."""
        return [json.loads(line) for line in self.text().splitlines() if line]

    def said(self) -> list[str]:
        """Only their texts."""
        return [packet["msg"] for packet in self.lines()]


class Room:
    """Somebody with an account says something in a room, in which the account of a program is, too."""

    def __init__(self) -> None:
        self.router, self.clock = make_router()
        for name in ("ann", "bot"):
            User(self.router, name).register().leave()
        self.ann = log_in(self.router, "ann", "id", "ack", "room", "edit", "react")
        self.ann.send("/create", "#ops")
        self.ann.send("/create", "#den")
        self.bot = log_in(self.router, "bot")
        self.bot.send("/join", "#ops")
        self.bot.send("/join", "#den")
        self.bot.leave()

    @property
    def seq(self) -> int:
        """The newest number in the log."""
        return store_of(self.router.chat).last_seq


@pytest.fixture
def room() -> Room:
    return Room()


def test_it_is_sent_what_is_said_in_its_room_and_nothing_else(room: Room) -> None:
    stream = Reader(room, "#ops")
    assert stream.status == 200
    assert "application/x-ndjson" in stream.head
    room.ann.send("#ops", "the pump is back")
    room.ann.send("#den", "not for you")
    room.ann.send("bot", "nor this")
    (packet,) = stream.lines()
    assert (packet["from"]["name"], packet["to"], packet["msg"]) == ("ann", "#ops", "the pump is back")
    assert (packet["x"]["conv"], packet["x"]["id"]) == ("#ops", f"e1.{packet['x']['seq']}")


def test_without_a_room_it_is_sent_all_that_the_account_is(room: Room) -> None:
    stream = Reader(room)
    for to in ("#ops", "#den", "bot"):
        room.ann.send(to, f"to {to}")
    assert stream.said() == ["to #ops", "to #den", "to bot"]


def test_several_rooms(room: Room) -> None:
    stream = Reader(room, "#OPS", "den")
    for to in ("#ops", "bot", "#den"):
        room.ann.send(to, f"to {to}")
    assert stream.said() == ["to #ops", "to #den"]


def test_changes_come_only_to_who_asks_for_them(room: Room) -> None:
    messages, everything = Reader(room, "#ops"), Reader(room, "#ops", changes=True)
    room.ann.send("#ops", "teh pump", cid="1")
    (number,) = [x["id"] for x in room.ann.xs() if x.get("op") == "ack"]
    room.ann.send("/edit", f"{number} the pump")
    room.ann.send("/react", f"{number} +1")
    room.ann.send("/topic", "#ops pumps")
    assert messages.said() == ["teh pump"]
    ops = [packet["x"].get("op") for packet in everything.lines()]
    assert ops == [None, "edit", "react", "event"]


def test_a_place_in_the_log_brings_what_came_after_it_and_then_what_is_new(room: Room) -> None:
    room.ann.send("#ops", "one")
    place = room.seq
    room.ann.send("#ops", "two")
    room.ann.send("#den", "elsewhere")
    room.ann.send("#ops", "three")
    stream = Reader(room, "#ops", after=place)
    room.ann.send("#ops", "four")
    assert stream.said() == ["two", "three", "four"]


def test_what_is_said_while_the_log_is_read_comes_once_and_in_order(room: Room) -> None:
    store = store_of(room.router.chat)
    place = room.seq
    room.ann.send("#ops", "one")
    store.slow = True
    stream = Reader(room, "#ops", after=place)
    room.ann.send("#ops", "two")
    assert stream.said() == []
    while store.asks:
        asked, look = store.asks.pop(0)
        room.ann.send("#ops", f"during {len(store.asks)}")
        asked.callback(look())
    store.slow = False
    room.ann.send("#ops", "last")
    packets = stream.lines()
    seqs = [packet["x"]["seq"] for packet in packets]
    assert [packet["msg"] for packet in packets][:2] == ["one", "two"]
    assert packets[-1]["msg"] == "last"
    assert seqs == sorted(set(seqs))


def test_a_log_that_can_not_be_read_ends_the_stream_with_a_reason(room: Room) -> None:
    store = store_of(room.router.chat)
    place = room.seq
    room.ann.send("#ops", "one")
    store.slow = True
    stream = Reader(room, "#ops", after=place)
    asked, _ = store.asks.pop(0)
    asked.errback(OSError("the disk is gone"))
    (bye,) = stream.lines()
    assert (bye["x"]["op"], bye["x"]["code"]) == ("bye", "SLOW")
    assert stream.transport.disconnecting


def test_events_have_the_place_to_go_on_after(room: Room) -> None:
    stream = Reader(room, "#ops", events=True)
    assert "text/event-stream" in stream.head
    assert stream.text() == ":\n\n"
    room.ann.send("#ops", "two\nlines")
    first, second, third, *end = stream.text().split("\n")
    assert (first, second, end) == (f"id: e1.{room.seq}", "event: message", ["", ""])
    assert json.loads(third.removeprefix("data: "))["msg"] == "two\nlines"


def test_an_edit_has_its_own_place_and_not_that_of_the_message(room: Room) -> None:
    stream = Reader(room, "#ops", events=True, changes=True)
    room.ann.send("#ops", "one", cid="1")
    (number,) = [x["id"] for x in room.ann.xs() if x.get("op") == "ack"]
    room.ann.send("/edit", f"{number} two")
    assert f"id: e1.{room.seq}\nevent: edit\n" in stream.text()


@pytest.mark.parametrize(("events", "line"), [(False, "\n"), (True, ":\n\n")])
def test_an_empty_line_comes_every_30_seconds(room: Room, events: bool, line: str) -> None:
    stream = Reader(room, "#ops", events=events)
    stream.text()
    for _ in range(3):
        stream.wait(KEEPALIVE_SECONDS + 0.1)
        assert stream.text() == line
    stream.lose()
    stream.wait(2 * KEEPALIVE_SECONDS)
    assert stream.text() == ""


def test_the_account_is_online_while_it_reads_and_no_longer(room: Room) -> None:
    stream = Reader(room, "#ops")
    room.ann.send("/list")
    assert "bot" in room.ann.msgs()[-1]
    stream.lose()
    room.ann.send("/list")
    assert "bot" not in room.ann.msgs()[-1]
    assert stream.factory.admission.total == 0


@pytest.mark.parametrize("name", ["#nowhere", "#secret", ""])
def test_a_room_that_the_account_is_not_in_is_refused_in_the_same_words(room: Room, name: str) -> None:
    room.ann.send("/create", "#secret private")
    stream = Reader(room, name)
    assert stream.status == 404
    assert "is not in a room" in stream.rest
    assert stream.transport.disconnecting
    assert "bot" not in room.router.chat.online


def test_an_account_has_so_many_streams_and_no_more(room: Room) -> None:
    room.router.chat.limits.set("streams", 2)
    streams = [Reader(room, "#ops") for _ in range(3)]
    assert [stream.status for stream in streams] == [200, 200, 429]
    assert "Retry-After: 1" in streams[-1].head
    streams[0].lose()
    assert Reader(room, "#ops").status == 200
    assert room.router.chat.limits.met["streams"] == 1


def test_who_is_banned_has_no_stream(room: Room) -> None:
    assert room.ann.session.account is not None
    room.ann.session.account.role = Role.OPERATOR
    room.ann.session.update_role()
    room.ann.send("/ban", "bot")
    stream = Reader(room, "#ops")
    assert stream.status == 403
    assert "banned" in stream.rest


def test_a_stream_of_a_room_that_the_account_has_left_ends(room: Room) -> None:
    stream = Reader(room, "#ops")
    room.ann.send("/kick", "#ops bot")
    stream.wait(KEEPALIVE_SECONDS + 0.1)
    assert stream.lines()[-1]["x"]["code"] == "NOT_MEMBER"
    assert stream.transport.disconnecting


def test_a_new_password_ends_it(room: Room) -> None:
    stream = Reader(room, "#ops")
    account = room.router.chat.online.account("bot")
    assert account is not None
    room.router.chat.end_logins(account, "Your password was changed.", why="a new password")
    assert stream.lines()[-1]["x"] == {"op": "bye", "code": "AUTH_REQUIRED"}
    assert stream.transport.disconnecting


def test_what_its_client_sends_is_dropped(room: Room) -> None:
    stream = Reader(room, "#ops")
    stream.send(b'{"to":"#ops","msg":"from nobody"}\n' * 100, b"GET /stream HTTP/1.1\r\n\r\n")
    room.ann.send("#ops", "still here")
    assert stream.said() == ["still here"]


def test_who_does_not_read_is_told_and_closed(room: Room) -> None:
    room.router.chat.limits.set("outbox", 5000)
    stream = Reader(room, "#ops")
    stream.text()
    stream.connection.outbox.pauseProducing()
    for _ in range(60):
        room.ann.send("#ops", "x" * 100)
        room.clock.advance(1)
    stream.connection.outbox.resumeProducing()
    (bye,) = stream.lines()
    assert (bye["x"]["code"], stream.connection.closed) == ("SLOW", True)


def test_a_server_that_ends_says_goodbye(room: Room) -> None:
    stream = Reader(room, "#ops")
    stream.connection.goodbye()
    (bye,) = stream.lines()
    assert (bye["msg"], bye["x"]["code"]) == (GOODBYE, "RELOAD")


def test_an_account_that_was_removed_meanwhile_has_none(room: Room) -> None:
    account = room.router.chat.online.account("bot")
    assert account is not None
    room.router.chat.store.write(RemoveAccount(account.id))
    room.router.chat.rooms.forget(account)
    assert Reader(room, "#ops").status == 404
