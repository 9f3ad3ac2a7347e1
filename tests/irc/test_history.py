"""Earlier messages as IRC clients fetch them (CHATHISTORY, SEARCH), and as people see them (HISTORY)."""

from __future__ import annotations

import re

import pytest
from twisted.internet.task import Clock

from lanchat.core.router import Router
from lanchat.history.pages import MAX_PAGE
from lanchat.store.word_index import index_next
from lanchat.tables.recent import move_all
from tests.fakes import PASSWORD, User, make_router, store_of
from tests.irc.wire import IrcWire, make_chat, numbers

CAPS = "batch server-time message-tags draft/chathistory"


@pytest.fixture
def chat() -> tuple[Router, Clock]:
    """A chat with the room #ops, in which bob said "one" to "five", a second apart."""
    router, clock = make_chat()
    bob = User(router, "bob").register()
    bob.send("/create", "#ops")
    for word in ("one", "two", "three", "four", "five"):
        clock.advance(1)
        bob.send("#ops", word)
    clock.advance(1)
    return router, clock


def reader(chat: tuple[Router, Clock], caps: str = CAPS) -> IrcWire:
    """A guest in #ops."""
    ann = IrcWire(*chat, "ann", caps)
    ann.ask("JOIN #ops")
    return ann


def texts(lines: list[str]) -> list[str]:
    """The texts of messages."""
    return [line.rsplit(" :", 1)[1] for line in lines if " PRIVMSG " in line or " NOTICE " in line]


def ids(lines: list[str]) -> list[str]:
    """The ids of messages."""
    return [line.split("msgid=")[1].split(" ")[0].split(";")[0] for line in lines if "msgid=" in line]


def times(lines: list[str]) -> list[str]:
    """The times of messages."""
    return [line.split("time=")[1].split(" ")[0].split(";")[0] for line in lines if "time=" in line]


def test_a_page_is_a_batch_of_messages_with_their_ids_and_times(chat: tuple[Router, Clock]) -> None:
    begin, *said, end = reader(chat).ask("CHATHISTORY LATEST #ops * 2")
    name = begin.removeprefix(":irc.lan BATCH +").removesuffix(" chathistory #ops")
    assert end == f":irc.lan BATCH -{name}"
    assert said == [
        f"@batch={name};time=2026-11-20T14:03:26.500Z;msgid=e1.4 :bob!~u@10.0.0.1 PRIVMSG #ops :four",
        f"@batch={name};time=2026-11-20T14:03:27.500Z;msgid=e1.5 :bob!~u@10.0.0.1 PRIVMSG #ops :five",
    ]


@pytest.mark.parametrize("by", ["msgid", "timestamp"])
def test_what_lies_before_after_around_and_between(chat: tuple[Router, Clock], by: str) -> None:
    ann = reader(chat)
    all_of_them = ann.ask("CHATHISTORY LATEST #ops * 50")
    one, two, three, _, five = (f"{by}={ref}" for ref in (ids(all_of_them) if by == "msgid" else times(all_of_them)))
    for asked, found in {
        "LATEST #ops * 2": "four five",
        f"LATEST #ops {three} 50": "four five",
        f"LATEST #ops {two} 1": "five",
        f"BEFORE #ops {three} 50": "one two",
        f"BEFORE #ops {three} 1": "two",
        f"AFTER #ops {three} 50": "four five",
        f"AFTER #ops {three} 1": "four",
        f"AROUND #ops {three} 3": "two three four",
        f"BETWEEN #ops {one} {five} 50": "two three four",
        f"BETWEEN #ops {one} {five} 1": "two",
        f"BETWEEN #ops {five} {one} 50": "two three four",
        f"BETWEEN #ops {five} {one} 1": "four",
        f"BETWEEN #ops {one} {one} 50": "",
        f"between #OPS {one} {five} 50": "two three four",
    }.items():
        told = ann.ask(f"CHATHISTORY {asked}")
        assert " ".join(texts(told)) == found, asked
        assert numbers([told[0], told[-1]]) == ["BATCH", "BATCH"]


def test_a_moment_and_a_message_may_be_the_two_ends(chat: tuple[Router, Clock]) -> None:
    ann = reader(chat)
    told = ann.ask("CHATHISTORY LATEST #ops * 50")
    first, last = f"msgid={ids(told)[0]}", f"timestamp={times(told)[-1]}"
    for places in (f"{first} {last}", f"{last} {first}"):
        assert texts(ann.ask(f"CHATHISTORY BETWEEN #ops {places} 50")) == ["two", "three", "four"]


def test_clients_without_batches_read_the_messages_alone(chat: tuple[Router, Clock]) -> None:
    told = reader(chat, "draft/chathistory").ask("CHATHISTORY LATEST #ops * 2")
    assert told == [":bob!~u@10.0.0.1 PRIVMSG #ops :four", ":bob!~u@10.0.0.1 PRIVMSG #ops :five"]


def test_with_a_label_the_batch_is_in_another(chat: tuple[Router, Clock]) -> None:
    ann = reader(chat, f"{CAPS} labeled-response")
    told = ann.ask("@label=x CHATHISTORY LATEST #ops * 1")
    outer = told[0].split("+")[1].split(" ")[0]
    inner = told[1].split("+")[1].split(" ")[0]
    assert told == [
        f"@label=x :irc.lan BATCH +{outer} labeled-response",
        f"@batch={outer} :irc.lan BATCH +{inner} chathistory #ops",
        f"@batch={inner};time=2026-11-20T14:03:27.500Z;msgid=e1.5 :bob!~u@10.0.0.1 PRIVMSG #ops :five",
        f"@batch={outer} :irc.lan BATCH -{inner}",
        f":irc.lan BATCH -{outer}",
    ]


@pytest.mark.parametrize(
    ("asked", "answer"),
    [
        ("NEWEST #ops * 5", "INVALID_PARAMS NEWEST :Unknown command"),
        ("LATEST", "INVALID_PARAMS LATEST :Insufficient parameters"),
        ("BETWEEN #ops msgid=e1.2 5", "INVALID_PARAMS BETWEEN :Insufficient parameters"),
        ("LATEST #ops * * 5", "INVALID_PARAMS LATEST :Too many parameters"),
        ("LATEST #ops * many", "INVALID_PARAMS LATEST :The last parameter is how many you want"),
        ("LATEST #ops * 0", "INVALID_PARAMS LATEST :The last parameter is how many you want"),
        ("LATEST #ops * -1", "INVALID_PARAMS LATEST :The last parameter is how many you want"),
        ("BEFORE #ops timestamp=yesterday 5", "INVALID_PARAMS BEFORE timestamp=yesterday :Invalid timestamp"),
        (
            "BEFORE #ops timestamp=2026-13-41T00:00:00Z 5",
            "INVALID_PARAMS BEFORE timestamp=2026-13-41T00:00:00Z :Invalid timestamp",
        ),
        ("BEFORE #ops seq=4 5", "INVALID_MSGREFTYPE BEFORE #ops :Name a message by timestamp= or msgid="),
        ("BEFORE #ops * 5", "INVALID_MSGREFTYPE BEFORE #ops :Name a message by timestamp= or msgid="),
        ("BEFORE #ops msgid=test.7 5", "MESSAGE_ERROR BEFORE #ops :There is no message with this id in the history"),
        ("BEFORE #ops msgid=2026-11-20 5", "MESSAGE_ERROR BEFORE #ops :There is no message with this id in the history"),
        ("TARGETS msgid=e1.2 timestamp=2027-01-01T00:00:00Z 5", "INVALID_PARAMS TARGETS msgid=e1.2 :Invalid timestamp"),
    ],
)
def test_what_is_wrong_is_answered_with_the_code_for_it(chat: tuple[Router, Clock], asked: str, answer: str) -> None:
    assert reader(chat).ask(f"CHATHISTORY {asked}") == [f":irc.lan FAIL CHATHISTORY {answer}"]


def test_rooms_that_one_is_not_in_can_t_be_read(chat: tuple[Router, Clock]) -> None:
    ann = IrcWire(*chat, "ann", CAPS)
    for channel in ("#ops", "#nothing"):
        (told,) = ann.ask(f"CHATHISTORY LATEST {channel} * 5")
        assert told.startswith(f":irc.lan FAIL CHATHISTORY INVALID_TARGET LATEST {channel} :")


def test_the_times_of_the_end_of_the_world_are_no_fault(chat: tuple[Router, Clock]) -> None:
    ann = reader(chat)
    for when in ("9999-12-31T23:59:59.999999999Z", "0001-01-01T00:00:00.000Z"):
        for name in ("BEFORE", "AFTER", "AROUND", "LATEST"):
            told = ann.ask(f"CHATHISTORY {name} #ops timestamp={when} 5")
            assert numbers([told[0], told[-1]]) == ["BATCH", "BATCH"]
    assert not ann.connection.closed


def test_more_than_a_page_is_a_page(chat: tuple[Router, Clock]) -> None:
    router, _ = chat
    bob = User(router, "bo").register()
    bob.send("/join", "#ops")
    for number in range(MAX_PAGE):
        bob.send("#ops", f"line {number}")
    assert len(texts(reader(chat).ask("CHATHISTORY LATEST #ops * 999999999"))) == MAX_PAGE


def test_private_conversations_of_accounts(chat: tuple[Router, Clock]) -> None:
    router, clock = chat
    ann = IrcWire(router, clock, "ann", CAPS)
    ann.ask(f"REGISTER * * :{PASSWORD}", "PRIVMSG bob :hello")
    clock.advance(1)
    ann.ask("PRIVMSG bob :are you there?")
    assert texts(ann.ask("CHATHISTORY LATEST BOB * 5")) == ["hello", "are you there?"]
    assert texts(ann.ask("CHATHISTORY LATEST carl * 5")) == []
    assert numbers(ann.ask("CHATHISTORY LATEST nobody * 5")) == ["BATCH", "BATCH"]
    other = IrcWire(router, clock, "carl", CAPS)
    assert texts(other.ask("CHATHISTORY LATEST bob * 5")) == []


def test_the_conversations_in_which_something_was_said(chat: tuple[Router, Clock]) -> None:
    router, clock = chat
    ann = IrcWire(router, clock, "ann", CAPS)
    ann.ask(f"REGISTER * * :{PASSWORD}", "JOIN #ops", "JOIN #empty")
    clock.advance(1)
    ann.ask("PRIVMSG bob :hello")
    early, late = "timestamp=2020-01-01T00:00:00.000Z", "timestamp=2262-01-01T00:00:00.000Z"
    begin, *rows, end = ann.ask(f"CHATHISTORY TARGETS {early} {late} 50")
    name = begin.removeprefix(":irc.lan BATCH +").removesuffix(" draft/chathistory-targets")
    assert end == f":irc.lan BATCH -{name}"
    assert rows == [
        f"@batch={name} :irc.lan CHATHISTORY TARGETS #ops 2026-11-20T14:03:27.500Z",
        f"@batch={name} :irc.lan CHATHISTORY TARGETS bob 2026-11-20T14:03:29.500Z",
    ]
    for places, found in {
        f"{early} {late} 1": ["#ops"],
        f"{late} {early} 1": ["bob"],
        f"timestamp=2026-11-20T14:03:27.500Z {late} 9": ["bob"],
        f"{early} timestamp=2026-11-20T14:03:29.500Z 9": ["#ops"],
    }.items():
        told = ann.ask(f"CHATHISTORY TARGETS {places}")
        assert [line.split(" ")[4] for line in told if "CHATHISTORY" in line] == found


def test_too_much_at_once_is_refused_and_nothing_hangs(chat: tuple[Router, Clock]) -> None:
    router, _ = chat
    router.chat.limits.set("packets", "1")
    ann = reader(chat)
    told = ann.ask(*["CHATHISTORY LATEST #ops * 5"] * 3)
    assert any(line.startswith(":irc.lan FAIL CHATHISTORY MESSAGE_ERROR LATEST #ops :That is too much") for line in told)


def test_a_log_that_can_t_be_read_now_is_an_error_and_no_end(chat: tuple[Router, Clock]) -> None:
    router, _ = chat
    ann = reader(chat)
    store_of(router.chat).slow = True
    assert ann.ask("CHATHISTORY LATEST #ops * 5", "PING x") == []
    store_of(router.chat).answer()
    told = ann.lines()
    assert texts(told) == ["one", "two", "three", "four", "five"]
    assert told[-1] == ":irc.lan PONG irc.lan x"


def test_people_see_the_newest_messages_with_their_times(chat: tuple[Router, Clock]) -> None:
    ann = reader(chat, "")
    told = ann.ask("HISTORY #ops 2", "HISTORY #ops many", "HISTORY #nothing", "HISTORY")
    assert [text.split("] ")[1] for text in texts(told[:2])] == ["four", "five"]
    assert all(re.match(r"\[[0-9]{2}:[0-9]{2}\] ", text) for text in texts(told[:2]))
    chat[1].advance(86_400)
    assert all(text.startswith("[2026-11-20 ") for text in texts(ann.ask("PONG", "HISTORY #ops 2")))
    assert numbers(told[2:]) == ["461", "403", "461"]


def test_a_search_finds_words(chat: tuple[Router, Clock]) -> None:
    ann = reader(chat, f"{CAPS} soju.im/search")
    move_all(store_of(chat[0].chat).connection, 10)
    index_next(store_of(chat[0].chat).connection)
    begin, said, end = ann.ask("SEARCH text=three")
    assert begin.endswith(" soju.im/search")
    assert numbers([end]) == ["BATCH"]
    assert ids([said]) == ["e1.3"]
    for attributes, found in {
        r"in=#ops;from=bob;text=four": ["four"],
        "from=bob;limit=2": ["four", "five"],
        "text=one;in=#ops;after=2026-11-20T14:03:24.500Z": [],
        "from=bob;before=timestamp=2026-11-20T14:03:24.500Z": ["one"],
        r"text=one\stwo": [],
    }.items():
        assert texts(ann.ask(f"SEARCH {attributes}")) == found, attributes


@pytest.mark.parametrize(
    ("attributes", "context"),
    [
        ("color=red", "color"),
        (":a b=c", "a_b"),
        ("text=x;limit=0", "limit"),
        ("text=x;limit=a", "limit"),
        (r"from=a\sb", "from"),
        ("in=#ops", "text"),
        ("text=", "text"),
    ],
)
def test_a_wrong_search_is_told(chat: tuple[Router, Clock], attributes: str, context: str) -> None:
    (told,) = reader(chat).ask(f"SEARCH {attributes}")
    assert told.startswith(f":irc.lan FAIL SEARCH INVALID_PARAMS {context} :")


def test_a_server_that_keeps_nothing_has_no_history() -> None:
    router, clock = make_router(stores_messages=False)
    bob = User(router, "bob").register()
    bob.send("/create", "#ops")
    bob.send("#ops", "one")
    ann = IrcWire(router, clock, "ann", "batch")
    ann.ask("JOIN #ops")
    assert texts(ann.ask("CHATHISTORY LATEST #ops * 5")) == []


def test_what_was_done_with_a_room_takes_no_place_of_a_message(chat: tuple[Router, Clock]) -> None:
    router, _ = chat
    carl = User(router, "carl").register()
    for _ in range(5):
        carl.send("/join", "#ops")
        carl.send("/leave", "#ops")
    assert texts(reader(chat).ask("CHATHISTORY LATEST #ops * 3")) == ["three", "four", "five"]
