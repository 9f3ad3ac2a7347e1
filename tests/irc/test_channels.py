"""Entering channels and what one does in them: JOIN, PART, TOPIC, NAMES, LIST, INVITE, KICK, RENAME."""

from __future__ import annotations

import pytest
from twisted.internet.task import Clock

from lanchat.core.router import Router
from lanchat.irc.server import Settings
from lanchat.model.room_rules import ACCOUNTS
from tests.fakes import User, store_of
from tests.irc.wire import IrcWire, server_of


@pytest.fixture
def ann(chat: tuple[Router, Clock]) -> IrcWire:
    """A guest who has made #ops."""
    wire = IrcWire(*chat, "ann")
    wire.ask("JOIN #ops")
    return wire


@pytest.fixture
def bob(chat: tuple[Router, Clock]) -> IrcWire:
    return IrcWire(*chat, "bob")


@pytest.fixture
def cat(chat: tuple[Router, Clock]) -> User:
    """Somebody with an account, who is in no room."""
    return User(chat[0], "cat").register()


def numbers(lines: list[str]) -> list[str]:
    return [line.split(" ")[1] for line in lines]


# Entering and leaving.


def test_who_enters_a_channel_sees_its_topic_and_who_is_there(ann: IrcWire, bob: IrcWire) -> None:
    ann.ask("TOPIC #ops :pumps")
    told = bob.ask("JOIN #OPS")
    assert told[:2] == [":bob!~bob@10.0.0.7 JOIN #ops", ":irc.lan 332 bob #ops :pumps"]
    assert told[2].startswith(":irc.lan 333 bob #ops ann ")
    assert told[3:] == [":irc.lan 353 bob = #ops :@ann bob", ":irc.lan 366 bob #ops :End of /NAMES list"]
    assert bob.ask("JOIN #ops") == []


def test_names_are_not_shown_to_clients_that_ask_for_them_themselves(ann: IrcWire, chat: tuple[Router, Clock]) -> None:
    wire = IrcWire(*chat, "dan", "no-implicit-names")
    assert wire.ask("JOIN #ops") == [":dan!~dan@10.0.0.7 JOIN #ops"]


def test_all_that_follows_a_join_belongs_to_its_label(ann: IrcWire, chat: tuple[Router, Clock]) -> None:
    wire = IrcWire(*chat, "dan", "batch labeled-response")
    begin, *inside, end = wire.ask("@label=x JOIN #ops,nonsense")
    assert begin.startswith("@label=x :irc.lan BATCH +")
    assert " BATCH -" in end
    assert sorted(numbers([line.partition(" ")[2] for line in inside])) == ["353", "366", "403", "JOIN"]


def test_a_room_that_is_not_there_is_only_made_where_anyone_may(bob: IrcWire, chat: tuple[Router, Clock]) -> None:
    chat[0].chat.rooms_by = ACCOUNTS
    (told,) = bob.ask("JOIN #new")
    assert told.startswith(":irc.lan 403 bob #new :")


@pytest.mark.parametrize(
    ("mode", "join", "number"),
    [
        ("+k secret", "#ops", "475"),
        ("+k secret", "#ops wrong", "475"),
        ("+k secret", "#ops secret", "JOIN"),
        ("+i", "#ops", "473"),
        ("+l 1", "#ops", "471"),
        ("+R", "#ops", "477"),
        ("+b bob!*@*", "#ops", "474"),
        ("+b bob!*@*", "#other,#ops", "JOIN"),
    ],
)
def test_each_reason_not_to_be_let_in_has_its_number(ann: IrcWire, bob: IrcWire, mode: str, join: str, number: str) -> None:
    ann.ask(f"MODE #ops {mode}")
    assert numbers(bob.ask(f"JOIN {join}"))[0] == number


@pytest.mark.parametrize(
    ("join", "number"),
    [("ops", "403"), ("#", "476"), ("#a!b", "476"), (":", "403"), (":#a b", "476"), ("#" + "x" * 100, "476")],
)
def test_names_that_no_room_can_have_are_refused(bob: IrcWire, join: str, number: str) -> None:
    assert numbers(bob.ask(f"JOIN {join}")) == [number]


def test_who_is_in_as_many_channels_as_one_may_be_is_told_so(bob: IrcWire, chat: tuple[Router, Clock]) -> None:
    chat[0].chat.limits.set("joined", 1)
    bob.ask("JOIN #one")
    assert numbers(bob.ask("JOIN #two")) == ["405"]


def test_several_channels_are_entered_with_their_keys_and_all_are_left_at_once(ann: IrcWire, bob: IrcWire) -> None:
    ann.ask("JOIN #dev", "MODE #ops +k one", "MODE #dev +k two")
    assert [line for line in bob.ask("JOIN #ops,#dev one,two") if " JOIN " in line] == [
        ":bob!~bob@10.0.0.7 JOIN #ops",
        ":bob!~bob@10.0.0.7 JOIN #dev",
    ]
    assert bob.ask("JOIN 0") == [":bob!~bob@10.0.0.7 PART #ops", ":bob!~bob@10.0.0.7 PART #dev"]


def test_who_leaves_and_comes_back_is_shown_that_at_once_and_once(
    chat: tuple[Router, Clock], ann: IrcWire, bob: IrcWire
) -> None:
    bob.ask("JOIN #ops")
    ann.lines()
    cat, store = IrcWire(*chat, "cat", "labeled-response batch"), store_of(chat[0].chat)
    store.held = True
    leave = [":bob!~bob@10.0.0.7 PART #ops :bye", ":bob!~bob@10.0.0.7 JOIN #ops"]
    told = bob.ask(*["PART #ops :bye", "JOIN #ops"] * 2, "PING 1")
    chat[1].advance(1)  # (lists of names are paid for)
    assert [line for line in told if " 353 " not in line and " 366 " not in line] == [*leave, *leave]
    assert numbers(cat.ask("PRIVMSG #ops :hi", "JOIN #ops")) == ["404", "JOIN", "353", "366"]
    assert cat.ask("@label=x PART #ops") == ["@label=x :cat!~cat@10.0.0.7 PART #ops"]
    assert not ann.lines()
    store.release()
    assert bob.lines() == [":cat!~cat@10.0.0.7 JOIN #ops", ":irc.lan PONG irc.lan 1", ":cat!~cat@10.0.0.7 PART #ops"]
    assert ann.lines() == [*leave, *leave, ":cat!~cat@10.0.0.7 JOIN #ops", ":cat!~cat@10.0.0.7 PART #ops"]
    assert not cat.lines()
    store.held = False
    assert numbers(bob.ask("PART #ops")) == ["PART"]


def test_who_leaves_and_comes_back_has_another_nick_only_then(chat: tuple[Router, Clock], ann: IrcWire, bob: IrcWire) -> None:
    bob.ask("JOIN #ops")
    ann.lines()
    store_of(chat[0].chat).held = True
    assert numbers(bob.ask("PART #ops", "JOIN #ops", "NICK rob")) == ["PART", "JOIN", "353", "366"]
    store_of(chat[0].chat).release()
    renamed = ":bob!~bob@10.0.0.7 NICK rob"
    assert bob.lines() == [renamed]
    assert ann.lines() == [":bob!~bob@10.0.0.7 PART #ops", ":bob!~bob@10.0.0.7 JOIN #ops", renamed]


def test_who_leaves_has_been_shown_what_they_said_there(chat: tuple[Router, Clock], ann: IrcWire) -> None:
    dan, store = IrcWire(*chat, "dan", "echo-message"), store_of(chat[0].chat)
    dan.ask("JOIN #ops")
    store.held = True
    assert dan.ask("PRIVMSG #ops :so long", "PART #ops :and thanks") == []
    ann.lines()
    store.release()
    store.release()
    told = [":dan!~dan@10.0.0.7 PRIVMSG #ops :so long", ":dan!~dan@10.0.0.7 PART #ops :and thanks"]
    assert dan.lines() == ann.lines() == told


def test_who_may_not_speak_says_nothing_on_leaving(ann: IrcWire, bob: IrcWire) -> None:
    bob.ask("JOIN #ops")
    ann.ask("MODE #ops +m")
    assert bob.ask("PART #ops :you are all") == [":ann!~ann@10.0.0.7 MODE #ops +m", ":bob!~bob@10.0.0.7 PART #ops"]
    assert ann.lines()[-1] == ":bob!~bob@10.0.0.7 PART #ops"


def test_who_is_not_there_can_not_leave(ann: IrcWire, bob: IrcWire) -> None:
    assert numbers(bob.ask("PART #ops", "PART #nowhere", "PART nonsense")) == ["442", "403", "403"]


def test_the_newest_messages_are_shown_to_clients_that_can_not_ask_for_them(chat: tuple[Router, Clock], cat: User) -> None:
    server_of(chat[0].chat, Settings(history=2))
    cat.send("/join", "#ops")
    for text in ("one", "two", "three"):
        cat.send("#ops", text)
    cat.send("/topic", "#ops pumps")
    plain, timed, asks = (IrcWire(*chat, nick, caps) for nick, caps in (("p", ""), ("t", "server-time"), ("a", "batch")))
    told = [line for line in plain.ask("JOIN #ops") if "PRIVMSG" in line]
    assert [line[: line.index("[")] + line[line.index("]") :] for line in told] == [
        ":cat!~u@10.0.0.1 PRIVMSG #ops :] two",
        ":cat!~u@10.0.0.1 PRIVMSG #ops :] three",
    ]
    assert told[0].split(" :")[1].startswith("[")
    told = timed.ask("JOIN #ops")[-2:]
    assert told[1].startswith("@time=2026-")
    assert told[1].endswith(" :cat!~u@10.0.0.1 PRIVMSG #ops :three")
    begin, *_, end = IrcWire(*chat, "b", "server-time batch").ask("JOIN #ops")[-4:]
    assert begin.endswith(" chathistory #ops")
    assert " BATCH -" in end
    asks.ask("CAP REQ :draft/chathistory")
    assert not [line for line in asks.ask("JOIN #ops") if "PRIVMSG" in line]


# Topics.


def test_the_topic_is_shown_to_whoever_may_know_of_the_channel(ann: IrcWire, bob: IrcWire) -> None:
    assert bob.ask("TOPIC #ops") == [":irc.lan 331 bob #ops :No topic is set"]
    ann.ask("TOPIC #ops :pumps")
    assert numbers(bob.ask("TOPIC #ops")) == ["332", "333"]
    ann.ask("MODE #ops +s")
    assert bob.ask("TOPIC #ops") == [":irc.lan 403 bob #ops :No such channel"]


def test_who_sets_a_topic_has_to_be_there_and_to_be_an_operator(ann: IrcWire, bob: IrcWire) -> None:
    assert numbers(bob.ask("TOPIC #ops :mine")) == ["442"]
    bob.ask("JOIN #ops")
    assert numbers(bob.ask("TOPIC #ops :mine")) == ["482"]
    ann.ask("MODE #ops -t")
    bob.lines()
    assert numbers(bob.ask("TOPIC #ops :mine")) == ["TOPIC"]


# Names.


def test_names_have_signs_and_masks_as_the_client_wants(ann: IrcWire, chat: tuple[Router, Clock]) -> None:
    for caps, names in (
        ("batch", "@ann dan"),
        ("multi-prefix", "@+ann dan"),
        ("userhost-in-names", "@ann!~ann@10.0.0.7 dan!~dan@10.0.0.7"),
    ):
        dan = IrcWire(*chat, "dan", caps)
        assert dan.ask("JOIN #ops")[1] == f":irc.lan 353 dan = #ops :{names}"
        dan.ask("QUIT")


def test_members_who_are_away_are_among_the_names(chat: tuple[Router, Clock], bob: IrcWire, cat: User) -> None:
    cat.send("/join", "#ops")
    cat.leave()
    assert bob.ask("JOIN #ops")[1] == ":irc.lan 353 bob = #ops :bob @cat"


def test_the_names_of_guests_are_those_of_now_whatever_has_become_of_them_since_they_were_asked_for(
    chat: tuple[Router, Clock],
) -> None:
    wires = {name: IrcWire(*chat, name) for name in ("ann", "bob", "cat", "dan")}
    bob, both = wires["bob"], IrcWire(*chat, "eve", "multi-prefix")

    def names(wire: IrcWire = bob) -> list[str]:
        wire.lines()
        first, *_ = wire.ask("NAMES #ops")
        assert " 353 " in first
        return first.rpartition(":")[2].split(" ")

    wires["ann"].say("JOIN #dev", "JOIN #ops")
    for name, here in (("bob", ["@ann", "bob"]), ("cat", ["@ann", "bob", "cat"])):
        wires[name].say("JOIN #ops")
        assert names() == names() == here
    wires["cat"].say("NICK kate")
    assert names() == ["@ann", "bob", "kate"]
    wires["ann"].say("MODE #ops +v bob")
    assert (names(), names(both)) == (["@ann", "+bob", "kate"], ["@+ann", "+bob", "kate"])
    wires["ann"].say("PART #ops", "JOIN #ops")
    assert names() == ["+bob", "kate", "ann"]
    bob.say("JOIN #dev")
    assert bob.ask("NAMES #dev")[-2].endswith(":@ann bob")
    wires["dan"].say("JOIN #ops")
    assert names() == ["+bob", "kate", "ann", "dan"]
    wires["cat"].say("PART #ops", "JOIN #ops")
    assert names() == ["+bob", "ann", "dan", "kate"]
    wires["cat"].lose()
    assert names() == names(both) == ["+bob", "ann", "dan"]


def test_nobody_learns_of_a_secret_room(ann: IrcWire, bob: IrcWire) -> None:
    ann.ask("MODE #ops +s")
    ann.ask("JOIN #dev")
    assert bob.ask("NAMES #ops,nonsense,,#dev") == [
        ":irc.lan 353 bob = #dev :@ann",
        ":irc.lan 366 bob #ops,nonsense,*,#dev :End of /NAMES list",
    ]
    assert numbers(bob.ask("NAMES #1,#2,#3,#4,#5")) == ["407"]
    assert bob.ask("NAMES") == [":irc.lan 353 bob = #dev :@ann", ":irc.lan 366 bob * :End of /NAMES list"]
    assert numbers(bob.ask("LIST", "LIST #ops,#dev")) == ["321", "322", "323", "321", "322", "323"]
    assert " 353 ann @ #ops :@ann" in ann.ask("NAMES #ops")[0]


def test_many_names_take_several_lines_of_at_most_512_bytes(ann: IrcWire, chat: tuple[Router, Clock]) -> None:
    for number in range(60):
        User(chat[0], f"somebody-with-a-long-name-{number}").send("/join", "#ops")
    ann.lines()
    told = ann.ask("NAMES #ops")
    assert all(len(line) <= 510 for line in told)
    names = [name for line in told[:-1] for name in line.split(" :")[1].split(" ")]
    assert len(names) == len(set(names)) == 61


# Lists.


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ("", ["#dev", "#ops"]),
        ("#OPS", ["#ops"]),
        ("#nowhere", []),
        ("*ps", ["#ops"]),
        ("#?ev", ["#dev"]),
        ("!*ps", ["#dev"]),
        (">1", ["#ops"]),
        ("<2", ["#dev"]),
        ("*,>1", ["#ops"]),
        ("#dev,>1", []),
        ("C<1", ["#dev", "#ops"]),
        ("C>0", ["#dev", "#ops"]),
        ("C<0", []),
        ("T<1", ["#ops"]),
        ("[*", []),
        ("*" * 400, ["#dev", "#ops"]),
    ],
)
def test_lists_may_be_narrowed(ann: IrcWire, bob: IrcWire, asked: str, found: list[str]) -> None:
    bob.ask("JOIN #ops,#dev", "PART #dev")
    ann.ask("JOIN #dev", "TOPIC #ops :pumps")
    rows = [line for line in bob.ask(f"LIST {asked}") if " 322 " in line]
    assert [row.split(" ")[3] for row in rows] == found
    assert all(row in {":irc.lan 322 bob #ops 2 pumps", ":irc.lan 322 bob #dev 1 :"} for row in rows)


# Inviting and taking out.


def test_an_account_is_invited_and_sees_where(ann: IrcWire, chat: tuple[Router, Clock], cat: User) -> None:
    dan = IrcWire(*chat)
    dan.say("PASS cat:correct horse", "NICK cat", "USER cat 0 * :Cat")
    dan.lines()
    cat.send("/join", "#dev")
    dan.lines()
    User(chat[0], "eve").register().send("/join", "#dev")
    ann.ask("JOIN #dev")
    dan.lines()
    assert dan.ask("INVITE eve #dev") == [":irc.lan 443 cat eve #dev :is already on channel"]
    assert numbers(dan.ask("INVITE nobody #dev", "INVITE ann #nowhere", "INVITE eve #ops", "INVITE eve")) == [
        "401",
        "403",
        "442",
        "461",
    ]
    fay = IrcWire(*chat)
    User(chat[0], "fay").register().leave()
    fay.say("PASS fay:correct horse", "NICK fay", "USER fay 0 * :Fay")
    fay.lines()
    assert dan.ask("INVITE fay #dev") == [":irc.lan 341 cat fay #dev"]
    assert fay.lines() == [":cat!~cat@10.0.0.7 INVITE fay #dev"]
    assert fay.ask("INVITE") == [":irc.lan 336 fay #dev", ":irc.lan 337 fay :End of invite list"]


def test_only_operators_take_people_out_and_only_those_who_are_there(ann: IrcWire, bob: IrcWire, cat: User) -> None:
    assert numbers(bob.ask("KICK #ops ann", "KICK #nowhere ann")) == ["442", "403"]
    bob.ask("JOIN #ops")
    assert numbers(bob.ask("KICK #ops ann")) == ["482"]
    ann.lines()
    told = ann.ask("KICK #ops nobody", "KICK #ops cat", "KICK #ops,#dev bob", "KICK #ops bob,cat :out")
    assert numbers(told) == ["401", "441", "461", "KICK", "441"]


# Another name.


def test_the_owner_of_a_room_gives_it_another_name(chat: tuple[Router, Clock]) -> None:
    wire, other = IrcWire(*chat, "dan", "draft/channel-rename"), IrcWire(*chat, "eve")
    wire.ask("JOIN #ops,#taken")
    other.ask("JOIN #ops")
    wire.lines()
    assert wire.ask("RENAME #ops #pumps :more exact") == [":dan!~dan@10.0.0.7 RENAME #ops #pumps :more exact"]
    assert numbers(other.ask("RENAME #pumps #mine"))[-1] == "482"
    for new, code in (("#taken", "CHANNEL_NAME_IN_USE"), ("mine", "CANNOT_RENAME"), ("#pumps", "CANNOT_RENAME")):
        (told,) = wire.ask(f"RENAME #pumps {new}")
        assert told.startswith(f":irc.lan FAIL RENAME {code} #pumps {new} :")
    assert numbers(wire.ask("RENAME #nowhere #new")) == ["403"]


def test_who_enters_is_told_that_before_anything_that_happens_there(
    chat: tuple[Router, Clock], ann: IrcWire, bob: IrcWire
) -> None:
    dan, store = IrcWire(*chat, "dan"), store_of(chat[0].chat)
    store.held = True
    for wire in (bob, dan):
        assert numbers(wire.ask("JOIN #ops", "PING 1")) == ["JOIN", "353", "366"]
    store.release()
    assert numbers(bob.lines()) == ["JOIN", "PONG"]
    assert numbers(dan.lines()) == ["PONG"], "bob is among the names"
    assert numbers(ann.lines()) == ["JOIN", "JOIN"]


def test_a_command_names_only_so_many_channels(bob: IrcWire) -> None:
    assert numbers(bob.ask(f"JOIN {','.join(['#x'] * 51)}", f"PART {',' * 50}")) == ["407", "407"]


def test_operators_of_a_temporary_room_take_each_other_out(ann: IrcWire, bob: IrcWire) -> None:
    bob.ask("JOIN #ops")
    ann.ask("MODE #ops +o bob")
    bob.lines()
    assert numbers(bob.ask("KICK #ops bob")) == ["482"]
    told = bob.ask("KICK #ops ann :out")
    assert told == [":bob!~bob@10.0.0.7 KICK #ops ann :out"]


def test_whatever_people_write_is_kept_without_formatting(ann: IrcWire, bob: IrcWire, cat: User) -> None:
    cat.send("/join", "#ops")
    bob.ask("JOIN #ops")
    ann.lines()
    assert ann.ask("TOPIC #ops :\x0304,01red\x03 \x02alert\x02") == [":ann!~ann@10.0.0.7 TOPIC #ops :red alert"]
    bob.lines()
    ann.ask("AWAY :\x02lunch", "KICK #ops bob :\x1fout")
    assert bob.lines() == [":ann!~ann@10.0.0.7 KICK #ops bob :out"]
    assert bob.ask("PRIVMSG ann :x")[0].endswith(" ann lunch")
    bob.ask("JOIN #ops", "PART #ops :\x02bye")
    ann.lines()
    bob.ask("JOIN #ops", "QUIT :\x02bye")
    assert ann.lines()[-1].endswith(" QUIT :bye")
    assert [packet.msg for packet in cat.shown() if "\\x" in packet.msg] == []
