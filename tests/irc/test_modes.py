"""MODE: rules, ranks and bans of channels in letters, and the modes of users."""

from __future__ import annotations

import pytest
from twisted.internet.task import Clock

from lanchat.core.router import Router
from lanchat.irc.bans import mask_of, target_of
from lanchat.irc.command import Numeric
from lanchat.model.session import Role
from tests.fakes import User
from tests.irc.wire import IrcWire
from tests.people import person

ANN = ":ann!~ann@10.0.0.7"


@pytest.fixture
def ann(chat: tuple[Router, Clock]) -> IrcWire:
    """A guest who has made #ops."""
    wire = IrcWire(*chat, "ann")
    wire.ask("JOIN #ops")
    return wire


@pytest.fixture
def bob(chat: tuple[Router, Clock], ann: IrcWire) -> IrcWire:
    """A guest in #ops."""
    wire = IrcWire(*chat, "bob")
    wire.ask("JOIN #ops")
    ann.lines()
    return wire


def numbers(lines: list[str]) -> list[str]:
    return [line.split(" ")[1] for line in lines]


# Rules.


def test_the_modes_of_a_channel_and_when_it_was_made(ann: IrcWire, bob: IrcWire, chat: tuple[Router, Clock]) -> None:
    created = round(chat[0].chat.rooms.named("#ops").created)
    assert ann.ask("MODE #ops") == [":irc.lan 324 ann #ops +nt", f":irc.lan 329 ann #ops {created}"]
    ann.ask("MODE #ops +imklR-t secret 20")
    assert ann.ask("MODE #ops")[0] == ":irc.lan 324 ann #ops +Riklmn secret 20"
    assert bob.lines() == [f"{ANN} MODE #ops +imklR-t * 20"]
    assert bob.ask("MODE #ops")[0] == ":irc.lan 324 bob #ops +Riklmn * 20"


def test_who_sets_a_key_reads_it_and_others_do_not(ann: IrcWire, bob: IrcWire) -> None:
    assert ann.ask("MODE #ops +k secret", "MODE #ops -k secret") == [f"{ANN} MODE #ops +k secret", f"{ANN} MODE #ops -k *"]
    assert bob.lines() == [f"{ANN} MODE #ops +k *", f"{ANN} MODE #ops -k *"]


def test_rules_that_are_set_together_are_told_in_one_line(ann: IrcWire, bob: IrcWire) -> None:
    assert ann.ask("MODE #ops +imsl 5") == [f"{ANN} MODE #ops +imsl 5"]
    assert bob.lines() == [f"{ANN} MODE #ops +imsl 5"]
    assert ann.ask("MODE #ops +k-iv+t-t secret bob") == [f"{ANN} MODE #ops +k-i secret", f"{ANN} MODE #ops -t"]
    assert numbers(ann.ask("MODE #ops -s+l-k many secret")) == ["696", "MODE"]
    assert bob.lines()[-1] == f"{ANN} MODE #ops -sk *"
    assert numbers(bob.ask("MODE #ops +imsl 5")) == ["482"]


def test_what_is_so_already_is_not_changed_again(ann: IrcWire) -> None:
    assert ann.ask("MODE #ops +nt-ims", "MODE #ops -kl", "MODE #ops +o ann", "MODE #ops +v ann", "MODE #ops -v ann") == []
    assert ann.ask("MODE #ops +l 5", "MODE #ops +l 5", "MODE #ops +k x", "MODE #ops +k x") == [
        f"{ANN} MODE #ops +l 5",
        f"{ANN} MODE #ops +k x",
    ]
    assert ann.ask("MODE #ops +l 6") == [f"{ANN} MODE #ops +l 6"]


@pytest.mark.parametrize(
    ("mode", "told"),
    [
        ("+k :two words", "696 ann #ops k *"),
        ("+k :", "696 ann #ops k *"),
        ("+k", "696 ann #ops k *"),
        (f"+k {'long' * 100}", "696 ann #ops k *"),
        ("+l abc", "696 ann #ops l abc"),
        ("+l 0", "696 ann #ops l 0"),
        ("+l -1", "696 ann #ops l -1"),
        ("+l :", "696 ann #ops l *"),
        ("+l \u0663", "696 ann #ops l \u0663"),
        (f"+l {'9' * 300}", f"696 ann #ops l {'9' * 300}"),
        ("+b *!*@*", "696 ann #ops b *!*@*"),
        ("+b ****", "696 ann #ops b ****"),
        ("+b a!b@c", "696 ann #ops b a!b@c"),
        ("+o", "461 ann MODE"),
        ("+x", "472 ann x"),
        ("+e bob!*@*", "472 ann e"),
        ("+o nobody", "401 ann nobody"),
    ],
)
def test_what_can_not_be_set_is_answered_with_its_number(ann: IrcWire, mode: str, told: str) -> None:
    (line,) = ann.ask(f"MODE #ops {mode}")
    assert line.startswith(f":irc.lan {told} :")


def test_one_may_not_open_a_channel_to_those_who_are_not_in_it(ann: IrcWire) -> None:
    (told,) = ann.ask("MODE #ops -n")
    assert told == ":irc.lan NOTICE ann :+n is always on: only those in #ops can write to it."


def test_only_operators_change_modes(ann: IrcWire, bob: IrcWire, chat: tuple[Router, Clock]) -> None:
    assert numbers(bob.ask("MODE #ops +m", "MODE #ops +o bob", "MODE #ops +b cat")) == ["482", "482", "482"]
    dan = IrcWire(*chat, "dan")
    assert numbers(dan.ask("MODE #ops +m", "MODE #ops +o bob", "MODE #ops +b cat", "MODE #nowhere +m")) == [
        "442",
        "442",
        "442",
        "403",
    ]
    ann.ask("MODE #ops +s")
    assert numbers(dan.ask("MODE #ops", "MODE #ops +m")) == ["403", "403"]


def test_one_command_changes_at_most_twenty_modes(ann: IrcWire) -> None:
    assert numbers(ann.ask("MODE #ops +" + "+x-x" * 15)) == ["472"] * 20
    assert ann.ask("MODE #ops " + "+m-m" * 10 + "+ms") == [], "the last two are too many"


# Ranks.


def test_operators_and_voiced(ann: IrcWire, bob: IrcWire) -> None:
    assert ann.ask("MODE #ops +v bob", "MODE #ops +o bob", "MODE #ops -o bob") == [
        f"{ANN} MODE #ops +v bob",
        f"{ANN} MODE #ops -v+o bob bob",
        f"{ANN} MODE #ops -o bob",
    ]
    assert len(bob.lines()) == 3
    assert numbers(bob.ask("MODE #ops +m")) == ["482"]


def test_all_operators_of_a_temporary_room_may_do_the_same(ann: IrcWire, bob: IrcWire) -> None:
    ann.ask("MODE #ops +o bob")
    bob.lines()
    assert bob.ask("MODE #ops -o ann") == [":bob!~bob@10.0.0.7 MODE #ops -o ann"]
    assert numbers(bob.ask("MODE #ops +o ann", "KICK #ops ann")) == ["MODE", "KICK"]
    assert numbers(bob.ask("MODE #ops -o bob", "MODE #ops +o bob")) == ["MODE", "482"]


def test_who_is_not_there_gets_no_rank(ann: IrcWire, chat: tuple[Router, Clock]) -> None:
    IrcWire(*chat, "dan")
    assert ann.ask("MODE #ops +o dan") == [":irc.lan 441 ann dan #ops :They aren't on that channel"]


# Bans.


def test_bans_are_set_listed_and_lifted(ann: IrcWire, bob: IrcWire, chat: tuple[Router, Clock]) -> None:
    now = int(chat[0].chat.now())
    assert ann.ask("MODE #ops +bb spam*!*@* *!~x@10.1.0.*") == [
        f"{ANN} MODE #ops +b spam*!*@*",
        f"{ANN} MODE #ops +b *!*@10.1.0.0/24",
    ]
    assert bob.lines() == [f"{ANN} MODE #ops +b spam*!*@*", f"{ANN} MODE #ops +b *!*@10.1.0.0/24"]
    for asked in ("b", "+b", ":+b", "-b", "+bb"):
        told = ann.ask(f"MODE #ops {asked}")
        assert {line.rpartition(" ")[0] for line in told[:-1]} == {
            ":irc.lan 367 ann #ops spam*!*@* ann",
            ":irc.lan 367 ann #ops *!*@10.1.0.0/24 ann",
        }
        assert all(now - 5 < int(line.split(" ")[-1]) < now + 5 for line in told[:-1])
        assert told[-1] == ":irc.lan 368 ann #ops :End of channel ban list"
    assert bob.ask("MODE #ops b") == [":irc.lan 368 bob #ops :End of channel ban list"]
    assert ann.ask("MODE #ops -b SPAM*!*@*", "MODE #ops -b nobody!*@*") == [f"{ANN} MODE #ops -b spam*!*@*"]
    assert len(ann.ask("MODE #ops b")) == 2


def test_who_is_banned_and_there_is_taken_out(ann: IrcWire, bob: IrcWire) -> None:
    assert sorted(ann.ask("MODE #ops +b bob")) == [f"{ANN} KICK #ops bob :ann", f"{ANN} MODE #ops +b bob!*@*"]
    assert bob.lines() == [f"{ANN} MODE #ops +b bob!*@*", f"{ANN} KICK #ops bob :ann"]


def test_lists_of_exceptions_are_empty(ann: IrcWire) -> None:
    assert numbers(ann.ask("MODE #ops Ibe", "MODE #ops +e")) == ["347", "368", "349", "349"]


@pytest.mark.parametrize(
    ("mask", "target", "shown"),
    [
        ("bob!*@*", "bob", "bob!*@*"),
        ("bob", "bob", "bob!*@*"),
        ("bob!~bob@*", "bob", "bob!*@*"),
        ("b?b*!*@*", "b?b*", "b?b*!*@*"),
        ("*!*@10.0.0.7", "10.0.0.7", "*!*@10.0.0.7"),
        ("*!~bob@10.0.0.7", "10.0.0.7", "*!*@10.0.0.7"),
        ("10.0.0.7", "10.0.0.7", "*!*@10.0.0.7"),
        ("*@10.0.0.0/8", "10.0.0.0/8", "*!*@10.0.0.0/8"),
        ("*!*@::1", "::1", "*!*@0::1"),
        ("*!*@0::1", "0::1", "*!*@0::1"),
        ("*!*@fe80::/10", "fe80::/10", "*!*@fe80::/10"),
        ("1.5", "1.5", "*!*@1.5"),
        ("~a:bob*", "@bob*", "~a:bob*"),
    ],
)
def test_masks_are_nicks_or_addresses(mask: str, target: str, shown: str) -> None:
    assert target_of(mask, "#ops") == target
    assert mask_of(target) == shown


@pytest.mark.parametrize(
    "mask",
    [
        "",
        "*",
        "*!*@*",
        "*!bob@*",
        "bob!*@10.0.0.7",
        "a!b!c@d",
        "a b",
        "*" * 400,
        "a\x1b!*@*",
        "~a:a b",
        "*!*@pc7.lan",
        "*!*@*.example.org",
    ],
)
def test_other_masks_are_refused(mask: str) -> None:
    with pytest.raises(Numeric) as raised:
        target_of(mask, "#ops")
    assert raised.value.params[:2] == ("#ops", "b")
    assert " " not in raised.value.params[2]


def test_a_ban_of_an_account_hits_no_guest_of_that_name(ann: IrcWire, chat: tuple[Router, Clock]) -> None:
    told = ann.ask("MODE #ops +b ~a:cat")
    assert told == [":irc.lan 696 ann #ops b ~a:cat :There is no account cat. A ban of the nick is cat!*@*."]
    person(chat[0], "cat", Role.USER)
    assert ann.ask("MODE #ops +b-b ~a:cat ~a:cat") == [f"{ANN} MODE #ops +b ~a:cat", f"{ANN} MODE #ops -b ~a:cat"]
    assert ann.ask("MODE #ops +b ~a:c*", "MODE #ops b")[:2] == [
        f"{ANN} MODE #ops +b ~a:c*",
        f":irc.lan 367 ann #ops ~a:c* ann {round(chat[0].chat.now())}",
    ]
    assert numbers(IrcWire(*chat, "carl").ask("JOIN #ops")) == ["JOIN", "353", "366"]
    assert "would hit everybody" in ann.ask("MODE #ops +b ~a:*")[-1]


def test_a_ban_of_an_account_is_told_and_listed_as_one_however_it_was_set(
    ann: IrcWire, bob: IrcWire, chat: tuple[Router, Clock]
) -> None:
    User(chat[0], "cat").register().leave()
    for mask in ("~a:cat", "CAT!*@*"):
        assert ann.ask(f"MODE #ops +b {mask}", "MODE #ops b") == [
            f"{ANN} MODE #ops +b ~a:cat",
            f":irc.lan 367 ann #ops ~a:cat ann {int(chat[0].chat.now())}",
            ":irc.lan 368 ann #ops :End of channel ban list",
        ]
        assert ann.ask("MODE #ops -b ~a:cat") == [f"{ANN} MODE #ops -b ~a:cat"]
        assert bob.lines() == [f"{ANN} MODE #ops +b ~a:cat"]


# Users.


def test_users_set_modes_of_their_own(ann: IrcWire) -> None:
    assert ann.ask("MODE ann") == [":irc.lan 221 ann +"]
    assert ann.ask("MODE ann +iB", "MODE ann +i", "MODE ann :-i", "MODE ann +or", "MODE ann") == [
        f"{ANN} MODE ann +iB",
        f"{ANN} MODE ann -i",
        ":irc.lan 221 ann +B",
    ]
    assert ann.ask("MODE ann +xi") == [f"{ANN} MODE ann +i", ":irc.lan 501 ann :Unknown MODE flag"]


def test_users_set_no_modes_of_others(ann: IrcWire, bob: IrcWire) -> None:
    assert numbers(bob.ask("MODE ann +i", "MODE ann", "MODE nobody +i")) == ["502", "502", "401"]


def test_an_operator_may_stop_being_one(ann: IrcWire, chat: tuple[Router, Clock]) -> None:
    User(chat[0], "cat").register().leave()
    account = chat[0].chat.online.account("cat")
    assert account is not None
    account.role = Role.OPERATOR
    session = chat[0].chat.online.find("ann")
    assert session is not None
    session.oper = account
    session.update_role()
    assert ann.ask("MODE ann", "MODE ann -o", "MODE ann") == [
        ":irc.lan 221 ann +o",
        f"{ANN} MODE ann -o",
        ":irc.lan 221 ann +",
    ]
