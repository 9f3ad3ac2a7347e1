"""Which capabilities clients are offered, and what they are granted."""

from __future__ import annotations

import pytest
from twisted.internet.task import Clock

from lanchat.core.router import Router
from lanchat.irc.caps import CAPS
from lanchat.irc.connection import IrcProtocol
from lanchat.irc.message import MAX_LINE
from lanchat.irc.server import Settings
from tests.fakes import make_router
from tests.irc.wire import IrcWire, make_chat, numbers, server_of


@pytest.fixture
def chat() -> tuple[Router, Clock]:
    """A chat in which anyone makes rooms, and its clock."""
    return make_chat()


class Encrypted(IrcProtocol):
    """A connection over TLS."""

    gateway = "ircs"

    def encryption(self) -> str:
        """The version."""
        return "TLSv1.3"


def offered(lines: list[str]) -> dict[str, str]:
    """The capabilities in the answer to CAP LS, with their values."""
    words = " ".join(line.split(" :", 1)[1] for line in lines if " LS " in line).split()
    return {name: value for name, _, value in (word.partition("=") for word in words)}


def test_all_are_offered_in_lines_that_are_short_enough(chat: tuple[Router, Clock]) -> None:
    told = IrcWire(*chat).ask("CAP LS 302")
    values = {"sasl": "PLAIN", "draft/multiline": "max-bytes=16384,max-lines=64"}
    assert offered(told) == dict.fromkeys(CAPS, "") | values
    assert all(len(line.encode()) <= MAX_LINE for line in told)
    assert all(line.startswith(":irc.lan CAP * LS * :") for line in told[:-1])
    assert told[-1].startswith(":irc.lan CAP * LS :")


def test_old_clients_read_one_line_without_values(chat: tuple[Router, Clock]) -> None:
    for version in ("", " 301", " x", " 9" * 3):
        (line,) = IrcWire(*chat).ask(f"CAP LS{version}")
        assert line.startswith(":irc.lan CAP * LS :")
        assert "=" not in line
        assert len(line.encode()) <= MAX_LINE


def test_what_was_granted_is_listed_and_can_be_given_back(chat: tuple[Router, Clock]) -> None:
    wire = IrcWire(*chat)
    assert wire.ask("CAP LIST") == [":irc.lan CAP * LIST :"]
    told = wire.ask(
        "CAP LS 302", "CAP REQ :batch server-time", "CAP LIST", "CAP REQ :-batch", "CAP REQ -cap-notify", "CAP LIST"
    )
    assert told[-5:] == [
        ":irc.lan CAP * ACK :batch server-time",
        ":irc.lan CAP * LIST :batch cap-notify server-time",
        ":irc.lan CAP * ACK :-batch",
        ":irc.lan CAP * NAK :-cap-notify",
        ":irc.lan CAP * LIST :cap-notify server-time",
    ]


def test_nothing_is_granted_of_a_request_with_something_unknown(chat: tuple[Router, Clock]) -> None:
    wire = IrcWire(*chat)
    told = wire.ask("CAP REQ :foo batch", "CAP REQ :", "CAP LIST", f"CAP REQ :{'x' * 480}")
    assert told[:3] == [":irc.lan CAP * NAK :foo batch", ":irc.lan CAP * ACK :", ":irc.lan CAP * LIST :"]
    assert told[3].startswith(":irc.lan CAP * NAK :xxx")
    assert len(told[3].encode()) <= MAX_LINE


def test_an_answer_that_would_be_too_long_takes_two_lines(chat: tuple[Router, Clock]) -> None:
    told = IrcWire(*chat).ask(f"CAP REQ :{'batch ' * 82}")
    assert [line.startswith(":irc.lan CAP * ACK :batch") for line in told] == [True, True]
    assert all(len(line.encode()) <= MAX_LINE for line in told)


def test_other_subcommands_are_unknown(chat: tuple[Router, Clock]) -> None:
    wire = IrcWire(*chat)
    assert wire.ask("CAP NOTACOMMAND", "CAP ::", "CAP") == [
        ":irc.lan 410 * NOTACOMMAND :Invalid CAP command",
        ":irc.lan 410 * * :Invalid CAP command",
        ":irc.lan 461 * CAP :Not enough parameters",
    ]


def test_they_may_be_negotiated_again_later(chat: tuple[Router, Clock]) -> None:
    ann = IrcWire(*chat, "ann")
    told = ann.ask("CAP LS 302", "CAP REQ server-time", "CAP END", "PING x")
    assert told[-2:] == [":irc.lan CAP ann ACK :server-time", ":irc.lan PONG irc.lan x"]
    assert offered(told[:-2]).keys() >= CAPS.keys()


def test_the_end_of_the_negotiation_waits_for_nick_and_user(chat: tuple[Router, Clock]) -> None:
    wire = IrcWire(*chat)
    assert numbers(wire.ask("CAP REQ batch", "CAP END", "NICK ann")) == ["CAP"]
    assert numbers(wire.ask("USER x 0 * :X"))[0] == "001"


def test_a_server_that_keeps_nothing_offers_no_history() -> None:
    router, clock = make_router(stores_messages=False)
    found = offered(IrcWire(router, clock).ask("CAP LS 302"))
    assert not found.keys() & {"draft/chathistory", "draft/read-marker", "draft/message-redaction", "soju.im/search"}


def test_clients_without_tls_are_sent_there_and_stay_there(chat: tuple[Router, Clock]) -> None:
    router, clock = chat
    server_of(router.chat, Settings(sts_port=lambda: 6697))
    wire = IrcWire(router, clock)
    told = wire.ask("CAP LS 302", "CAP REQ sts")
    assert offered(told)["sts"] == "port=6697"
    assert told[-1] == ":irc.lan CAP * NAK :sts"
    assert offered(IrcWire(router, clock, protocol=Encrypted).ask("CAP LS 302"))["sts"] == "duration=2592000"
    local = IrcWire(router, clock)
    local.connection.address = "127.0.0.1"
    assert "sts" not in offered(local.ask("CAP LS 302"))


def test_nobody_is_sent_to_tls_without_a_port_for_that(chat: tuple[Router, Clock]) -> None:
    for protocol in (IrcProtocol, Encrypted):
        assert "sts" not in offered(IrcWire(*chat, protocol=protocol).ask("CAP LS 302"))
