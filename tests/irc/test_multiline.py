"""Messages of several lines: as clients send them, and as those read them who know such messages, and others."""

from __future__ import annotations

import pytest
from twisted.internet.task import Clock

from lanchat.core.router import Router
from tests.fakes import User
from tests.irc.wire import IrcWire

CAPS = "batch labeled-response echo-message message-tags"
ANN = ":ann!~ann@10.0.0.7"
TIME = "time=2026-11-20T14:03:22.500Z"


@pytest.fixture
def ann(chat: tuple[Router, Clock]) -> IrcWire:
    return IrcWire(*chat, "ann", f"{CAPS} draft/multiline")


def test_a_message_of_several_lines_is_one(chat: tuple[Router, Clock], ann: IrcWire) -> None:
    zoe, pat, bob = (
        User(chat[0], "zoe").hello("id", "room"),
        IrcWire(*chat, "pat", CAPS),
        IrcWire(*chat, "bob", f"{CAPS} draft/multiline"),
    )
    zoe.send("/join", "#ops")
    for wire in (ann, pat, bob):
        wire.ask("JOIN #ops")
    zoe.shown(), ann.lines(), pat.lines()
    echo = ann.ask(
        "@label=x;+a=b BATCH +7 draft/multiline #ops",
        "@batch=7 PRIVMSG #ops :one",
        "@batch=7 PRIVMSG #ops :",
        "@batch=7 PRIVMSG #ops :\x02two\x02 ",
        "@batch=7;draft/multiline-concat PRIVMSG #ops :three",
        "BATCH -7",
    )
    begin, *inside, end = bob.lines()
    name = end.removeprefix(":irc.lan BATCH -")
    assert begin == f"@{TIME};msgid=e1.1;+a=b {ANN} BATCH +{name} draft/multiline #ops"
    assert inside == [
        f"@batch={name} {ANN} PRIVMSG #ops :one",
        f"@batch={name} {ANN} PRIVMSG #ops :",
        f"@batch={name} {ANN} PRIVMSG #ops :two ",
        f"@batch={name};draft/multiline-concat {ANN} PRIVMSG #ops :three",
    ]
    assert len(echo) == 6
    assert echo[0].startswith(f"@label=x;{TIME};msgid=e1.1;+a=b {ANN} BATCH +")
    assert pat.lines() == [
        f"@{TIME};msgid=e1.1;+a=b {ANN} PRIVMSG #ops :one",
        f"@{TIME};+a=b {ANN} PRIVMSG #ops :two ",
        f"@{TIME};+a=b {ANN} PRIVMSG #ops :three",
    ]
    assert zoe.msgs() == ["one\n\ntwo three"]


def test_texts_of_several_lines_from_elsewhere_are_such_messages(chat: tuple[Router, Clock], ann: IrcWire) -> None:
    User(chat[0], "zoe").send("ann", "one\n\ntwo")
    begin, *inside, _ = ann.lines()
    assert " BATCH +" in begin
    assert [line.rpartition(":")[2] for line in inside] == ["one", "", "two"]


@pytest.mark.parametrize("text", ["a\n" * 8000, "\n" * 16383 + "a", "\x85" * 8000 + "a", "a" * 16384, "€\n" * 60 + "€" * 5000])
@pytest.mark.parametrize("caps", ["", f"{CAPS} draft/multiline"])
def test_no_text_is_more_than_a_reader_may_be_sent_at_once(chat: tuple[Router, Clock], caps: str, text: str) -> None:
    bob = IrcWire(*chat, "bob", caps)
    User(chat[0], "zoe" * 10).send("bob", text)
    told = bob.lines()
    assert len(told) < 300
    assert sum(map(len, told)) < chat[0].chat.limits["outbox"] / 2
    assert "".join(line.rpartition(":")[2] for line in told if " BATCH " not in line).count("a") == text.count("a")


@pytest.mark.parametrize(
    ("lines", "told"),
    [
        (["BATCH +7 draft/multiline"], "MULTILINE_INVALID"),
        (["BATCH +7 netsplit #ops"], "MULTILINE_INVALID"),
        (["BATCH +7 draft/multiline :"], "MULTILINE_INVALID"),
        (["BATCH 7 draft/multiline ann"], "MULTILINE_INVALID"),
        (["BATCH + draft/multiline :a b", "@batch= PRIVMSG"], "MULTILINE_INVALID_TARGET a_b *"),
        (["BATCH -7"], "MULTILINE_INVALID"),
        (["@batch=7 PRIVMSG ann hi"], "MULTILINE_INVALID"),
        (["BATCH +7 draft/multiline ann", "BATCH +8 draft/multiline ann"], "MULTILINE_INVALID"),
        (["BATCH +7 draft/multiline ann", "@batch=8 PRIVMSG ann hi"], "MULTILINE_INVALID"),
        (["BATCH +7 draft/multiline ann", "@batch=7 PRIVMSG zoe hi"], "MULTILINE_INVALID_TARGET ann zoe"),
        (["BATCH +7 draft/multiline ann", "@batch=7 PRIVMSG ann hi", "@batch=7 NOTICE ann hi"], "MULTILINE_INVALID"),
        (
            [
                "BATCH +7 draft/multiline ann",
                "@batch=7 PRIVMSG ann hi",
                "@batch=7;draft/multiline-concat PRIVMSG ann :",
                "BATCH -7",
            ],
            "MULTILINE_INVALID",
        ),
        (["BATCH +7 draft/multiline ann", "@batch=7 PRIVMSG ann :", "@batch=7 PRIVMSG ann :", "BATCH -7"], "MULTILINE_INVALID"),
        (["BATCH +7 draft/multiline ann", "BATCH -7"], "MULTILINE_INVALID"),
        (["BATCH +7 draft/multiline ann", *["@batch=7 PRIVMSG ann hi"] * 99, "BATCH -7"], "MULTILINE_MAX_LINES 64"),
        (["BATCH +7 draft/multiline ann", *[f"@batch=7 PRIVMSG ann {'x' * 400}"] * 50], "MULTILINE_MAX_BYTES 16384"),
    ],
)
def test_what_is_wrong_with_a_batch_is_told_once_with_its_label(ann: IrcWire, lines: list[str], told: str) -> None:
    labelled = lines[0].startswith("BATCH +7 draft/multiline ann")
    (answer,) = ann.ask("@label=x " + lines[0] if labelled else lines[0], *lines[1:])
    label = "" if "+8" in lines[-1] else "@label=x "
    assert answer.startswith(f"{label if labelled else ''}:irc.lan FAIL BATCH {told} :")
    assert ann.ask("PING 1") == [":irc.lan PONG irc.lan 1"]


def test_clients_without_the_capability_send_no_batches(chat: tuple[Router, Clock]) -> None:
    bob = IrcWire(*chat, "bob", CAPS)
    assert bob.ask("BATCH +7 draft/multiline bob") == [":irc.lan 421 bob BATCH :Unknown command"]
    assert len(bob.ask("@batch=7 PRIVMSG bob hi")) == 2


def test_nobody_decides_how_the_text_of_somebody_else_is_cut(chat: tuple[Router, Clock]) -> None:
    ann, cat = (IrcWire(*chat, nick, "batch draft/multiline message-tags") for nick in ("ann", "cat"))
    bob = User(chat[0], "bob")
    for wire in (ann, cat):
        wire.ask("JOIN #ops")
    bob.send("/join", "#ops")
    concatenated = ("@batch=1 PRIVMSG #ops :a", "@batch=1;draft/multiline-concat PRIVMSG #ops :b", "@batch=1 PRIVMSG #ops :c")
    ann.ask("BATCH +1 draft/multiline #ops", *concatenated, "BATCH -1")
    assert [line.rpartition(":")[2] for line in cat.lines() if " PRIVMSG " in line] == ["a", "b", "c"]
    bob.send("#ops", "ab\nc")
    assert [line.rpartition(":")[2] for line in cat.lines() if " PRIVMSG " in line] == ["ab", "c"]
