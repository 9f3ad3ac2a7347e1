"""What the server says of itself: LUSERS, VERSION, TIME, STATS and the like, HELP, PING and QUIT."""

from __future__ import annotations

import pytest
from twisted.internet.task import Clock

from lanchat import __version__
from lanchat.core.router import Router
from lanchat.irc.client import IrcClient
from lanchat.irc.people_changes import MAX_COUNTED
from lanchat.irc_commands import COMMANDS
from lanchat.model.session import Role
from tests.fakes import User, log_in, store_of
from tests.irc.wire import IrcWire


@pytest.fixture
def ann(chat: tuple[Router, Clock]) -> IrcWire:
    return IrcWire(*chat, "ann")


def rest(lines: list[str]) -> list[str]:
    """What lines say, with their numerics, without the server and the nick of the client."""
    return [" ".join(line.split(" ")[1:2] + line.split(" ")[3:]) for line in lines]


def test_lusers_counts_people_once_and_remembers_the_most(chat: tuple[Router, Clock], ann: IrcWire) -> None:
    eve = User(chat[0], "eve").register()
    second, bob, unknown = log_in(chat[0], "eve"), IrcWire(*chat, "bob"), IrcWire(*chat)
    second.session.role = Role.OPERATOR
    ann.ask("JOIN #ops")
    assert isinstance(bob.connection, IrcClient)
    bob.connection.umodes = "i"
    assert rest(ann.ask("LUSERS")) == [
        "251 :There are 2 users and 1 invisible on 1 servers",
        "252 1 :IRC Operators online",
        "253 1 :unknown connection(s)",
        "254 1 :channels formed",
        "255 :I have 3 clients and 0 servers",
        "265 3 3 :Current local users 3, max 3",
        "266 3 3 :Current global users 3, max 3",
    ]
    for user in (eve, second):
        user.leave()
    unknown.ask("QUIT")
    bob.lose()
    told = rest(ann.ask("LUSERS"))
    assert told[0] == "251 :There are 1 users and 0 invisible on 1 servers"
    assert told[2] == "253 0 :unknown connection(s)"
    assert told[5] == "265 1 3 :Current local users 1, max 3"


def test_with_many_online_they_are_counted_once_a_second(chat: tuple[Router, Clock], ann: IrcWire) -> None:
    for number in range(MAX_COUNTED):
        User(chat[0], f"u{number}")
    boss = User(chat[0], "boss").session
    assert rest(ann.ask("LUSERS"))[1].startswith("252 0 ")
    boss.role = Role.OPERATOR
    assert rest(ann.ask("LUSERS"))[1].startswith("252 0 ")
    chat[1].advance(1)
    assert rest(ann.ask("LUSERS"))[1].startswith("252 1 ")


def test_what_the_server_is(ann: IrcWire) -> None:
    told = rest(ann.ask("VERSION"))
    assert told[0] == f"351 lanchat-{__version__} irc.lan :a private chat server"
    assert {line.split(" ")[0] for line in told[1:]} == {"005"}
    assert rest(ann.ask("TIME")) == ["391 irc.lan 2026-11-20T14:03:22.500Z"]
    assert [line.split(" ")[0] for line in rest(ann.ask("INFO"))] == ["371", "371", "374"]
    assert rest(ann.ask("LINKS")) == ["365 * :End of LINKS list"]
    assert rest(ann.ask("MOTD")) == ["422 :There is no message of the day"]


def test_admin_names_the_operators_who_are_online(chat: tuple[Router, Clock], ann: IrcWire) -> None:
    assert rest(ann.ask("ADMIN"))[2] == "258 :Operators who are online: nobody"
    User(chat[0], "boss").session.role = Role.OPERATOR
    assert rest(ann.ask("ADMIN"))[2] == "258 :Operators who are online: boss"


def test_stats_tells_for_how_long_the_server_has_run(chat: tuple[Router, Clock], ann: IrcWire) -> None:
    chat[1].advance(2 * 86400 + 3 * 3600 + 4 * 60 + 5)
    ann = IrcWire(*chat, "amy")
    assert rest(ann.ask("STATS u")) == ["242 :Server Up 2 days 3:04:05", "219 u :End of /STATS report"]
    assert rest(ann.ask("STATS")) == ["219 * :End of /STATS report"]


def test_help_lists_all_commands_and_explains_each(ann: IrcWire) -> None:
    first, *rows, end = rest(ann.ask("HELP"))
    assert first.startswith("704 index :")
    assert end == "706 index :End of /HELP"
    listed = {word for row in rows for word in row.replace(":", "").split()}
    assert listed >= COMMANDS.keys()
    for name in COMMANDS:
        told = rest(ann.ask(f"HELP {name.lower()}"))
        assert told[0] == f"704 {name.lower()} {name}"
        assert told[1].startswith(f"705 {name.lower()} :Usage: {name}")
        assert told[-1] == f"706 {name.lower()} :End of /HELP"
    assert rest(ann.ask("HELPOP quit")) == rest(ann.ask("HELP quit"))


def test_there_is_no_help_for_what_is_no_command(ann: IrcWire) -> None:
    assert rest(ann.ask("HELP frobnicate")) == ["524 frobnicate :There is no such command. HELP lists all."]


def test_pong_comes_after_all_that_was_said_before_is_stored(chat: tuple[Router, Clock], ann: IrcWire) -> None:
    assert rest(ann.ask("PING :a b")) == ["PONG :a b"]
    ann.ask("JOIN #ops")
    store_of(chat[0].chat).held = True
    assert ann.ask("PRIVMSG #ops :hello", "PING x") == []
    store_of(chat[0].chat).release()
    assert rest(ann.lines()) == ["PONG x"]


def test_a_pong_comes_after_all_that_happened_before_the_ping(chat: tuple[Router, Clock], ann: IrcWire) -> None:
    bob = IrcWire(*chat, "bob")
    ann.ask("JOIN #ops")
    bob.ask("JOIN #ops")
    ann.lines()
    store_of(chat[0].chat).held = True
    bob.say("QUIT :so long")
    assert ann.ask("PING 1") == []
    store_of(chat[0].chat).release()
    assert ann.lines() == [":bob!~bob@10.0.0.7 QUIT :so long", ":irc.lan PONG irc.lan 1"]


def test_the_message_of_the_day_is_the_topic_of_the_lobby(chat: tuple[Router, Clock], ann: IrcWire) -> None:
    rooms = chat[0].chat.rooms
    ann.ask("JOIN #ops")
    rooms.named("#ops").topic = "Backups at noon. " * 30
    rooms.open_lobby(rooms.named("#ops"))
    first, *pieces, last = rest(ann.ask("MOTD"))
    assert (first, last) == ("375 :- irc.lan Message of the day -", "376 :End of /MOTD command.")
    assert all(piece.startswith("372 :- ") for piece in pieces)
    assert "".join(piece.removeprefix("372 :- ") for piece in pieces).startswith("Backups at noon. Backups at noon. ")
    wire = IrcWire(*chat)
    assert " 376 bob " in "".join(wire.ask("NICK bob", "USER bob 0 * :Bob"))
