"""Labels: every command that has one gets one answer with it, which has all its lines and no others; and echoes."""

from __future__ import annotations

import pytest
from twisted.internet.task import Clock

from lanchat.core.router import Router
from tests.fakes import FakeStore, User
from tests.irc.wire import IrcWire

CAPS = "batch labeled-response echo-message"
ANN = ":ann!~ann@10.0.0.7"
TIME = "time=2026-11-20T14:03:22.500Z"


@pytest.fixture
def ann(chat: tuple[Router, Clock]) -> IrcWire:
    return IrcWire(*chat, "ann", CAPS)


@pytest.fixture
def store(chat: tuple[Router, Clock]) -> FakeStore:
    """The store, which gives back what it gets when a test says so."""
    store = chat[0].chat.store
    assert isinstance(store, FakeStore)
    return store


def test_one_line_has_the_label_and_no_line_is_an_ack(ann: IrcWire) -> None:
    assert ann.ask("@label=x PING 1") == ["@label=x :irc.lan PONG irc.lan 1"]
    assert ann.ask("@label=x PONG 1") == ["@label=x :irc.lan ACK"]
    assert ann.ask("@label=x NOSUCH") == ["@label=x :irc.lan 421 ann NOSUCH :Unknown command"]
    assert ann.ask("@label=x NOTICE zoe hi") == ["@label=x :irc.lan ACK"]
    assert ann.ask("@label=x PRIVMSG #x") == ["@label=x :irc.lan 412 ann :No text to send"]
    assert ann.ask("@label=a\\sb\\:c PONG 1") == ["@label=a\\sb\\:c :irc.lan ACK"]
    assert ann.ask("@label= PING 1", "@label PING 2") == [":irc.lan PONG irc.lan 1", ":irc.lan PONG irc.lan 2"]
    assert ann.ask(f"@label={'y' * 99} PONG 1") == [f"@label={'y' * 64} :irc.lan ACK"]


def test_several_lines_are_a_batch(ann: IrcWire) -> None:
    begin, *inside, end = ann.ask("@label=x JOIN #ops")
    name = begin.split("+")[1].split(" ")[0]
    assert begin == f"@label=x :irc.lan BATCH +{name} labeled-response"
    assert end == f":irc.lan BATCH -{name}"
    assert len(inside) == 3
    assert all(line.startswith(f"@batch={name} ") for line in inside)


def test_what_is_said_is_echoed_when_it_is_stored(chat: tuple[Router, Clock], ann: IrcWire, store: FakeStore) -> None:
    ann.ask("JOIN #ops")
    store.held = True
    assert ann.ask("@label=x PRIVMSG #ops hi", "PRIVMSG #ops :and bye", "NOTICE #ops beep") == []
    store.release()
    assert ann.lines() == [
        f"@label=x {ANN} PRIVMSG #ops :hi",
        f"{ANN} PRIVMSG #ops :and bye",
        f"{ANN} NOTICE #ops :beep",
    ]


def test_several_targets_have_one_answer_when_all_is_stored(chat: tuple[Router, Clock], ann: IrcWire, store: FakeStore) -> None:
    bob, zoe = IrcWire(*chat, "bob", CAPS), User(chat[0], "zoe")
    for wire in (ann, bob):
        wire.ask("JOIN #ops")
    ann.lines()
    store.held = True
    assert ann.ask("@label=x PRIVMSG #ops,bob,/list,pat :hi") == []
    zoe.send("ann", "meanwhile")
    assert ann.lines() == [":zoe!~u@10.0.0.1 PRIVMSG ann :meanwhile"]
    store.release()
    begin, *inside, end = ann.lines()
    name = end.removeprefix(":irc.lan BATCH -")
    assert begin == f"@label=x :irc.lan BATCH +{name} labeled-response"
    assert sorted(inside) == sorted(
        f"@batch={name} {line}"
        for line in (
            f"{ANN} PRIVMSG #ops :hi",
            f"{ANN} PRIVMSG bob :hi",
            ":irc.lan 401 ann /list :No such nick/channel",
            ":irc.lan 401 ann pat :No such nick/channel",
        )
    )
    assert sorted(bob.lines()) == [f"{ANN} PRIVMSG #ops :hi", f"{ANN} PRIVMSG bob :hi"]


def test_a_message_to_oneself_comes_once_as_a_message_and_once_as_an_echo(ann: IrcWire) -> None:
    assert ann.ask("@label=x PRIVMSG ann hi") == [f"{ANN} PRIVMSG ann :hi", f"@label=x {ANN} PRIVMSG ann :hi"]


def test_without_echo_a_label_is_answered_by_an_ack_when_all_is_stored(chat: tuple[Router, Clock], store: FakeStore) -> None:
    bob = IrcWire(*chat, "bob", "batch labeled-response")
    bob.ask("JOIN #ops")
    store.held = True
    assert bob.ask("@label=x PRIVMSG #ops hi", "@label=y PING 1") == []
    store.release()
    assert bob.lines() == ["@label=x :irc.lan ACK", "@label=y :irc.lan PONG irc.lan 1"]


def test_what_can_t_be_stored_is_told_with_the_label(chat: tuple[Router, Clock], ann: IrcWire, store: FakeStore) -> None:
    ann.ask("JOIN #ops")
    store.broken = True
    (told,) = ann.ask("@label=x PRIVMSG #ops hi")
    assert told.startswith("@label=x :irc.lan 404 ann #ops :That could not be stored, so nobody got it.")
    assert ann.ask("@label=x NOTICE #ops hi") == ["@label=x :irc.lan ACK"]


def test_who_is_away_is_told_with_the_label_and_not_for_a_notice(chat: tuple[Router, Clock], ann: IrcWire) -> None:
    zoe = User(chat[0], "zoe").register()
    zoe.send("/quit")
    _, echo, away, _ = ann.ask("@label=x PRIVMSG zoe hi")
    assert echo.endswith(f"{ANN} PRIVMSG zoe :hi")
    told = ":irc.lan 301 ann zoe :zoe is away. Your message is kept, and shown when they are back."
    assert away.endswith(told)
    assert ann.ask("NOTICE zoe hi") == [f"{ANN} NOTICE zoe :hi"]
    assert IrcWire(*chat, "pat").ask("PRIVMSG zoe hi") == [told.replace("ann", "pat")]


def test_no_label_is_passed_on(chat: tuple[Router, Clock], ann: IrcWire) -> None:
    bob = IrcWire(*chat, "bob", f"message-tags {CAPS}")
    ann.ask("@label=x;+y=z PRIVMSG bob hi")
    assert bob.lines() == [f"@{TIME};msgid=test.1 {ANN} PRIVMSG bob :hi"]


def test_labels_of_clients_that_did_not_ask_for_them_are_ignored(chat: tuple[Router, Clock]) -> None:
    assert IrcWire(*chat, "bob", "message-tags").ask("@label=x PING 1") == [":irc.lan PONG irc.lan 1"]


def test_a_label_before_the_registration_is_answered(chat: tuple[Router, Clock]) -> None:
    """As Limnoria sends it."""
    wire = IrcWire(*chat)
    wire.ask("CAP LS :302", "NICK :lim", "USER lim 0 * :Lim", f"CAP REQ :{CAPS}")
    told = wire.ask("@label=1 CAP :END")
    assert told[0].startswith("@label=1 :irc.lan BATCH +")
    assert " 001 " in told[1]
    assert told[-1].startswith(":irc.lan BATCH -")
