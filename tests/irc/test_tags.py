"""Tags: what clients attach to messages for each other, TAGMSG, typing, replies, reactions, and REDACT."""

from __future__ import annotations

import pytest
from twisted.internet.task import Clock

from lanchat.core.router import Router
from lanchat.irc.client import IrcClient
from lanchat.protocol.packet import Packet, Sender
from lanchat.protocol.tags import MAX_TAGS
from tests.fakes import PASSWORD, User, dump
from tests.irc.wire import IrcWire

CAPS = "batch labeled-response echo-message message-tags draft/message-redaction draft/account-registration"
ANN, BOB = ":ann!~ann@10.0.0.7", ":bob!~bob@10.0.0.7"
TIME = "time=2026-11-20T14:03:22.500Z"


@pytest.fixture
def ann(chat: tuple[Router, Clock]) -> IrcWire:
    return IrcWire(*chat, "ann", CAPS)


@pytest.fixture
def bob(chat: tuple[Router, Clock], ann: IrcWire) -> IrcWire:
    """He is with ann in #ops."""
    bob = IrcWire(*chat, "bob", CAPS)
    ann.ask("JOIN #ops")
    bob.ask("JOIN #ops")
    ann.lines()
    return bob


@pytest.fixture
def zoe(chat: tuple[Router, Clock], ann: IrcWire, bob: IrcWire) -> User:
    """She is there, too, with a program that sends packets."""
    zoe = User(chat[0], "zoe").hello("id", "ack", "room", "react", "typing", "edit")
    zoe.send("/join", "#ops")
    zoe.shown()
    ann.lines(), bob.lines()
    return zoe


def account(wire: IrcWire) -> None:
    """Make the nick of a client an account."""
    assert "SUCCESS" in wire.ask(f"REGISTER * * :{PASSWORD}")[0]


def test_tags_of_clients_are_passed_on_and_others_are_not(chat: tuple[Router, Clock], ann: IrcWire, bob: IrcWire) -> None:
    pat = IrcWire(*chat, "pat", "server-time")
    pat.ask("JOIN #ops")
    ann.lines(), bob.lines()
    said = f"@{TIME};msgid=e1.1;+a=b;+example.org/c=d\\:\\s\\\\\\r\\n {ANN} PRIVMSG #ops :hi"
    assert ann.ask("@+a=b;c=d;+example.org/c=d\\:\\s\\\\\\r\\n;+=x;+b\\a=1;+c=\x01 PRIVMSG #ops hi") == [said]
    assert bob.lines() == [said]
    assert pat.lines() == [f"@{TIME} {ANN} PRIVMSG #ops :hi"]
    assert pat.ask("@+a=b PRIVMSG #ops hi") == []
    assert bob.lines() == [f"@{TIME};msgid=e1.2 :pat!~pat@10.0.0.7 PRIVMSG #ops :hi"]


@pytest.mark.parametrize("command", ["PRIVMSG #ops hi", "NOTICE bob hi", "TAGMSG #ops", "TAGMSG bob"])
def test_tags_may_be_as_long_as_irc_allows(ann: IrcWire, bob: IrcWire, command: str) -> None:
    value = "a" * (MAX_TAGS - len("x;+a="))
    (echo,) = ann.ask(f"@x;+a={value} {command}")
    assert f"+a={value} " in echo
    assert bob.lines() == [echo]
    assert len(echo.partition(" ")[0].encode()) + 1 <= 8191
    assert ann.ask(f"@x;+a={value}a {command}") == [":irc.lan 417 ann :Input line was too long"]
    assert bob.lines() == []


def test_tags_come_from_programs_and_go_to_them(chat: tuple[Router, Clock], ann: IrcWire, zoe: User) -> None:
    ann.ask("@+a=b PRIVMSG #ops hi")
    (told,) = zoe.shown()
    assert dump(told.x)["tags"] == {"+a": "b"}
    zoe.send("ann", "hi", tags={"+c": "d;e", "+f": ""})
    assert ann.lines() == [f"@{TIME};msgid=test.1;+c=d\\:e;+f :zoe!~u@10.0.0.1 PRIVMSG ann :hi"]


@pytest.mark.parametrize("to", ["ann", "#ops", "Everyone"])
@pytest.mark.parametrize(
    "tags",
    [
        {"a": "b"},
        {"+": ""},
        {"+a b": ""},
        {"+a": "\0"},
        {"+a": "\x1b"},
        {"+a/b/c": ""},
        {"+a": "x" * MAX_TAGS},
        {"+a": ";" * 2047},
    ],
    ids=str,
)
def test_tags_that_irc_can_t_have_are_refused(ann: IrcWire, zoe: User, to: str, tags: dict[str, str]) -> None:
    zoe.send(to, "hi", cid="c", tags=tags)
    assert dump(zoe.told().x)["code"] == "BAD_PACKET"
    zoe.send("/tags", to, cid="c", tags=tags)
    assert dump(zoe.told().x)["code"] == "BAD_PACKET"
    assert ann.lines() == []


def test_tags_of_classic_clients_are_ignored(chat: tuple[Router, Clock], ann: IrcWire) -> None:
    pat = User(chat[0], "pat")
    pat.send("ann", "hi", tags={"bad": "\0"})
    pat.send("Everyone", "hi", tags={"bad": "\0"})
    assert ann.lines() == [
        f"@{TIME};msgid=test.1 :pat!~u@10.0.0.1 PRIVMSG ann :hi",
        f"@{TIME};msgid=test.2 :pat!~u@10.0.0.1 NOTICE $* :hi",
    ]


def test_tags_cost_as_much_as_a_text(chat: tuple[Router, Clock], ann: IrcWire, bob: IrcWire) -> None:
    line = f"@+a={'x' * 4000} TAGMSG bob"
    told = ann.ask(*[line] * 1200)
    assert any("531 ann bob :That is too much at once." in line for line in told)


def test_tags_are_not_kept(chat: tuple[Router, Clock], ann: IrcWire, zoe: User) -> None:
    ann.ask("@+a=b PRIVMSG #ops hi", "@+a=b TAGMSG #ops")
    zoe.shown()
    zoe.send("/history", "#ops")
    said = [dump(packet.x) for packet in zoe.shown() if packet.msg == "hi"]
    assert len(said) == 1
    assert "tags" not in said[0]


def test_tagmsg_goes_to_those_who_asked_for_tags(chat: tuple[Router, Clock], ann: IrcWire, bob: IrcWire) -> None:
    zoe, pat = User(chat[0], "zoe").hello("id", "room", "tags"), IrcWire(*chat, "pat")
    zoe.send("/join", "#ops")
    pat.ask("JOIN #ops")
    zoe.shown(), ann.lines(), bob.lines()
    told = f"@{TIME};msgid=test.1;+a=b {ANN} TAGMSG #ops"
    assert ann.ask("@+a=b;x=y TAGMSG #ops") == [told]
    assert bob.lines() == [told]
    assert pat.lines() == []
    (packet,) = zoe.shown()
    assert (packet.from_.name, packet.to, packet.msg) == ("ann", "#ops", "")
    ts = TIME.removeprefix("time=")
    assert dump(packet.x) == {"op": "tags", "id": "test.1", "ts": ts, "conv": "#ops", "tags": {"+a": "b"}}
    zoe.send("/tags", "ann", tags={"+c": ""})
    assert ann.lines() == [f"@{TIME};msgid=test.2;+c :zoe!~u@10.0.0.1 TAGMSG ann"]
    assert ann.ask("@label=1;+a=b TAGMSG ann") == [
        f"@{TIME};msgid=test.3;+a=b {ANN} TAGMSG ann",
        f"@label=1;{TIME};msgid=test.3;+a=b {ANN} TAGMSG ann",
    ]
    assert ann.ask("TAGMSG #ops", "@x TAGMSG #ops") == []


@pytest.mark.parametrize(
    ("sent", "told"),
    [
        ("TAGMSG", "411 ann :No recipient given"),
        ("@+a TAGMSG zoe2", "401 ann zoe2 :No such nick/channel"),
        ("@+a TAGMSG #none", "403 ann #none :No such channel"),
        ("@+a TAGMSG #else", "404 ann #else :Cannot send to channel (+n): you are not in it"),
        ("@+a TAGMSG /list", "401 ann /list :No such nick/channel"),
        ("@+a TAGMSG $*", "401 ann $* :No such nick/channel"),
        ("@+a TAGMSG :b ob", "401 ann b_ob :No such nick/channel"),
    ],
)
def test_tagmsg_is_refused_as_messages_are(chat: tuple[Router, Clock], ann: IrcWire, sent: str, told: str) -> None:
    User(chat[0], "eve").send("/join", "#else")
    assert ann.ask(sent) == [f":irc.lan {told}"]


def test_who_is_muted_passes_no_tags_on(ann: IrcWire, bob: IrcWire, zoe: User) -> None:
    assert ann.connection.session is not None
    zoe.router.receive(ann.connection.session, Packet(Sender("", ""), "/rules", "#ops moderated on"))
    zoe.shown(), bob.lines(), ann.lines()
    (told,) = bob.ask("@+a TAGMSG #ops")
    assert told.startswith(":irc.lan 404 bob #ops :")
    zoe.send("/tags", "#ops", cid="c", tags={"+a": ""})
    assert dump(zoe.told().x)["code"] == "MUTED"


def test_who_is_typing_is_told_in_both_worlds(ann: IrcWire, bob: IrcWire, zoe: User) -> None:
    ann.ask("@+typing=active TAGMSG #ops")
    assert bob.lines() == [f"@{TIME};msgid=test.1;+typing=active {ANN} TAGMSG #ops"]
    (told,) = zoe.shown()
    assert told.msg == "ann is typing"
    ann.ask("@+typing=paused TAGMSG #ops", "@+typing=done TAGMSG #ops", "@+typing=active TAGMSG #ops")
    assert len(bob.lines()) == 3
    assert zoe.shown() == []  # (once in three seconds is enough)
    zoe.send("/typing", "#ops")
    zoe.send("/typing", "bob")
    assert ann.lines()[-1:] == ["@+typing=active :zoe!~u@10.0.0.1 TAGMSG #ops"]
    assert bob.lines() == [f"@+typing=active :zoe!~u@10.0.0.1 TAGMSG {to}" for to in ("#ops", "bob")]


def test_replies_have_both_names_of_the_tag(chat: tuple[Router, Clock], ann: IrcWire, bob: IrcWire, zoe: User) -> None:
    ann.ask("PRIVMSG #ops hi")
    for tag in ("+reply", "+draft/reply"):
        zoe.shown(), bob.lines()
        ann.ask(f"@{tag}=e1.1 PRIVMSG #ops yes")
        assert ";+reply=e1.1;+draft/reply=e1.1 " in bob.lines()[0]
        assert [packet.x and packet.x.re for packet in zoe.shown()] == ["e1.1"]
    zoe.send("/reply", "e1.1 so do I")
    assert ";+reply=e1.1;+draft/reply=e1.1 " in bob.lines()[0]
    ann.ask(f"@+reply={'x' * 65} PRIVMSG #ops hm", "@+reply= PRIVMSG #ops hm")
    assert all("reply" not in line for line in bob.lines())


def test_reactions_go_both_ways(ann: IrcWire, bob: IrcWire, zoe: User) -> None:
    account(ann)
    zoe.register()
    ann.ask("PRIVMSG #ops hi")
    zoe.shown(), bob.lines()
    (echo,) = ann.ask("@label=1;+draft/react=👍;+reply=e1.1 TAGMSG #ops")
    assert echo == f"@label=1;{TIME};msgid=e1.2;+draft/react=👍;+reply=e1.1 {ANN} TAGMSG #ops"
    assert bob.lines() == [f"@{TIME};msgid=e1.2;+reply=e1.1;+draft/reply=e1.1;+draft/react=👍 {ANN} TAGMSG #ops"]
    (told,) = zoe.shown()
    assert (told.msg, dump(told.x)["op"], dump(told.x)["id"]) == ("👍", "react", "e1.1")
    ann.ask("@+draft/unreact=👍;+draft/reply=e1.1 TAGMSG #ops")
    assert [packet.msg for packet in zoe.shown()] == [""]
    assert bob.lines() == [f"@{TIME};msgid=e1.3;+reply=e1.1;+draft/reply=e1.1;+draft/unreact {ANN} TAGMSG #ops"]
    zoe.send("/react", "e1.1 🎉")
    assert "+draft/react=🎉 :zoe!" in ann.lines()[0]
    assert len(bob.lines()) == 1


def test_a_reaction_of_a_guest_or_to_what_is_not_kept_is_only_passed_on(ann: IrcWire, bob: IrcWire, zoe: User) -> None:
    ann.ask("PRIVMSG #ops hi", "PRIVMSG bob hi")
    zoe.shown(), bob.lines()
    for target, msgid in (("#ops", "e1.1"), ("bob", "test.1")):
        (echo,) = ann.ask(f"@+draft/react=👍;+reply={msgid} TAGMSG {target}")
        assert bob.lines() == [echo]
        assert f"+reply={msgid}" in echo
        assert zoe.shown() == []
    account(ann)
    ann.ask("@+draft/react=👍;+reply=test.1 TAGMSG bob")
    assert len(bob.lines()) == 1


def test_a_reaction_that_is_refused_is_answered(ann: IrcWire, bob: IrcWire) -> None:
    account(ann)
    (told,) = ann.ask("@+draft/react=👍;+reply=e1.77 TAGMSG #ops")
    assert told == ":irc.lan 404 ann #ops :There is no message e1.77 that you may read, or it was withdrawn."
    assert bob.lines() == []


def test_redact_withdraws_and_so_does_withdraw(chat: tuple[Router, Clock], ann: IrcWire, bob: IrcWire, zoe: User) -> None:
    pat = IrcWire(*chat, "pat")
    pat.ask("JOIN #ops")
    bob.ask("PRIVMSG #ops hi", "PRIVMSG #ops ho")
    zoe.shown(), ann.lines(), pat.lines(), bob.lines()
    assert bob.ask("REDACT #ops e1.1") == [f"{BOB} REDACT #ops e1.1"]
    assert ann.lines() == [f"@{TIME} {BOB} REDACT #ops e1.1"]
    assert pat.lines() == [f"{BOB} PRIVMSG #ops :(withdrew a message)"]
    (told,) = zoe.shown()
    assert (dump(told.x)["op"], dump(told.x)["id"]) == ("withdraw", "e1.1")
    assert ann.ask("@label=1 REDACT #ops e1.2 :\x02spam ") == [f"@label=1 {ANN} REDACT #ops e1.2 spam"]
    assert bob.lines() == [f"@{TIME} {ANN} REDACT #ops e1.2 :spam"]
    assert dump(zoe.told().x)["text"] == "spam"
    zoe.send("#ops", "hm")
    zoe.send("/withdraw", "last")
    assert ann.lines()[-1] == f"@{TIME} :zoe!~u@10.0.0.1 REDACT #ops e1.5"


@pytest.mark.parametrize(
    ("sent", "told"),
    [
        ("REDACT #none e1.1", "FAIL REDACT INVALID_TARGET #none :You are not in this channel."),
        (
            "REDACT #ops e1.9",
            "FAIL REDACT UNKNOWN_MSGID #ops e1.9 :There is no message e1.9 that you may read, or it was withdrawn.",
        ),
        ("REDACT #ops last", "FAIL REDACT UNKNOWN_MSGID #ops last :There is no such message."),
        ("REDACT #ops 1", "FAIL REDACT UNKNOWN_MSGID #ops 1 :There is no such message."),
        ("REDACT #bobs e1.1", "FAIL REDACT UNKNOWN_MSGID #bobs e1.1 :There is no such message in this channel."),
        (
            "REDACT #ops e1.1",
            "FAIL REDACT REDACT_FORBIDDEN #ops e1.1 :Nothing was done: you can withdraw only what you said yourself.",
        ),
        ("REDACT #ops", "461 bob REDACT :Not enough parameters"),
    ],
)
def test_what_can_t_be_redacted_is_answered(ann: IrcWire, bob: IrcWire, sent: str, told: str) -> None:
    bob.ask("JOIN #bobs")
    ann.ask("PRIVMSG #ops hi")
    bob.lines()
    assert bob.ask(sent) == [f":irc.lan {told}"]
    assert ann.lines() == []


def test_what_is_too_old_can_t_be_redacted(chat: tuple[Router, Clock], ann: IrcWire) -> None:
    ann.ask("JOIN #ops", "PRIVMSG #ops hi")
    chat[0].chat.changes.edit_within = -1
    assert ann.ask("REDACT #ops e1.1")[0].startswith(":irc.lan FAIL REDACT REDACT_WINDOW_EXPIRED #ops e1.1 -1 :")


def test_a_guest_takes_back_only_what_it_said_itself_under_its_name(
    chat: tuple[Router, Clock], ann: IrcWire, bob: IrcWire
) -> None:
    bob.ask("PRIVMSG #ops hi")
    bob.lose()
    chat[1].advance(1)
    again = IrcWire(*chat, "bob", CAPS)
    again.ask("JOIN #ops")
    assert "REDACT_FORBIDDEN" in again.ask("REDACT #ops e1.1")[0]


def test_edits_are_sentences_with_the_message_they_change(ann: IrcWire, zoe: User) -> None:
    zoe.register()
    zoe.send("#ops", "the pmup")
    ann.lines()
    zoe.send("/edit", "last the pump")
    edit = f"@{TIME};msgid=e1.2;+reply=e1.1;+draft/reply=e1.1 :zoe!~u@10.0.0.1 PRIVMSG #ops :(edited) the pump"
    assert ann.lines() == [edit]
    ann.ask("CAP REQ -draft/message-redaction")
    zoe.send("/edit", "last the pumps")
    assert ann.lines() == [edit.replace("e1.2", "e1.3") + "s"]
    zoe.send("/edit", "last " + "word " * 200)
    assert len(ann.lines()) == 3


def test_bots_have_a_tag(chat: tuple[Router, Clock], ann: IrcWire, bob: IrcWire) -> None:
    assert isinstance(ann.connection, IrcClient)
    ann.connection.umodes = "B"
    ann.ask("PRIVMSG bob hi")
    assert bob.lines() == [f"@{TIME};bot;msgid=test.1 {ANN} PRIVMSG bob :hi"]
