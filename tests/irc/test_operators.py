"""What operators may do: OPER, KILL."""

from __future__ import annotations

import pytest
from twisted.internet.task import Clock

from lanchat.core.presence import PAUSE
from lanchat.core.router import Router
from lanchat.model.session import Role
from tests.fakes import PASSWORD, User
from tests.irc.wire import IrcWire, make_chat, numbers
from tests.people import person

#: The password of accounts that `person` makes.
SECRET = "pw"  # noqa: S105 (a test's)


@pytest.fixture
def chat() -> tuple[Router, Clock]:
    """A chat with the operator boss, who is not here."""
    router, clock = make_chat()
    person(router, "boss", Role.OPERATOR).leave()
    return router, clock


def test_the_password_of_an_operators_account_gives_its_rights(chat: tuple[Router, Clock]) -> None:
    ann = IrcWire(*chat, "ann")
    assert ann.ask(f"OPER Boss {SECRET}") == [":irc.lan 381 ann :You are now an IRC operator", ":irc.lan MODE ann +o"]
    session = ann.connection.session
    assert session is not None
    assert (session.role, session.account) == (Role.OPERATOR, None)
    assert ann.ask("MODE ann -o") == [":ann!~ann@10.0.0.7 MODE ann -o"]
    assert session.role is Role.GUEST
    assert not vars(chat[0].chat.borrowed_rights)["_sessions"]  # (nothing is kept of who has gone)


def test_a_wrong_password_and_accounts_without_such_rights_are_refused(chat: tuple[Router, Clock]) -> None:
    User(chat[0], "carl").register().leave()
    ann = IrcWire(*chat, "ann")
    assert ann.ask("OPER boss wrong") == [":irc.lan 464 ann :Password incorrect"]
    assert ann.ask("OPER nobody wrong") == [":irc.lan 464 ann :Password incorrect"]
    assert numbers(ann.ask(f"OPER carl :{PASSWORD}", "OPER boss", "OPER boss wrong :word")) == ["491", "461", "464"]
    assert ann.connection.session is not None
    assert ann.connection.session.role is Role.GUEST


def test_the_password_is_not_taken_where_others_could_read_it(chat: tuple[Router, Clock]) -> None:
    ann = IrcWire(*chat, "ann")
    ann.connection.address = "10.6.6.6"
    assert ann.ask(f"OPER boss {SECRET}") == [":irc.lan 491 ann :Others can read this."]


def test_who_logs_in_to_an_operators_account_is_one_at_once(chat: tuple[Router, Clock]) -> None:
    told = IrcWire(*chat).ask(f"PASS boss:{SECRET}", "NICK boss", "USER x 0 * :X")
    assert ":irc.lan MODE boss +o" in told


def test_operators_disconnect_people_and_nobody_else_does(chat: tuple[Router, Clock]) -> None:
    ann, bob = IrcWire(*chat, "ann"), IrcWire(*chat, "bob")
    assert numbers(ann.ask("KILL bob :spam")) == ["481"]
    assert not bob.connection.closed
    ann.ask(f"OPER boss {SECRET}")
    assert numbers(ann.ask("KILL nobody", "KILL irc.lan")) == ["401", "483"]
    ann.ask("KILL bob :spam")
    (told,) = bob.lines()
    assert told.startswith("ERROR :")
    assert "spam" in told
    assert bob.connection.closed


def test_others_read_who_disconnected_somebody_and_why(chat: tuple[Router, Clock]) -> None:
    ann, bob, cat, dan = (IrcWire(*chat, nick) for nick in ("ann", "bob", "cat", "dan"))
    for wire in (ann, bob, cat, dan):
        wire.ask("JOIN #ops")
    ann.ask(f"OPER boss {SECRET}", "KILL bob :spam (again)", "KILL cat")
    assert dan.lines() == [
        ":bob!~bob@10.0.0.7 QUIT :Killed (boss (spam (again)))",
        ":cat!~cat@10.0.0.7 QUIT :Killed (boss)",
    ]


@pytest.mark.parametrize(
    "goodbye",
    ["kicked by boss (spam)", "Killed (boss (spam))", " \x02kicked by boss", "K\u0456lled (boss)", "BANNED"],
)
@pytest.mark.parametrize("in_lobby", [False, True])
def test_a_goodbye_can_not_be_taken_for_what_an_operator_did(chat: tuple[Router, Clock], goodbye: str, in_lobby: bool) -> None:
    ann = IrcWire(*chat, "ann")
    ann.ask("JOIN #ops")
    if in_lobby:
        chat[0].chat.rooms.open_lobby(chat[0].chat.rooms.named("#ops"))
    bob = IrcWire(*chat, "bob")
    bob.ask("JOIN #ops")
    chat[1].advance(PAUSE)
    ann.lines()
    bob.say(f"QUIT :{goodbye}")
    chat[1].advance(PAUSE)
    (told,) = ann.lines()
    assert told.startswith(":bob!~bob@10.0.0.7 QUIT :quit: ")


def test_who_becomes_an_operator_or_is_none_any_more_reads_a_mode(chat: tuple[Router, Clock]) -> None:
    cat, ann, boss = person(chat[0], "cat", Role.USER), IrcWire(*chat, "ann"), chat[0].chat.account_of("boss")
    cat.leave()
    own = IrcWire(*chat)
    own.ask(f"PASS cat:{SECRET}", "NICK cat", "USER x 0 * :X")
    ann.ask(f"OPER boss {SECRET}")
    rights, account = chat[0].chat.borrowed_rights, chat[0].chat.account_of("cat")
    boss.role = Role.GUEST
    rights.role_changed(boss)
    assert ann.lines() == [":irc.lan MODE ann -o", ":irc.lan NOTICE ann :You have the rights of boss no longer."]
    for role, told in ((Role.OPERATOR, ["+o"]), (Role.OPERATOR, []), (Role.MODERATOR, ["-o"]), (Role.USER, [])):
        account.role = role
        rights.role_changed(account)
        assert own.lines() == [f":irc.lan MODE cat {letters}" for letters in told]
