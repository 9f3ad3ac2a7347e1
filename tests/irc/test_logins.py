"""How clients log in to an account while they connect: with SASL, PASS, or a certificate."""

from __future__ import annotations

from base64 import b64encode

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from lanchat.core.router import Router
from lanchat.irc.connection import IrcProtocol
from lanchat.irc_commands.logins import CHUNK, MAX_ANSWER
from lanchat.model.session import Account, Role
from tests.fakes import PASSWORD, User, log_in
from tests.irc.wire import IrcWire, make_chat, numbers
from tests.people import person


@pytest.fixture
def chat() -> tuple[Router, Clock]:
    """A chat in which ann has an account."""
    router, clock = make_chat()
    User(router, "ann").register().leave()
    return router, clock


def plain(name: str, password: str = PASSWORD, authzid: str = "") -> str:
    """The line that answers `AUTHENTICATE PLAIN`."""
    return "AUTHENTICATE " + b64encode(f"{authzid}\0{name}\0{password}".encode()).decode()


def begin(chat: tuple[Router, Clock], *lines: str) -> IrcWire:
    """A client that has asked for SASL, and sent these lines."""
    wire = IrcWire(*chat)
    wire.ask("CAP LS 302", "CAP REQ sasl", *lines)
    return wire


class Certified(IrcProtocol):
    """A connection of a client that had to show a certificate, which has this name."""

    certified_name = "ann"


def test_the_password_can_be_proven_before_there_is_a_nick(chat: tuple[Router, Clock]) -> None:
    """As irssi does it."""
    wire = begin(chat)
    assert wire.ask("AUTHENTICATE PLAIN") == [":irc.lan AUTHENTICATE +"]
    assert wire.ask(plain("ann")) == [
        ":irc.lan 900 * *!*@10.0.0.7 ann :You are now logged in as ann",
        ":irc.lan 903 * :SASL authentication successful",
    ]
    assert wire.ask("CAP END") == []
    assert numbers(wire.ask("NICK ann", "USER ann ann 127.0.0.1 :Ann"))[0] == "001"
    assert chat[0].chat.online.find("ann") is wire.connection.session


def test_everything_may_come_in_one_packet(chat: tuple[Router, Clock]) -> None:
    """As Goguma sends it; CAP END waits for the password to be checked."""
    router, clock = chat
    checked: Deferred[Account] = Deferred()
    router.chat.identity.by_password = lambda *_: checked  # type: ignore[method-assign]
    wire = IrcWire(router, clock)
    told = wire.ask(
        "CAP LS 302",
        "NICK phone",
        "USER ann 0 * Ann",
        "CAP REQ sasl",
        "CAP REQ nothing",
        "AUTHENTICATE PLAIN",
        plain("ann"),
        "CAP END",
    )
    assert numbers(told) == ["CAP", "CAP", "CAP", "AUTHENTICATE"]
    account = router.chat.online.account("ann")
    assert account is not None
    checked.callback(account)
    assert numbers(wire.lines())[:3] == ["900", "903", "001"]


def test_who_logs_in_has_the_name_of_the_account(chat: tuple[Router, Clock]) -> None:
    wire = begin(chat, "NICK someone|else", "USER x 0 * :X", "AUTHENTICATE PLAIN", plain("Ann", authzid="ann"))
    told = wire.ask("CAP END")
    assert told[0].startswith(":irc.lan 001 ann :Welcome to irc.lan, ann!~x@10.0.0.7")


def test_a_second_device_has_the_same_nick(chat: tuple[Router, Clock]) -> None:
    log_in(chat[0], "ann")
    wire = begin(chat, "NICK ann", "USER x 0 * :X", "AUTHENTICATE PLAIN", plain("ann"))
    assert numbers(wire.ask("CAP END"))[0] == "001"


@pytest.mark.parametrize(
    "answer",
    [
        "AUTHENTICATE !!!",
        "AUTHENTICATE +",
        "AUTHENTICATE " + b64encode(b"\xff\0ann\0x").decode(),
        plain("ann", "wrong"),
        plain("ann", ""),
        plain("", PASSWORD),
        plain("nobody"),
        plain("ann", authzid="bob"),
        plain("ann", f"{PASSWORD}\0"),
    ],
)
def test_wrong_answers_are_refused_and_another_try_is_possible(chat: tuple[Router, Clock], answer: str) -> None:
    wire = begin(chat, "AUTHENTICATE PLAIN")
    assert numbers(wire.ask(answer)) == ["904"]
    assert numbers(wire.ask("AUTHENTICATE plain", plain("ann"))) == ["AUTHENTICATE", "900", "903"]


def test_the_third_failure_closes_the_connection(chat: tuple[Router, Clock]) -> None:
    wire = begin(chat)
    for _ in range(2):
        assert numbers(wire.ask("AUTHENTICATE PLAIN", plain("ann", "wrong"))) == ["AUTHENTICATE", "904"]
    assert numbers(wire.ask("AUTHENTICATE PLAIN", plain("ann", "wrong")))[:3] == ["AUTHENTICATE", "904", "ERROR"]
    assert wire.connection.closed


def test_long_answers_come_in_parts_up_to_a_limit(chat: tuple[Router, Clock]) -> None:
    wire = begin(chat, "AUTHENTICATE PLAIN")
    assert numbers(wire.ask("AUTHENTICATE " + "a" * (CHUNK + 1))) == ["905"]
    whole = b64encode(f"{'a' * 300}\0ann\0".encode().ljust(300)).decode()[:CHUNK]
    assert len(whole) == CHUNK
    assert wire.ask("AUTHENTICATE PLAIN", f"AUTHENTICATE {whole}")[1:] == []
    assert numbers(wire.ask("AUTHENTICATE +")) == ["904"]
    wire.ask("AUTHENTICATE PLAIN")
    parts = [f"AUTHENTICATE {'a' * CHUNK}"] * (MAX_ANSWER // CHUNK)
    assert wire.ask(*parts) == []
    assert numbers(wire.ask(parts[0])) == ["904"]


def test_a_login_can_be_given_up(chat: tuple[Router, Clock]) -> None:
    wire = begin(chat, "AUTHENTICATE PLAIN")
    assert numbers(wire.ask("AUTHENTICATE *")) == ["906"]
    wire.ask("AUTHENTICATE PLAIN")
    assert numbers(wire.ask("NICK bob", "USER bob 0 * :Bob", "CAP END"))[:2] == ["906", "001"]


def test_other_mechanisms_are_not_known(chat: tuple[Router, Clock]) -> None:
    told = begin(chat).ask("AUTHENTICATE SCRAM-SHA-256")
    assert told == [":irc.lan 908 * PLAIN :are available SASL mechanisms", ":irc.lan 904 * :SASL authentication failed"]


def test_one_logs_in_once_and_only_while_connecting(chat: tuple[Router, Clock]) -> None:
    wire = begin(chat, "AUTHENTICATE PLAIN", plain("ann"))
    assert numbers(wire.ask("AUTHENTICATE PLAIN")) == ["907"]
    wire.ask("NICK ann", "USER x 0 * :X", "CAP END")
    assert numbers(wire.ask("AUTHENTICATE PLAIN")) == ["462"]


def test_no_password_is_asked_for_where_others_could_read_it(chat: tuple[Router, Clock]) -> None:
    router, clock = chat
    wire = IrcWire(router, clock)
    wire.connection.address = "10.6.6.6"
    told = wire.ask("CAP LS 302", "CAP REQ sasl", "AUTHENTICATE PLAIN")
    assert "sasl" not in told[0]
    assert "account-registration" not in told[0]
    assert numbers(told)[1:] == ["CAP", "908", "904"]
    assert " NAK " in told[1]
    told = wire.ask(f"PASS ann:{PASSWORD}", "NICK ann", "USER x 0 * :X", "CAP END")
    assert numbers(told) == ["464", "ERROR"]


@pytest.mark.parametrize("line", [f"PASS ann:{PASSWORD}", f"PASS :ann:{PASSWORD}", f"PASS {PASSWORD}", f"PASS :{PASSWORD}"])
def test_the_password_may_come_with_pass(chat: tuple[Router, Clock], line: str) -> None:
    """With a space in it, which irssi sends without a colon; with the name of the account, or with its nick."""
    told = IrcWire(*chat).ask(line, "NICK ann", "USER x 0 * :X")
    assert told[0] == ":irc.lan 900 * ann!~x@10.0.0.7 ann :You are now logged in as ann"
    assert told[1].startswith(":irc.lan 001 ann ")


def test_a_wrong_password_closes_the_connection(chat: tuple[Router, Clock]) -> None:
    wire = IrcWire(*chat)
    assert numbers(wire.ask("PASS ann:wrong", "NICK bob", "USER x 0 * :X")) == ["464", "ERROR"]
    assert wire.connection.closed


def test_guests_may_send_any_password(chat: tuple[Router, Clock]) -> None:
    for name, password in (("bob", "secret"), ("carl", "znc:secret")):
        assert numbers(IrcWire(*chat).ask(f"PASS {password}", f"NICK {name}", "USER x 0 * :X"))[0] == "001"


def test_a_nick_of_an_account_is_refused_only_when_no_login_can_follow(chat: tuple[Router, Clock]) -> None:
    """Several clients take another nick, or give up, at the first 433."""
    wire = IrcWire(*chat)
    assert numbers(wire.ask("CAP LS 302", "NICK ann", "USER x 0 * :X")) == ["CAP"]
    told = wire.ask("CAP END")
    assert numbers(told) == ["464", "433"]
    assert "Log in with SASL or PASS" in told[0]
    assert numbers(wire.ask("NICK bob"))[0] == "001"


def test_who_is_banned_is_told_and_closed(chat: tuple[Router, Clock]) -> None:
    router, _ = chat
    person(router, "boss", Role.OPERATOR).send("/ban", "10.0.0.7 1h spam")
    for lines in (["NICK bob", "USER x 0 * :X"], ["CAP REQ sasl", "AUTHENTICATE PLAIN", plain("ann")]):
        wire = IrcWire(*chat)
        told = wire.ask(*lines)
        assert numbers(told)[-2:] == ["465", "ERROR"]
        assert "spam" in told[-1]
        assert wire.connection.closed
    assert not list(router.chat.pending_logins)


def test_who_has_logged_in_and_does_not_go_on_is_closed(chat: tuple[Router, Clock]) -> None:
    wire = begin(chat, "AUTHENTICATE PLAIN", plain("ann"))
    wire.wait(31)
    assert numbers(wire.lines()) == ["ERROR"]
    assert wire.connection.closed


def test_a_password_that_is_changed_meanwhile_ends_the_login(chat: tuple[Router, Clock]) -> None:
    wire = begin(chat, "AUTHENTICATE PLAIN", plain("ann"), "NICK ann", "USER x 0 * :X")
    log_in(chat[0], "ann").send("/password", password=PASSWORD, text="another one")
    assert numbers(wire.lines()) == ["ERROR"]
    assert wire.connection.closed


def test_a_check_that_nobody_waits_for_any_more_is_cancelled(chat: tuple[Router, Clock]) -> None:
    router, _ = chat
    cancelled: list[object] = []
    router.chat.identity.by_password = lambda *_: Deferred(cancelled.append)  # type: ignore[method-assign]
    wire = begin(chat, "AUTHENTICATE PLAIN", plain("ann"))
    wire.lose()
    assert cancelled


def test_only_accounts_may_enter_if_the_operator_says_so(chat: tuple[Router, Clock]) -> None:
    chat[0].chat.accounts_only = True
    told = IrcWire(*chat).ask("NICK bob", "USER x 0 * :X")
    assert numbers(told) == ["FAIL", "ERROR"]
    assert told[0].startswith(":irc.lan FAIL * ACCOUNT_REQUIRED :")
    assert numbers(IrcWire(*chat).ask(f"PASS ann:{PASSWORD}", "NICK bob", "USER x 0 * :X"))[:2] == ["900", "001"]


def test_a_certificate_is_a_way_to_log_in(chat: tuple[Router, Clock]) -> None:
    wire = IrcWire(*chat, protocol=Certified)
    told = wire.ask("CAP LS 302", "CAP REQ sasl", "AUTHENTICATE EXTERNAL")
    assert "sasl=EXTERNAL,PLAIN" in told[0]
    assert numbers(wire.ask("AUTHENTICATE " + b64encode(b"bob").decode())) == ["904"]
    assert numbers(wire.ask("AUTHENTICATE EXTERNAL", "AUTHENTICATE +")) == ["AUTHENTICATE", "900", "903"]
    assert numbers(wire.ask("NICK whatever", "USER x 0 * :X", "CAP END"))[0] == "001"
    assert wire.connection.session is not None
    assert wire.connection.session.account is chat[0].chat.online.account("ann")


def test_a_certificate_gives_its_name_to_a_guest_too(chat: tuple[Router, Clock]) -> None:
    class Bob(IrcProtocol):
        certified_name = "bob"

    wire = IrcWire(*chat, protocol=Bob)
    assert "sasl=PLAIN " in wire.ask("CAP LS 302")[0]
    assert wire.ask("NICK eve", "USER x 0 * :X", "CAP END")[0].startswith(":irc.lan 001 bob ")


def test_whose_certificate_is_for_an_account_can_be_nobody_else(chat: tuple[Router, Clock]) -> None:
    wire = IrcWire(*chat, protocol=Certified)
    assert numbers(wire.ask("NICK eve", "USER x 0 * :X")) == ["FAIL", "ERROR"]
    assert wire.connection.closed
