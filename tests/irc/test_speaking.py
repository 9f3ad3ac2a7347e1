"""What is said from IRC: PRIVMSG and NOTICE, to whom, what is refused, and what becomes of formatting and of CTCP."""

from __future__ import annotations

import pytest
from twisted.internet.task import Clock

from lanchat.core.router import Router
from lanchat.irc.client import IrcClient
from lanchat.irc_commands.speaking import forget_said
from lanchat.protocol.errors import Muted
from lanchat.protocol.packet import Packet, Sender
from tests.fakes import FakeStore, User
from tests.irc.wire import IrcWire

ANN, BOB = ":ann!~ann@10.0.0.7", ":bob!~bob@10.0.0.7"


@pytest.fixture
def ann(chat: tuple[Router, Clock]) -> IrcWire:
    return IrcWire(*chat, "ann")


@pytest.fixture
def bob(chat: tuple[Router, Clock], ann: IrcWire) -> IrcWire:
    """He is with ann in #ops."""
    bob = IrcWire(*chat, "bob")
    ann.ask("JOIN #ops")
    bob.ask("JOIN #ops")
    ann.lines()
    return bob


def test_a_message_goes_to_a_room_and_to_a_user(ann: IrcWire, bob: IrcWire) -> None:
    assert ann.ask("PRIVMSG #ops :is the pump back?", "PRIVMSG BOB hello", "NOTICE bob :beep") == []
    said = [f"{ANN} PRIVMSG #ops :is the pump back?", f"{ANN} PRIVMSG bob :hello", f"{ANN} NOTICE bob :beep"]
    assert bob.lines() == said


def test_a_message_may_have_several_targets_and_each_gets_it_once(ann: IrcWire, bob: IrcWire) -> None:
    assert ann.ask("PRIVMSG bob,,#ops,bob,zoe :hi") == [":irc.lan 401 ann zoe :No such nick/channel"]
    assert bob.lines() == [f"{ANN} PRIVMSG bob :hi", f"{ANN} PRIVMSG #ops :hi"]
    assert ann.ask("PRIVMSG a,b,c,d,e :hi") == [":irc.lan 407 ann a,b,c,d,e :Too many targets"]


@pytest.mark.parametrize("everyone", ["$*", "Everyone", "everyone"])
def test_everyone_can_be_told_something(chat: tuple[Router, Clock], ann: IrcWire, bob: IrcWire, everyone: str) -> None:
    zoe = User(chat[0], "zoe")
    assert ann.ask(f"PRIVMSG {everyone} :fire drill") == []
    assert bob.lines() == [f"{ANN} NOTICE $* :fire drill"]
    assert (told := zoe.told()).to == "Everyone"
    assert told.msg == "fire drill"
    ann.ask(f"PRIVMSG {everyone} :\x01ACTION runs\x01")
    assert bob.lines() == [f"{ANN} NOTICE $* :* ann runs"]


@pytest.mark.parametrize(
    ("sent", "told"),
    [
        ("PRIVMSG", "411 ann :No recipient given"),
        ("PRIVMSG :", "411 ann :No recipient given"),
        ("PRIVMSG bob", "412 ann :No text to send"),
        ("PRIVMSG #ops :", "412 ann :No text to send"),
        ("PRIVMSG #ops :\x0304\x02", "412 ann :No text to send"),
        ("PRIVMSG zoe hi", "401 ann zoe :No such nick/channel"),
        ("PRIVMSG #none hi", "403 ann #none :No such channel"),
        ("PRIVMSG #else hi", "404 ann #else :Cannot send to channel (+n): you are not in it"),
        ("PRIVMSG @#ops hi", "401 ann @#ops :No such nick/channel"),
        ("PRIVMSG @bob hi", "401 ann @bob :No such nick/channel"),
        ("PRIVMSG /quit hi", "401 ann /quit :No such nick/channel"),
        ("PRIVMSG $irc.lan hi", "401 ann $irc.lan :No such nick/channel"),
        ("PRIVMSG \x1b[2J hi", "401 ann \\x1b[2J :No such nick/channel"),
        ("PRIVMSG zoe :\x01VERSION\x01", "401 ann zoe :No such nick/channel"),
        (f"PRIVMSG bob :{'x' * 480}", "417 ann :Input line was too long"),
        (f"PRIVMSG bob :\x01PING {'x' * 480}\x01", "417 ann :Input line was too long"),
        ("TAGMSG bob", "421 ann TAGMSG :Unknown command"),
    ],
)
def test_what_can_t_be_said_is_answered_unless_it_is_a_notice(
    chat: tuple[Router, Clock], ann: IrcWire, bob: IrcWire, sent: str, told: str
) -> None:
    User(chat[0], "eve").send("/join", "#else")
    assert ann.ask(sent) == [f":irc.lan {told}"]
    if sent.startswith("PRIVMSG"):
        ann.ask("NICK ann")
        assert ann.ask(sent.replace("PRIVMSG", "NOTICE", 1)) == []
    said = bob.lines()
    assert said == [] or all(len(line) < 511 and " NOTICE " in line for line in said)


def test_a_target_that_does_not_fit_into_an_answer_is_cut(ann: IrcWire) -> None:
    (told,) = ann.ask(f"PRIVMSG {'x' * 480} hi")
    assert told == f":irc.lan 401 ann {'x' * 300} :No such nick/channel"


def test_who_may_not_speak_in_a_room_is_told_why(chat: tuple[Router, Clock], ann: IrcWire, bob: IrcWire) -> None:
    assert ann.connection.session is not None
    chat[0].receive(ann.connection.session, Packet(Sender("", ""), "/rules", "#ops moderated on"))
    ann.lines(), bob.lines()
    assert bob.ask("PRIVMSG #ops :but") == [
        ":irc.lan 404 bob #ops :Nobody got that: #ops is moderated, and you are not voiced there."
    ]
    assert bob.ask("NOTICE #ops :but") == []
    assert ann.lines() == []


def test_formatting_is_taken_off_for_everybody(chat: tuple[Router, Clock], ann: IrcWire, bob: IrcWire) -> None:
    zoe = User(chat[0], "zoe").hello("id", "room")
    zoe.send("/join", "#ops")
    zoe.shown()
    bob.lines()
    ann.ask("PRIVMSG #ops :\x02bold\x02 \x0304,12red\x03 1 \x0399x \x04ff00ff,00ff00hex\x04 \x1d\x1f\x1e\x11\x16\x0fend \x01")
    plain = "bold red 1 x hex end "
    assert zoe.msgs() == [plain]
    assert bob.lines() == [f"{ANN} PRIVMSG #ops :{plain}"]


def test_an_action_is_one_in_both_worlds(chat: tuple[Router, Clock], ann: IrcWire, bob: IrcWire) -> None:
    zoe, classic = User(chat[0], "zoe").hello("id", "room"), User(chat[0], "pat")
    for user in (zoe, classic):
        user.send("/join", "#ops")
        user.shown()
    bob.lines()
    ann.ask("PRIVMSG #ops :\x01ACTION waves\x01")
    assert bob.lines() == [f"{ANN} PRIVMSG #ops :\x01ACTION waves\x01"]
    (told,) = zoe.shown()
    assert (told.msg, told.x and told.x.kind) == ("waves", "action")
    assert classic.msgs() == ["[#ops] * ann waves"]
    zoe.send("#ops", "waves back\x01 \x01VERSION", kind="action")
    assert bob.lines() == [":zoe!~u@10.0.0.1 PRIVMSG #ops :\x01ACTION waves back VERSION\x01"]


def test_ctcp_goes_only_to_the_irc_clients_of_one_user(chat: tuple[Router, Clock], ann: IrcWire, bob: IrcWire) -> None:
    zoe = User(chat[0], "zoe").hello("id", "room")
    zoe.send("/join", "#ops")
    zoe.shown()
    bob.lines(), ann.lines()
    assert ann.ask("PRIVMSG bob :\x01VERSION\x01", "PRIVMSG zoe :\x01VERSION\x01", "PRIVMSG #ops :\x01VERSION\x01") == []
    assert bob.lines() == [f"{ANN} PRIVMSG bob :\x01VERSION\x01"]
    assert bob.ask("NOTICE ann :\x01VERSION sic\x01") == []
    assert ann.lines() == [f"{BOB} NOTICE ann :\x01VERSION sic\x01"]
    assert zoe.shown() == []


def test_who_is_muted_sends_no_ctcp(chat: tuple[Router, Clock], ann: IrcWire, bob: IrcWire) -> None:
    session = ann.connection.session
    assert session is not None

    def refuse() -> None:
        raise Muted("You are muted.")

    session.speech_check = refuse
    assert ann.ask("PRIVMSG bob :\x01PING 1\x01") == [":irc.lan 531 ann bob :You are muted."]
    assert ann.ask("NOTICE bob :\x01PING 1\x01") == []
    assert bob.lines() == []


def test_text_from_elsewhere_can_t_become_ctcp_formatting_or_another_line(chat: tuple[Router, Clock], ann: IrcWire) -> None:
    zoe = User(chat[0], "zoe")
    zoe.send("ann", "\x01DCC SEND\x01")
    zoe.send("ann", "\x0304red\r\nQUIT :bye\0\u2028more\n\n")
    zoe.send("ann", "")
    head = ":zoe!~u@10.0.0.1 PRIVMSG ann :"
    assert ann.lines() == [head + text for text in ("DCC SEND", "red", "QUIT :bye ", "more", "")]


def test_a_long_text_from_elsewhere_takes_several_lines_of_which_the_first_has_the_id(chat: tuple[Router, Clock]) -> None:
    ann, zoe = IrcWire(*chat, "ann", "message-tags"), User(chat[0], "zoe").hello("id")
    text = "first line\n" + "word " * 200 + "\n" + "€" * 300
    zoe.send("ann", text, re="e1.9")
    told = ann.lines()
    assert all(len(line.partition(" ")[2].encode()) <= 510 for line in told)
    texts = [line.split(" :", 2)[2] for line in told]
    assert "".join(texts) == text.replace("\n", "")
    assert [line.partition(" ")[0] for line in told] == [
        "@time=2026-11-20T14:03:22.500Z;msgid=test.1;+reply=e1.9;+draft/reply=e1.9",
        *["@time=2026-11-20T14:03:22.500Z"] * (len(told) - 1),
    ]


def test_what_was_said_is_forgotten_once_it_is_stored_or_refused(chat: tuple[Router, Clock]) -> None:
    for caps in ("", "echo-message", "labeled-response"):
        ann = IrcWire(*chat, "ann", caps)
        for text in (
            "JOIN #x",
            "PRIVMSG #x 1",
            "PRIVMSG zoe 2",
            "PRIVMSG ann 3",
            "NOTICE zoe 4",
            "PRIVMSG $* 5",
            "PRIVMSG #x 6",
        ):
            ann.ask(text)
        assert isinstance(ann.connection, IrcClient)
        forget_said(ann.connection)
        assert ann.connection.said == {}
        ann.lose()


def test_what_waits_for_the_store_is_remembered_until_it_is_stored(chat: tuple[Router, Clock], ann: IrcWire) -> None:
    store = chat[0].chat.store
    assert isinstance(store, FakeStore)
    ann.ask("JOIN #x")
    store.held = store.broken = True
    assert ann.ask(*[f"PRIVMSG #x {number}" for number in range(5)]) == []
    assert isinstance(ann.connection, IrcClient)
    assert len(ann.connection.said) == 5
    store.release()
    told = ann.lines()
    assert len(told) == 5
    assert told[0].startswith(":irc.lan 404 ann #x :That could not be stored, so nobody got it.")
    assert ann.connection.said == {}
