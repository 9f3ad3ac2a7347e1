"""What is said to SERVER is a command of lanchat; and who looks for NickServ is told how it is done here."""

from __future__ import annotations

import pytest
from twisted.internet.task import Clock
from twisted.logger import capturedLogs

from lanchat.core.router import Router
from lanchat.irc.command import for_irc
from lanchat.irc_commands.services import _TAKEN
from lanchat.protocol.errors import NameTaken
from lanchat.store.word_index import index_next
from lanchat.tables.recent import move_all
from tests.fakes import PASSWORD, User, store_of
from tests.irc.wire import IrcWire, make_chat, numbers

SERVER = ":SERVER!SERVER@irc.lan NOTICE ann :"


@pytest.fixture
def chat() -> tuple[Router, Clock]:
    """A chat with the room #ops, in which bob said something."""
    router, clock = make_chat()
    bob = User(router, "bob").register()
    bob.send("/create", "#ops")
    bob.send("#ops", "the pump is out")
    return router, clock


def texts(lines: list[str], source: str = SERVER) -> list[str]:
    """The texts of the lines, all of which come from there."""
    assert all(line.startswith(source) for line in lines), lines
    return [line[len(source) :] for line in lines]


def test_help_lists_the_commands(chat: tuple[Router, Clock]) -> None:
    ann = IrcWire(*chat, "ann")
    first, *listed = texts(ann.ask("PRIVMSG SERVER :help"))
    assert "is a command" in first
    assert len(listed) == len(_TAKEN)
    assert "search TEXT - search for words, from:NAME, in:#ROOM or in:@USER, since:7d, before:1234" in listed
    assert texts(ann.ask("PRIVMSG server :/HELP Search"))[0].startswith("Usage: /search TEXT")


def test_a_nick_becomes_an_account(chat: tuple[Router, Clock]) -> None:
    ann = IrcWire(*chat, "ann")
    assert "is your account now" in texts(ann.ask(f"PRIVMSG SERVER :register {PASSWORD}"))[0]
    assert chat[0].chat.online.account("ann") is not None


def test_messages_are_found_and_shown_a_line_each(chat: tuple[Router, Clock]) -> None:
    store = store_of(chat[0].chat)
    move_all(store.connection, store.last_seq)
    index_next(store.connection)
    ann = IrcWire(*chat, "ann")
    ann.ask("JOIN #ops")
    for command in ("search pump", "history #ops 20", "/search pump in:#ops"):
        (told,) = texts(ann.ask(f"PRIVMSG SERVER :{command}"))
        assert told.startswith("2026-11-20 ")
        assert told.endswith(" bob -> #ops: the pump is out")
    assert texts(ann.ask("PRIVMSG SERVER :search nothing")) == ["There is nothing."]


def test_what_is_wrong_is_told(chat: tuple[Router, Clock]) -> None:
    ann = IrcWire(*chat, "ann")
    for text, answer in {
        "hello there": "I know no command hello. Say help to see those there are.",
        "pm bob hi": "I know no command pm. Say help to see those there are.",
        "hello": "I know no command hello. Say help to see those there are.",
        "help nothing": "I know no command nothing. Say help to see those there are.",
        "whois nobody": "Nobody is called nobody. Send /msg SERVER list to see who is online.",
        "history #nothing": "The room #nothing is not available. Send /msg SERVER rooms to see those there are.",
    }.items():
        assert texts(ann.ask(f"PRIVMSG SERVER :{text}")) == [answer], text
    assert not ann.connection.closed


def test_the_name_of_the_server_is_as_good(chat: tuple[Router, Clock]) -> None:
    assert texts(IrcWire(*chat, "ann").ask("PRIVMSG irc.lan :time"), ":irc.lan NOTICE ann :")[0].startswith("Server time: ")


def test_a_command_that_waits_keeps_the_order(chat: tuple[Router, Clock]) -> None:
    ann = IrcWire(*chat, "ann")
    ann.ask("JOIN #ops")
    store_of(chat[0].chat).slow = True
    assert ann.ask("PRIVMSG SERVER :history #ops", "PING x") == []
    store_of(chat[0].chat).answer()
    assert numbers(ann.lines()[-1:]) == ["PONG"]


@pytest.mark.parametrize("line", ["PRIVMSG NickServ :IDENTIFY secret", "NS IDENTIFY secret", "NICKSERV :IDENTIFY secret"])
def test_a_password_for_nickserv_goes_to_nobody(chat: tuple[Router, Clock], line: str) -> None:
    """HexChat sends one as soon as it is connected, and anybody could have that name."""
    thief = User(chat[0], "NickServ")
    ann = IrcWire(*chat, "ann")
    told = texts(ann.ask(line), ":NickServ!NickServ@irc.lan NOTICE ann :")
    assert "There are no services here" in told[0]
    assert any("/msg SERVER register PASSWORD" in text for text in told)
    assert thief.msgs() == []
    ann.ask("NOTICE NickServ :IDENTIFY secret")
    assert thief.msgs() == []


def test_who_is_logged_in_is_told_so(chat: tuple[Router, Clock]) -> None:
    ann = IrcWire(*chat, "ann")
    ann.ask(f"REGISTER * * :{PASSWORD}")
    (told,) = texts(ann.ask("PRIVMSG NickServ :IDENTIFY x"), ":NickServ!NickServ@irc.lan NOTICE ann :")
    assert told.endswith("You are logged in as ann.")


def test_other_services_are_explained_too(chat: tuple[Router, Clock]) -> None:
    (told,) = texts(IrcWire(*chat, "ann").ask("CS OP #ops"), ":ChanServ!ChanServ@irc.lan NOTICE ann :")
    assert "MODE" in told


def test_who_leaves_before_the_answer_is_no_fault(chat: tuple[Router, Clock]) -> None:
    with capturedLogs() as logged:
        ann = IrcWire(*chat, "ann")
        ann.ask("JOIN #ops")
        store_of(chat[0].chat).slow = True
        ann.ask("PRIVMSG SERVER :history #ops")
        ann.lose()
        store_of(chat[0].chat).answer()
    assert not [event for event in logged if "log_failure" in event]


def test_commands_that_the_core_recommends_are_written_as_irc_clients_give_them(chat: tuple[Router, Clock]) -> None:
    ann = IrcWire(*chat, "ann")
    (told,) = ann.ask("PART #nowhere")
    assert told.endswith("The room #nowhere is not available. Send /msg SERVER rooms to see those there are.")
    assert for_irc("Send /join #ops to enter it.") == "Send /join #ops to enter it."


@pytest.mark.parametrize("name", ["NickServ", "operserv", "IRC.LAN"])
def test_nobody_is_called_as_the_server_is_or_as_services_of_other_networks(chat: tuple[Router, Clock], name: str) -> None:
    """IRC users would believe what such a guest says, and give their passwords."""
    ann = IrcWire(*chat, "ann")
    assert numbers(ann.ask(f"NICK {name}")) == ["433"]
    with pytest.raises(NameTaken):
        User(chat[0], name)
