"""How a nick becomes an account: REGISTER."""

from __future__ import annotations

import pytest
from twisted.internet.defer import fail
from twisted.internet.task import Clock

from lanchat.core.router import Router
from lanchat.protocol.errors import ChatError, Forbidden, Full, RateLimited, Usage
from tests.fakes import PASSWORD, User
from tests.irc.wire import IrcWire, make_chat, numbers


@pytest.fixture
def chat() -> tuple[Router, Clock]:
    """A chat in which anyone makes rooms, and its clock."""
    return make_chat()


@pytest.mark.parametrize("name", ["*", "ann", "Ann"])
def test_a_nick_becomes_an_account(chat: tuple[Router, Clock], name: str) -> None:
    ann = IrcWire(*chat, "ann")
    told = ann.ask(f"REGISTER {name} * :{PASSWORD}")
    assert told[0].startswith(":irc.lan REGISTER SUCCESS ann :ann is your account now")
    assert told[1].startswith(":irc.lan 900 ann ann!~ann@10.0.0.7 ann :You are now logged in as ann")
    assert chat[0].chat.online.account("ann") is not None
    assert numbers(IrcWire(*chat).ask(f"PASS {PASSWORD}", "NICK ann", "USER x 0 * :X"))[:2] == ["900", "001"]


def test_rooms_of_the_guest_are_those_of_the_account(chat: tuple[Router, Clock]) -> None:
    ann = IrcWire(*chat, "ann")
    ann.ask("JOIN #ops", f"REGISTER * ann@example.org :{PASSWORD}")
    account = chat[0].chat.online.account("ann")
    assert account is not None
    assert [room.name for room in chat[0].chat.rooms.of_person(account)] == ["#ops"]


def test_who_has_an_account_makes_no_other(chat: tuple[Router, Clock]) -> None:
    ann = IrcWire(*chat, "ann")
    ann.ask(f"REGISTER * * :{PASSWORD}")
    assert ann.ask("REGISTER * * :another password")[0].startswith(":irc.lan FAIL REGISTER ALREADY_AUTHENTICATED ann :")
    assert ann.ask("VERIFY ann 1234")[0].startswith(":irc.lan FAIL VERIFY ALREADY_AUTHENTICATED ann :")


def test_an_account_has_the_name_of_the_nick(chat: tuple[Router, Clock]) -> None:
    told = IrcWire(*chat, "ann").ask("REGISTER bob * :correct horse", "REGISTER ann *")
    assert told[0] == ":irc.lan FAIL REGISTER ACCOUNT_NAME_MUST_BE_NICK bob :An account has the name of your nick"
    assert numbers(told[1:]) == ["461"]


def test_the_connection_comes_first(chat: tuple[Router, Clock]) -> None:
    told = IrcWire(*chat).ask("CAP LS 302", "NICK bar", "REGISTER * * :correct horse", "VERIFY bar 1")
    assert told[1].startswith(":irc.lan FAIL REGISTER COMPLETE_CONNECTION_REQUIRED * :")
    assert told[2].startswith(":irc.lan FAIL VERIFY COMPLETE_CONNECTION_REQUIRED bar :")


def test_no_account_has_to_be_verified(chat: tuple[Router, Clock]) -> None:
    told = IrcWire(*chat, "ann").ask("VERIFY ann 1234")
    assert told[0].startswith(":irc.lan FAIL VERIFY INVALID_CODE ann :")


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (Usage("A new password needs at least 8 characters."), "WEAK_PASSWORD"),
        (Forbidden("Others can read it."), "UNACCEPTABLE_PASSWORD"),
        (RateLimited("Too many are waiting."), "TEMPORARILY_UNAVAILABLE"),
        (Full("There are too many accounts."), "TEMPORARILY_UNAVAILABLE"),
    ],
)
def test_why_it_is_not_made_is_told_with_the_code_of_the_specification(
    chat: tuple[Router, Clock], error: ChatError, code: str
) -> None:
    chat[0].chat.identity.hash = lambda *_, **__: fail(error)  # type: ignore[method-assign]
    told = IrcWire(*chat, "ann").ask("REGISTER * * :correct horse")
    assert told == [f":irc.lan FAIL REGISTER {code} ann :{error}"]


def test_json_users_see_the_account_as_any_other(chat: tuple[Router, Clock]) -> None:
    IrcWire(*chat, "ann").ask(f"REGISTER * * :{PASSWORD}")
    bob = User(chat[0], "bob").hello("id")
    bob.send("/whois", "ann")
    assert "ann (user) is online" in bob.told().msg
