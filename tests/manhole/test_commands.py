"""What an operator can say at the prompt: pure tests of the verbs and of the tables they answer with."""

from __future__ import annotations

import re
from typing import Any

import pytest

from lanchat.manhole.command import Command
from lanchat.manhole.commands import Commands
from lanchat.manhole.tables import Table, aligned, cut
from lanchat.manhole.user_commands import UserRow
from lanchat.model.names import Name
from lanchat.model.room import Room
from lanchat.model.room_rules import Rank, RoomRules
from lanchat.system.columns import width
from tests.fakes import User, Wire, make_router
from tests.manholes import FakeWindow, make_service

#: All that can be said.
VERBS = [
    "who",
    "find",
    "kick",
    "mute",
    "unmute",
    "ban",
    "unban",
    "bans",
    "shout",
    "notice",
    "rooms",
    "rank",
    "rules",
    "rename",
    "stats",
    "limits",
    "limit",
    "log",
    "reload",
    "tasks",
    "drain",
    "tap",
    "untap",
    "help",
]


class Scene:
    """A server with two users, and an operator at a window."""

    def __init__(self) -> None:
        self.router, self.clock = make_router()
        self.stopped: list[float] = []
        self.service = make_service(self.router.chat, lambda: self.stopped.append(self.clock.seconds()))
        self.bert = User(self.router, "bert", "10.0.0.2")
        self.ann = User(self.router, "Ann", "10.0.0.1")
        self.window = FakeWindow(Commands(self.service, self.router))
        self.say = self.window.say


@pytest.fixture
def scene() -> Scene:
    """One of this test's own."""
    return Scene()


# Tables.


def test_a_table_is_whole_without_a_window_and_fits_into_one() -> None:
    rows = [("漢字" * 10, "short", 7), ("b" * 30, "x", 12345)]
    whole = aligned([("name", "what", "n"), *rows], 0)
    assert "漢字" * 10 in whole
    for columns in (80, 40, 30, 20, 10, 5):
        for line in aligned([("name", "what", "n"), *rows], columns).splitlines():
            assert width(line) <= columns, (columns, line)
    narrow = aligned([("name", "what", "n"), *rows], 30).splitlines()
    assert narrow[1].startswith("漢字漢字")
    assert narrow[1].endswith("short      7")
    assert narrow[2].endswith("x      12345")


def test_what_is_cut_says_so_and_is_as_wide_as_it_may_be() -> None:
    assert [cut("漢字漢字", columns) for columns in (8, 7, 6, 2, 1)] == ["漢字漢字", "漢字漢…", "漢字…", "…", "…"]


def test_a_table_of_nobody_is_its_head() -> None:
    empty: Table[UserRow] = Table(UserRow._fields, [])
    assert repr(empty).split() == list(UserRow._fields)
    assert not empty


# How verbs are written.


def test_what_is_written_wrongly_is_answered_in_one_line(scene: Scene) -> None:
    for said, told in [
        ("kick()", "Write it as kick(whom, why='', room=''): missing a required argument: 'whom'."),
        ("kick(5)", "Write it as kick(whom, why='', room=''): whom is a text, in quotes."),
        ("mute('ann', duration=[])", "duration is a text, in quotes or a number."),
        ("who(1)", "Write it as who(): too many positional arguments."),
        ("drain('soon')", "Write it as drain(60), in seconds, or drain('off')."),
        ("limit('speed', 1)", "unknown limit 'speed'"),
        ("help('kik')", "'kik' is not a command here; help() lists the commands."),
        ("kick('nobody')", "nobody is not here."),
        ("kick('')", "Nothing was done: give a name, an address or a network."),
        ("kick('bert', 'x' * 201)", "Nothing was done: a reason has at most 200 characters; this one has 201."),
        ("kick('bert', room='#ops')", "There is no room #ops."),
        ("ban('bert', duration='soon')", "soon is not a duration."),
        ("unban('bert')", "bert is not banned. bans() lists who is."),
        ("ban('127.0.0.1')", "127.0.0.1 is the server's own machine"),
        ("tap('nobody')", "No user online is called nobody."),
        ("log('debug')", "another program writes the log"),
        ("shout('')", "a text has 1 to"),
        ("notice('#ops', 'hi')", "There is no room #ops."),
        ("rules('#ops')", "There is no room #ops."),
        ("rules('#ops', moderated=[])", "Write it as rules(room, **changes): moderated is a text, in quotes or a number."),
    ]:
        answer = scene.say(said)
        assert told in answer, said
        assert "Traceback" not in answer, said
        assert answer.count("\n") == 1, said
    assert len(scene.router.chat.online) == 2


def test_a_verb_without_its_brackets_tells_how_it_is_used(scene: Scene) -> None:
    assert scene.say("kick").startswith("kick(whom, why='', room='')\nDisconnect somebody")


def test_help_lists_every_verb_with_what_it_does(scene: Scene) -> None:
    lines = scene.say("help()").splitlines()
    assert [line.partition("(")[0] for line in lines[1 : len(VERBS) + 1]] == VERBS
    assert all(line.endswith(".") for line in lines[1:])
    assert max(map(len, lines)) <= 80  # it is read in a window
    assert set(scene.window.names) == {*VERBS, "chat", "router", "registry"}
    assert scene.say("chat.limits['users']") == f"{scene.router.chat.limits['users']}\n"
    for name in VERBS:
        assert isinstance(scene.window.names[name], Command)
        assert scene.say(f"help({name})") == scene.say(f"help('{name}')")
        assert scene.say(f"help({name})").startswith(f"{name}(")
    assert "router.py" not in scene.say("help(router.receive)")


# People.


def test_who_prints_a_sorted_table_and_is_a_sequence(scene: Scene) -> None:
    scene.bert.send("/away", "at \x9blunch")
    scene.clock.advance(70)
    scene.ann.session.spoke = scene.clock.seconds()
    table = scene.window.names["who"]()
    assert [(row.name, row.address, row.gateway, row.tls, row.idle, row.queued, row.away) for row in table] == [
        ("Ann", "10.0.0.1", "json", "-", 0, 0, "-"),
        ("bert", "10.0.0.2", "json", "-", 70, 0, "at \\x9blunch"),
    ]
    lines = repr(table).splitlines()
    assert lines[0].split() == ["name", "address", "gateway", "tls", "since", "idle", "queued", "away"]
    assert len({line.index("10.0.0") for line in lines[1:]}) == 1
    assert (len(table), table[1].name) == (2, "bert")


def test_who_shows_what_waits_for_a_client_that_does_not_read(scene: Scene) -> None:
    wire = Wire(scene.router, scene.clock)
    wire.send(b"carl\n")
    wire.bytes()
    wire.connection.outbox.pauseProducing()
    scene.router.chat.reply(scene.router.chat.online.find("carl"), None, "x" * 1000)  # type: ignore[arg-type]  # he is here
    scene.clock.advance(0)
    (carl,) = [row for row in scene.window.names["who"]() if row.name == "carl"]
    assert carl.queued > 1000
    assert re.search(r"outboxes +1  clients wait for (\d{4}) bytes, one for \1\n", scene.say("tasks()"))


def test_what_users_chose_is_escaped(scene: Scene) -> None:
    session = User(scene.router, "carl").session
    session.name = Name("ca\x1b[31mrl", session.name.key, session.name.skeletons)
    assert "ca\\x1b[31mrl" in scene.say("who()")


def test_find_takes_any_spelling(scene: Scene) -> None:
    assert scene.say("find('ANN')") == "<Session Ann 10.0.0.1 json>\n"
    assert scene.say("find('carl')") == ""


def test_kick_frees_the_name_and_says_why(scene: Scene) -> None:
    told = scene.say("kick('BERT', 'be nice')")
    assert told == "BERT was disconnected by the operator (be nice). They may come back. ban('BERT') keeps them out.\n"
    assert scene.bert.msgs()[-1] == "You were disconnected by the operator (be nice)."
    assert scene.bert.client.disconnected
    assert scene.router.chat.online.find("bert") is None


def test_a_ban_is_told_listed_and_undone_in_words_of_the_prompt(scene: Scene) -> None:
    told = scene.say("ban('bert', 'spam\\n', '2h')")
    assert told.startswith("bert is banned by the operator for 2h (spam). 1 connection was closed. unban('bert') undoes it.")
    assert "ban('10.0.0.2') hits the address" in told
    assert scene.bert.client.disconnected
    (row,) = scene.window.names["bans"]()
    assert (row.kind, row.whom, row.by, row.why) == ("ban", "bert", "the operator", "spam")
    assert scene.say("unban('bert')") == "bert is no longer banned.\n"
    assert len(scene.window.names["bans"]()) == 0


def test_a_mute_lasts_so_many_seconds(scene: Scene) -> None:
    assert "muted by the operator for 1m 30s" in scene.say("mute('bert', 'shh', 90)")
    assert scene.bert.session.speech_check is not None
    assert scene.say("unmute('bert')") == "bert is no longer muted.\n"


@pytest.mark.parametrize("text", ["''", "'x' * 20_000", "'\\ud800'"])
def test_shout_says_only_what_can_be_said(scene: Scene, text: str) -> None:
    assert "a text has 1 to" in scene.say(f"shout({text})")
    assert scene.ann.client.packets == []


def test_shout_reaches_everybody(scene: Scene) -> None:
    assert scene.say("shout('hello')") == "2\n"
    assert scene.ann.msgs() == scene.bert.msgs() == ["hello"]


def test_a_notice_is_said_in_a_room(scene: Scene) -> None:
    scene.bert.register().send("/create", "#ops")
    assert "takes nothing from bots" in scene.say("notice('#ops', 'hi')")
    scene.bert.send("/rules", "#ops bots on")
    scene.bert.shown()
    assert scene.say("notice('#ops', 'backup at six')") == "Said in #ops.\n"
    told = scene.bert.told()
    assert (told.from_.name, told.to, told.msg) == ("SERVER", "#ops", "[#ops] backup at six")
    assert "the text is empty" in scene.say("notice('#ops', '')")


# Rooms.


@pytest.fixture
def ops(scene: Scene) -> Room:
    """#ops, which bert made, and in which Ann is, who has an account too."""
    scene.bert.register().send("/create", "#ops")
    scene.ann.register().hello("event").send("/join", "#ops")
    for user in (scene.ann, scene.bert):
        user.shown()
    room = scene.router.chat.rooms.find("#ops")
    assert room is not None
    return room


def test_rooms_are_listed_with_what_is_special_about_them(scene: Scene, ops: Room) -> None:
    scene.bert.send("/create", "#dev")
    for rule in ("topic anyone", "key swordfish", "limit 20"):
        scene.bert.send("/rules", f"#ops {rule}")
    scene.bert.send("/topic", "#ops pu\x9bmps")
    dev, found = scene.window.names["rooms"]()
    assert (dev.name, dev.online, dev.members, dev.owners, dev.rules, dev.topic, dev.by, dev.at) == (
        "#dev", 1, 1, "bert", "-", "", "-", "-",
    )  # fmt: skip
    assert found[:-1] == ("#ops", 2, 2, "bert", "topic anyone, key, limit 20", "pu\\x9bmps", "bert")
    assert found.at.startswith("2026-11-20")
    assert scene.window.names["rules"]("#ops")["key"] == "swordfish"


def test_a_room_whose_owner_is_gone_is_given_another(scene: Scene, ops: Room, logged: list[str]) -> None:
    ops.ranks.clear()
    assert scene.window.names["rooms"]()[0].owners == "-"
    assert scene.say("rank('#ops', 'ANN', 'owner')") == "Ann is an owner in #ops now.\n"
    assert logged[-1] == "Ann is an owner in #ops now, says the operator"
    assert scene.ann.msgs() == ["the operator gave Ann a rank in #ops: owner"]
    assert scene.say("rank('#ops', '@bert', 'voiced')") == "bert is voiced in #ops now.\n"
    assert [tuple(row) for row in scene.window.names["rank"]("#ops")] == [("Ann", "owner"), ("bert", "voiced")]
    assert "keeps its last owner" in scene.say("rank('#ops', 'Ann', 'none')")
    assert "A rank is owner" in scene.say("rank('#ops', 'Ann', 'boss')")
    assert "no account carl" in scene.say("rank('#ops', 'carl', 'owner')")
    assert (ops.rank_of(scene.ann.session), ops.rank_of(scene.bert.session)) == (Rank.OWNER, Rank.VOICED)


def test_several_rules_are_changed_or_none(scene: Scene, ops: Room, logged: list[str]) -> None:
    assert "The rule secret is on or off." in scene.say("rules('#ops', moderated=True, secret='yes')")
    assert "no rule fun" in scene.say("rules('#ops', moderated=True, fun=True)")
    assert (ops.rules, ops.private) == (RoomRules(), False)
    told = "Rules of #ops: moderated on, limit 20, invited on, key on"
    assert scene.say("rules('#ops', moderated=True, limit=20, invited='on', key='swordfish')") == f"{told}.\n"
    assert (ops.rules, ops.private) == (RoomRules(moderated=True, limit=20, key="swordfish"), True)
    assert logged[-1] == f"{told}, says the operator"
    assert scene.ann.msgs() == [f"the operator changed the rules of {told.removeprefix('Rules of ')}"]


def test_a_room_is_given_another_name(scene: Scene, ops: Room, logged: list[str]) -> None:
    assert scene.say("rename('#ops', '#pumps')") == "#ops is called #pumps now.\n"
    assert logged[-1] == "#ops is called #pumps now, says the operator"
    assert scene.router.chat.rooms.find("#pumps") is ops
    assert "The name of a room begins with #" in scene.say("rename('#pumps', 'ops')")


# The server.


def test_stats_print_a_line_for_each(scene: Scene) -> None:
    stats = scene.window.names["stats"]()
    assert (stats["sessions"], stats["  json"], stats["uptime"], stats["delivered"], stats["not stored"]) == (
        2,
        2,
        "0:00:00",
        0,
        0,
    )
    assert re.match(r"sessions +2\n  json +2\n", repr(stats))


def test_limits_are_shown_and_changed(scene: Scene) -> None:
    scene.router.chat.limits.met["packets"] = 7
    assert re.search(r"\npackets +200 +7 +packets a second from one session", scene.say("limits()"))
    assert scene.say("limit('packets', 5)") == "packets is 5 now.\n"
    assert scene.say("limit('bytes', 26214400)") == "bytes is 26214400 now.\n"
    assert scene.router.chat.limits["packets"] == 5
    assert scene.say("limit('packets', 'off')") == "packets is off now.\n"
    assert re.search(r"\npackets +off +7 ", scene.say("limits()"))


class FakeLog:
    """A log that remembers its levels."""

    def __init__(self) -> None:
        self.levels: list[tuple[str, str]] = []

    def set_level(self, name: str, namespace: str = "") -> None:
        """As `lanchat.logs` does."""
        if name not in {"debug", "info"}:
            raise ValueError(f"unknown level {name!r}")
        self.levels.append((name, namespace))


def test_log_changes_the_level_of_all_or_of_a_part(scene: Scene) -> None:
    log: Any = FakeLog()
    scene.service.log = log
    assert scene.say("log('debug', 'lanchat.tls')") == "lanchat.tls is logged from debug on.\n"
    assert scene.say("log('info')") == "Everything is logged from info on.\n"
    assert scene.say("log('loud')") == "unknown level 'loud'. Nothing was changed.\n"
    assert log.levels == [("debug", "lanchat.tls"), ("info", "")]


def test_reload_tells_what_came_of_it(scene: Scene) -> None:
    async def reload() -> str:
        return "All is as it was."

    scene.service.reload = reload
    assert scene.say("reload()") == "All is as it was.\n"


def test_drain_ends_the_server_and_can_be_called_off(scene: Scene) -> None:
    assert "The server shuts down in 5m" in scene.say("drain(300)")
    assert not scene.service.ready
    assert "no: new connections are refused" in scene.say("stats()")
    assert scene.say("drain('off')") == "The shutdown is cancelled; new connections are accepted again.\n"
    scene.clock.advance(300)
    assert scene.stopped == []
    assert "give 0 to 86400 seconds" in scene.say("drain(-1)")
    scene.say("drain(2.5)")
    scene.clock.advance(2.5)
    assert len(scene.stopped) == 1


def test_tasks_show_calls_threads_and_queues(scene: Scene) -> None:
    def tick() -> None:
        """Some call."""

    for seconds in (30, 20, 10):
        scene.clock.callLater(seconds, tick)
    tasks = scene.window.names["tasks"]()
    (ticks,) = [row for row in tasks if row.name.endswith("tick")]
    assert (ticks.kind, ticks.many, ticks.what) == ("call", 3, "in 10.0 s")
    assert [row.what for row in tasks if row.name == "MainThread"] == ["lanchat.manhole.server_commands._threads"]
    assert [row.name for row in tasks if row.kind == "queue"] == ["store", "passwords", "outboxes"]
