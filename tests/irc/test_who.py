"""WHO and WHOX: what is known of those in a channel, and of those with certain names."""

from __future__ import annotations

import pytest
from twisted.internet.task import Clock

from lanchat.core.router import Router
from lanchat.irc.client import LINES, IrcClient
from lanchat.irc_commands.who import Form, parse_form
from lanchat.model.room_rules import RoomRules
from lanchat.model.session import Role, Session
from tests.fakes import PASSWORD, User
from tests.irc.wire import IrcWire


@pytest.fixture
def ann(chat: tuple[Router, Clock]) -> IrcWire:
    """An IRC client that is alone in #ops."""
    wire = IrcWire(*chat, "ann")
    wire.ask("JOIN #ops")
    return wire


def rows(lines: list[str]) -> list[str]:
    """What lines say after the numeric and the client's nick; the last one is the end of the list."""
    assert " 315 " in lines[-1]
    return [line.split(" ", 3)[3] for line in lines[:-1]]


def modes(wire: IrcWire, letters: str) -> None:
    """Let a client have these user modes."""
    assert isinstance(wire.connection, IrcClient)
    wire.connection.umodes = letters


def session_of(wire: IrcWire) -> Session:
    """The session of a client."""
    assert wire.connection.session is not None
    return wire.connection.session


def log_in_irc(chat: tuple[Router, Clock], user: User) -> IrcWire:
    """An IRC client of somebody's account."""
    name, wire = user.session.name.shown, IrcWire(*chat)
    wire.ask(f"PASS {name}:{PASSWORD}", f"NICK {name}", f"USER {name} 0 * :Real {name}")
    return wire


def test_a_channel_is_shown_with_ranks_and_who_is_away(chat: tuple[Router, Clock], ann: IrcWire) -> None:
    bob = IrcWire(*chat, "bob")
    bob.ask("JOIN #OPS", "AWAY :at lunch")
    ann.lines()
    assert rows(ann.ask("WHO #ops")) == [
        "#ops ~ann 10.0.0.7 irc.lan ann H@ :0 Real ann",
        "#ops ~bob 10.0.0.7 irc.lan bob G :0 Real bob",
    ]


def test_the_end_repeats_the_mask_as_it_was_written(ann: IrcWire) -> None:
    assert ann.ask("WHO #OPS")[-1] == ":irc.lan 315 ann #OPS :End of WHO list"
    assert ann.ask("WHO :no body") == [":irc.lan 315 ann no_body :End of WHO list"]
    assert ann.ask("WHO #nowhere") == [":irc.lan 315 ann #nowhere :End of WHO list"]


def test_a_nick_and_masks_of_nicks_and_hosts_find_people(chat: tuple[Router, Clock], ann: IrcWire) -> None:
    User(chat[0], "Hannah", "10.1.0.5")
    hannah = "* ~u 10.1.0.5 irc.lan Hannah H :0 Hannah"
    for mask in ("hannah", "hann*", "?ANNAH", "10.1.*"):
        assert rows(ann.ask(f"WHO {mask}")) == [hannah]
    for mask in ("", "WHO *", "WHO 0", "WHO :"):
        assert len(rows(ann.ask(mask or "WHO"))) == 2
    assert rows(ann.ask("WHO " + "*a" * 200)) == []


def test_members_who_are_not_online_are_in_the_channel_as_gone(chat: tuple[Router, Clock], ann: IrcWire) -> None:
    eve = User(chat[0], "eve").register()
    eve.send("/join", "#ops")
    eve.leave()
    ann.lines()
    assert rows(ann.ask("WHO #ops"))[1] == "#ops ~u offline irc.lan eve G :0 eve"
    assert rows(ann.ask("WHO eve")) == ["* ~u offline irc.lan eve G :0 eve"]
    assert rows(ann.ask("WHO ev*")) == []


def test_the_invisible_are_hidden_from_strangers_and_masks_only(chat: tuple[Router, Clock], ann: IrcWire) -> None:
    bob = IrcWire(*chat, "bob")
    modes(ann, "i")
    assert [rows(bob.ask(f"WHO {mask}")) for mask in ("an*", "#ops")] == [[], []]
    assert len(rows(bob.ask("WHO ann"))) == 1
    assert len(rows(ann.ask("WHO an*"))) == 1
    bob.ask("JOIN #ops")
    assert len(rows(bob.ask("WHO an*"))) == 1
    bob.ask("PART #ops")
    assert rows(bob.ask("WHO an*")) == []
    session_of(bob).role = Role.MODERATOR
    assert len(rows(bob.ask("WHO an*"))) == 1


def test_who_is_in_a_secret_channel_is_told_only_to_those_in_it(chat: tuple[Router, Clock], ann: IrcWire) -> None:
    bob = IrcWire(*chat, "bob")
    assert len(rows(bob.ask("WHO #ops"))) == 1
    chat[0].chat.rooms.named("#ops").rules = RoomRules(secret=True)
    assert rows(bob.ask("WHO #ops")) == []
    eve = User(chat[0], "eve").register()
    chat[0].chat.rooms.named("#ops").invited.add(chat[0].chat.account_of("eve").id)
    assert rows(log_in_irc(chat, eve).ask("WHO #ops")) == []
    assert rows(bob.ask("WHO an*")) == ["* ~ann 10.0.0.7 irc.lan ann H :0 Real ann"]
    assert len(rows(ann.ask("WHO #ops"))) == 1


def test_operators_and_bots_have_flags_and_only_operators_can_be_asked_for(chat: tuple[Router, Clock], ann: IrcWire) -> None:
    bob = IrcWire(*chat, "bob")
    modes(bob, "B")
    session_of(ann).role = Role.OPERATOR
    assert [row.split(" ")[5] for row in rows(bob.ask("WHO *"))] == ["H*", "HB"]
    assert [row.split(" ")[4] for row in rows(bob.ask("WHO * o"))] == ["ann"]


def test_clients_that_read_several_ranks_are_shown_all(chat: tuple[Router, Clock], ann: IrcWire) -> None:
    bob = IrcWire(*chat, "bob", "multi-prefix")
    assert rows(bob.ask("WHO #ops %nf")) == ["ann H@+"]
    assert ":irc.lan 319 bob ann :@+#ops" in bob.ask("WHOIS ann")
    assert rows(ann.ask("WHO #ops %nf")) == ["ann H@"]


@pytest.mark.parametrize(
    ("asked", "answered"),
    [
        ("%tcuhnfdar,743", "743 #ops ~ann 10.0.0.7 ann H@ 0 0 :Real ann"),
        ("%cuhsnfdar", "#ops ~ann 10.0.0.7 irc.lan ann H@ 0 0 :Real ann"),
        ("%tuhnairf,1", "1 ~ann 10.0.0.7 10.0.0.7 ann H@ 0 :Real ann"),
        ("n%afhinrstu,735", "735 ~ann 10.0.0.7 10.0.0.7 irc.lan ann H@ 0 :Real ann"),
        ("%lo", "0 n/a"),
    ],
)
def test_whox_answers_the_fields_in_their_order_and_repeats_the_token(ann: IrcWire, asked: str, answered: str) -> None:
    assert ann.ask(f"WHO #ops {asked}")[0] == f":irc.lan 354 ann {answered}"


def test_whox_knows_accounts(chat: tuple[Router, Clock], ann: IrcWire) -> None:
    User(chat[0], "eve").register()
    assert rows(ann.ask("WHO eve %na")) == ["eve eve"]


def test_a_token_that_is_none_and_unknown_fields_are_left_out() -> None:
    assert parse_form("o%nxt,12345") == Form("tn", "0", only_operators=True)
    assert parse_form("%") == Form()


def test_who_is_charged_for_whom_it_looks_at(chat: tuple[Router, Clock], ann: IrcWire) -> None:
    for number in range(300):
        User(chat[0], f"u{number}")
    packets, now = session_of(ann).packets, chat[1].seconds()
    packets.take(packets.available(100_000, now) - 5, now)
    told = ann.ask("WHO u1", "WHO *z", "WHO *z")
    assert [line.split(" ")[1] for line in told] == ["352", "315", "315", "263"]


def test_a_long_answer_with_a_label_comes_in_one_batch_and_waits_for_the_reader(chat: tuple[Router, Clock]) -> None:
    ann = IrcWire(*chat, "ann", "labeled-response batch")
    for number in range(LINES * 3):
        User(chat[0], f"u{number}")
    chat[0].chat.limits.set("outbox", 8000)
    ann.connection.outbox.pauseProducing()
    ann.say("@label=x WHO u*")
    assert ann.connection.outbox.waiting < LINES * 200
    ann.connection.outbox.resumeProducing()
    lines = ann.lines()
    assert " BATCH +" in lines[0]
    assert lines[0].startswith("@label=x ")
    batch = lines[0].split(" ")[3][1:]
    assert all(line.startswith(f"@batch={batch} ") for line in lines[1:-1])
    assert lines[-1] == f":irc.lan BATCH -{batch}"
    assert len(lines) == LINES * 3 + 3
