"""What a person at a terminal is shown of what is more than a text: replies, changes, events, conversations."""

from __future__ import annotations

from typing import Any

import pytest

from lanchat.client.interfaces import NotSent
from lanchat.client.read_markers import READ_SECONDS
from lanchat.protocol.extensions import AnswerX
from lanchat.protocol.packet import SERVER, ReceivedPacket, Sender
from lanchat.terminal.attention import AWAY_SECONDS
from lanchat.terminal.message_commands import MessageCommands
from lanchat.terminal.people import TYPING_SECONDS, People
from tests.talk import CAPS, Talk
from tests.terminal.test_terminal import Shown


@pytest.fixture
def talk() -> Talk:
    return Talk()


@pytest.fixture
def shown(talk: Talk) -> Shown:
    """A screen with the lines of an account, alice, who reads `#ops`."""
    shown = Shown(talk)
    talk.account(caps=[*CAPS, "read", "event", "edit", "react"])
    talk.hear("lunch?", "#ops", "bob", id="e.1", seq=1, conv="#ops")
    shown.new()
    talk.written()
    return shown


@pytest.mark.parametrize(
    ("packet", "row"),
    [
        (("yes", "#ops", {"re": "e.1"}), '#ops zoe (re: "lunch?"): yes'),
        (("yes", "#ops", {"re": "e.0"}), "#ops zoe (reply): yes"),
        (("yes", "alice", {"re": "e.1"}), '[private] zoe (re: "lunch?") -> you: yes'),
        (("waves", "#ops", {"kind": "action"}), "#ops * zoe waves"),
        (("waves", "Everyone", {"kind": "action"}), "Everyone * zoe waves"),
        (("waves", "alice", {"kind": "action"}), "[private] * zoe waves"),
        (("waves", "bob", {"kind": "action", "self": True}), "[private] -> bob * zoe waves"),
        (("done", "#ops", {"kind": "notice"}), "#ops zoe (notice): done"),
        (("done", "#ops", {"kind": "notice", "bot": True}), "#ops zoe (bot): done"),
        (("backup", "#ops", {"kind": "notice", "bot": True, "name": "SERVER"}), "#ops SERVER (bot): backup"),
        (("dinner", "#ops", {"op": "edit", "id": "e.0"}), "#ops zoe (edited): dinner"),
        (("dinner", "#ops", {"op": "edit", "id": "e.1"}), "#ops zoe (edited bob's message): dinner"),
        (("", "#ops", {"op": "withdraw", "id": "e.0"}), "#ops zoe: (withdrew a message)"),
        (("", "#ops", {"op": "withdraw", "id": "e.1"}), "#ops zoe: (withdrew bob's message)"),
        ((":)", "#ops", {"op": "react", "id": "e.1"}), '#ops zoe (reacted to "lunch?"): :)'),
        (("", "#ops", {"op": "react", "id": "e.1"}), "#ops zoe: (took a reaction back)"),
    ],
)
def test_each_kind_of_thing_has_its_row(talk: Talk, shown: Shown, packet: tuple[str, str, dict[str, Any]], row: str) -> None:
    msg, to, x = packet
    more: dict[str, Any] = {"name": "zoe", "id": "e.2", "seq": 2, "conv": to} | x
    talk.hear(msg, to, **more)
    assert shown.new() == [row]


PLAN = {"name": "plan.pdf", "type": "application/pdf", "size": 2_100_000, "url": "http://h/f/2/p"}


@pytest.mark.parametrize(
    ("msg", "file", "rows"),
    [
        ("plan.pdf", PLAN, ["#ops zoe: plan.pdf (2.1 MB) - /get 2 to save it: http://h/f/2/p"]),
        (
            "see\nthis",
            {"name": "a", "size": 1},
            ["#ops zoe: see", "#ops zoe: this", "#ops zoe: a (1 byte) - /get 2 to save it"],
        ),
        (
            "hi",
            {"name": "../\x1b[2J\n.bashrc", "size": 0, "url": "http://h/\x1b[2J"},
            ["#ops zoe: hi", "#ops zoe: _[2J_.bashrc (0 bytes) - /get 2 to save it"],
        ),
        ("hi", {"name": 7, "size": 1}, ["#ops zoe: hi"]),
        ("hi", {"name": "a", "size": True}, ["#ops zoe: hi"]),
        ("hi", {"name": "a", "size": 2**60}, ["#ops zoe: hi"]),
        ("hi", {"name": "a", "size": 1, "url": []}, ["#ops zoe: hi"]),
    ],
)
def test_a_file_is_named_with_its_size_below_the_text(
    talk: Talk, shown: Shown, msg: str, file: dict[str, Any], rows: list[str]
) -> None:
    talk.hear(msg, "#ops", "zoe", id="e.2", seq=2, conv="#ops", file=file)
    assert shown.new() == rows


def test_a_page_shows_what_became_of_a_message(talk: Talk, shown: Shown) -> None:
    packet = ReceivedPacket(
        Sender("bob", ""),
        "#ops",
        "dinner",
        AnswerX(edited="2026-11-20T12:00:00.000Z", reactions={"+1": ["ann", "zoe"], ":)": ["eve"]}),
    )
    shown.view._print_packet(packet)
    assert shown.new()[-1] == '#ops bob (edited, +1 ann zoe, ":)" eve): dinner'


def test_a_quoted_text_can_not_seem_to_end_early(talk: Talk, shown: Shown) -> None:
    talk.hear('x"): bob: I resign', "#ops", "mallory", id="e.2", seq=2, conv="#ops")
    talk.hear("no", "#ops", "bob", id="e.3", seq=3, conv="#ops", re="e.2")
    assert shown.new()[-1] == '#ops bob (re: "x\'): bob: I resign"): no'


def event(talk: Talk, ev: str, msg: str, who: str = "zoe", by: str = "zoe", **x: Any) -> None:
    """An event comes."""
    talk.hear(msg, "#ops", op="event", ev=ev, who=[who], by=by, conv="#ops", **x)


def test_what_is_done_in_a_room_is_shown_at_once_and_comings_and_goings_are_summed_up(talk: Talk, shown: Shown) -> None:
    for n in range(5):
        event(talk, "joined", f"guest{n} joined #ops", who=f"guest{n}", by=f"guest{n}")
    event(talk, "kicked", "guest1 was taken out of #ops by bob (spam\n* forged)", who="guest1", by="bob")
    event(talk, "topic", "alice set the topic of #ops: x", by="Alice")
    event(talk, "joined", "alice joined #ops", who="alice", by="alice")
    event(talk, "rank", "bob gave alice a rank in #ops: operator", who="alice", by="bob")
    assert shown.bells == 0
    event(talk, "invited", "bob invited alice to #ops", who="alice", by="bob")
    assert shown.bells == 1
    assert shown.new() == [
        *(f"* guest{n} joined #ops" for n in range(4)),
        r"* guest1 was taken out of #ops by bob (spam\n* forged)",
        "* bob gave alice a rank in #ops: operator",
        "* bob invites you to #ops. Send /join #ops to enter it.",
    ]


def test_a_bell_rings_for_a_reply_to_oneself_but_not_where_it_is_muted_or_changed(talk: Talk, shown: Shown) -> None:
    said = talk.session.send("#ops", "question?")
    talk.hear(op="ack", cid=said.cid, id="e.5", seq=5, state="stored")
    talk.hear("answer", "#ops", "bob", id="e.6", seq=6, conv="#ops", re="e.5")
    assert shown.bells == 1
    talk.hear("alice", "#ops", "bob", id="e.6", seq=7, conv="#ops", op="edit")
    talk.hear("and alice", "#ops", "bob", id="e.8", seq=8, conv="#ops", re="e.1", batch="resume")
    assert shown.bells == 1
    muted = talk.session.send("/notify", "#OPS off")
    talk.hear("ok", op="ok", cid=muted.cid)
    talk.hear("alice!", "#ops", "bob", id="e.9", seq=9, conv="#ops")
    assert shown.bells == 1
    talk.hear(op="ok", cid="?", conversations=[{"conv": "#ops", "muted": False}])
    talk.hear("alice!", "#ops", "bob", id="e.10", seq=10, conv="#ops")
    assert shown.bells == 2


def read(talk: Talk) -> list[tuple[str, int]]:
    """What was reported as read in the next seconds."""
    talk.clock.advance(READ_SECONDS)
    return [(packet["msg"], packet["x"]["seq"]) for packet in talk.written() if packet["to"] == "/read"]


def test_what_is_on_the_screen_is_reported_as_read(talk: Talk, shown: Shown) -> None:
    talk.hear("hi", "alice", "bob", id="e.2", seq=2, conv="@bob")
    event(talk, "topic", "bob set the topic", by="bob", seq=3)
    shown.caught_up = False
    assert read(talk) == []
    shown.caught_up = True
    assert read(talk) == [("#ops", 3), ("@bob", 2)]
    talk.hear("old", "#ops", "bob", id="e.0", seq=9, conv="#ops", batch="page")
    talk.hear("", "#ops", op="event", ev="read", conv="@bob", seq=7)
    talk.hear("hi", "alice", "bob", id="e.6", seq=6, conv="@bob")
    assert read(talk) == []


def test_nothing_is_reported_to_a_server_that_has_no_markers() -> None:
    talk = Talk()
    Shown(talk)
    talk.account()
    talk.hear("hi", "alice", "bob", id="e.2", seq=2, conv="@bob")
    assert read(talk) == []


def test_what_another_device_has_read_is_not_new_any_more(talk: Talk, shown: Shown) -> None:
    def came(seq: int, conv: str = "#ops") -> bool:
        talk.hear("hi", conv, "bob", id=f"e.{seq}", seq=seq, conv=conv)
        return "\u2014 new \u2014" in shown.new()

    talk.clock.advance(AWAY_SECONDS)
    assert [came(10), came(11), came(12, "#dev")] == [True, False, False]
    talk.hear("", op="event", ev="read", conv="#ops", seq=11)
    assert not came(13, "#dev")
    talk.hear("", op="event", ev="read", conv="#dev", seq=13)
    assert came(14)
    assert not came(15)


def test_what_is_unread_is_told_in_one_line_once(talk: Talk, shown: Shown) -> None:
    listed = [
        {"conv": "#ops", "kind": "room", "topic": "pumps\n* forged", "unread": 3, "mentions": 1, "muted": False},
        {"conv": "@bob", "kind": "user", "unread": "1000+", "mentions": 0, "muted": False},
        {"conv": "#noise", "kind": "room", "unread": 7, "mentions": 0, "muted": True},
        {"conv": "#dev", "kind": "room", "unread": 0, "mentions": 0, "muted": False},
    ]
    packet = ReceivedPacket(SERVER, "alice", "", AnswerX(op="ok", conversations=listed))
    for _ in range(2):
        shown.view.conversations_came(packet)
    assert shown.new() == ["* Unread: #ops 3 (1 mention), @bob 1000+"]
    asked = talk.session.send("/conversations", "after:4")
    talk.hear("words", op="ok", cid=asked.cid, conversations=listed, more=True)
    assert shown.new() == [
        r"* #ops: 3 unread, 1 mention - pumps\n* forged",
        "* @bob: 1000+ unread",
        "* #noise: 7 unread (muted)",
        "* #dev",
        "* more: /conversations after:8",
    ]


def test_a_command_about_a_message_finds_out_which(talk: Talk, shown: Shown) -> None:
    where = ["#ops"]
    commands = MessageCommands(talk.session, shown.view.recent, lambda: where[0], shown.view.message_sent)
    talk.hear("and?", "#ops", "zoe", id="e.2", seq=2, conv="#ops")
    commands.edit("3 o'clock")
    commands.edit("last now")
    commands.edit("2 now")
    commands.withdraw("")
    commands.react(":)")
    commands.react("1")
    commands.reply("soon")
    commands.reply("1 lunch later")
    written = [(packet["to"], packet["msg"], packet["x"].get("re")) for packet in talk.written()]
    assert written == [
        ("/edit", "last 3 o'clock", None),
        ("/edit", "last now", None),
        ("/edit", "e.2 now", None),
        ("/withdraw", "last", None),
        ("/react", "e.2 :)", None),
        ("/react", "e.1", None),
        ("#ops", "soon", "e.2"),
        ("#ops", "lunch later", "e.1"),
    ]
    assert commands.choices("/reply ") == [("2", "zoe: and?"), ("1", "bob: lunch?")]
    assert commands.choices("/react 1") == [("1", "bob: lunch?")]
    assert [commands.choices(line) for line in ("/reply", "/edit ", "/pm ", "/reply 1 x")] == [[], [], [], []]
    where[0] = "bob"
    for refused in (lambda: commands.reply("hi"), lambda: commands.react(":)"), lambda: commands.reply("1 ")):
        with pytest.raises(NotSent):
            refused()


def test_own_replies_and_actions_are_shown_as_those_of_others(talk: Talk, shown: Shown) -> None:
    for to, msg, args in (("#ops", "yes", {"re": "e.1"}), ("/me", "#ops waves", {}), ("/me", "bob waves", {})):
        shown.view.message_sent(said := talk.session.send(to, msg, args=args))
        talk.hear(op="ack", cid=said.cid, id=f"e.{said.number + 10}", seq=said.number + 10, state="stored")
    assert shown.new() == ['#ops you (re: "lunch?"): yes', "#ops * alice waves", "[private] -> bob * alice waves"]
    for reaction in ("e.1 :)", "e.1"):
        talk.hear(op="ack", cid=talk.session.send("/react", reaction).cid, id="e.99", seq=99, state="stored")
    assert shown.new() == ['#ops you (reacted to "lunch?"): :)', "#ops you: (took a reaction back)"]


def test_the_prompt_knows_who_is_away_and_who_types() -> None:
    people = People()

    def learn(op: str | None, name: str = "SERVER", **x: Any) -> bool:
        return people.learn(ReceivedPacket(Sender(name, ""), "alice", "", AnswerX(op=op, **x)), 0.0)

    assert learn("event", ev="away", who=["Bob"], text="lunch")
    assert people.is_away("bob")
    assert learn("event", ev="away", who=["bob"])
    assert not people.is_away("bob")
    assert learn("ok", people=[{"name": "bob", "away": "lunch"}, {"name": "zoe", "away": None}])
    assert (people.is_away("bob"), people.is_away("zoe")) == (True, False)
    for name in ("zoe", "eve"):
        assert learn("event", ev="typing", who=[name], conv="#ops")
    assert people.typing("#ops", 1.0) == "eve and zoe are typing"
    assert learn(None, "zoe", conv="#ops")
    assert people.typing("#ops", 1.0) == "eve is typing"
    assert people.typing("#dev", 1.0) == people.typing("#ops", TYPING_SECONDS) == ""
    assert not learn(None, "zoe", conv="#ops")
