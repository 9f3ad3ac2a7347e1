"""The core: who gets what, what is answered, and what is not."""

from __future__ import annotations

import pytest

from lanchat.commands import COMMANDS
from lanchat.core.router import Router
from lanchat.protocol.errors import BadJson, LineTooBig, NameTaken
from lanchat.protocol.extensions import AnswerX
from lanchat.protocol.limits import LIMITS
from lanchat.protocol.packet import EVERYONE, MAX_MSG, SERVER, Packet, Sender
from tests.fakes import FakeClient, User, dump, make_router

MAX_BAD = int(LIMITS["bad"].default)


@pytest.fixture
def router() -> Router:
    return make_router()[0]


def test_a_word_to_one_reaches_that_one_only(router: Router) -> None:
    ann, bob, cat = User(router, "ann"), User(router, "Bob"), User(router, "cat")
    ann.send("bOB", "lunch?")
    packet = bob.told()
    assert (packet.from_.name, packet.from_.ip, packet.to, packet.msg) == ("ann", "10.0.0.1", "Bob", "lunch?")
    assert ann.shown() == cat.shown() == []


def test_what_a_client_claims_to_be_is_not_passed_on(router: Router) -> None:
    ann, bob = User(router, "ann"), User(router, "bob")
    ann.send("bob", "hi", claim="root")
    assert bob.told().from_.name == "ann"


def test_a_capable_client_that_claims_another_name_is_refused(router: Router) -> None:
    ann, bob = User(router, "ann").hello("id"), User(router, "bob")
    ann.send("bob", "hi", claim="root", cid="1")
    assert dump(ann.told().x) == {"op": "fail", "cid": "1", "code": "BAD_FROM"}
    ann.send("bob", "hi", claim="ANN")
    assert bob.told().msg == "hi"


def test_what_guests_say_at_once_is_told_together_up_to_the_first_that_needs_more(router: Router) -> None:
    ann, bob, cat = User(router, "ann"), User(router, "bob"), User(router, "cat")
    said = [Packet(SERVER, to, str(n)) for n, to in enumerate(["bob", "bob", "cat", "/time", "bob", "bob"])]
    assert router.receive_all(ann.session, said) == 6
    assert ([packet.msg for packet in bob.shown()], [packet.msg for packet in cat.shown()]) == (["0", "1", "4", "5"], ["2"])
    assert (bob.client.runs, cat.client.runs) == ([2, 1, 1], [1])


def test_nothing_of_an_account_or_of_one_who_may_not_speak_is_told_together(router: Router) -> None:
    ann, guest, muted = User(router, "ann").register(), User(router, "gus"), User(router, "muted")
    muted.session.speech_check = lambda: None
    said = [(ann, "gus"), (guest, "ann"), (muted, "gus"), (guest, "gus"), (guest, "nobody"), (guest, "/list")]
    for user, to in said:
        assert router.receive_all(user.session, [Packet(SERVER, to, "psst")] * 2) == 2
    assert {run for user in (ann, guest, muted) for run in user.client.runs} == {1}


def test_what_is_acknowledged_is_told_one_by_one_to_who_is_behind(router: Router) -> None:
    ann, bob = User(router, "ann").hello("ack"), User(router, "bob")
    said = [Packet(Sender("", ""), "bob", text) for text in ("1", "2")]
    for behind in (True, False):
        bob.client.is_behind = behind
        assert router.receive_all(ann.session, said) == 2
    assert bob.client.runs == [1, 1, 2]


def test_of_what_was_sent_at_once_nothing_is_taken_after_the_end(router: Router) -> None:
    ann, bob = User(router, "ann"), User(router, "bob")
    assert router.receive_all(ann.session, [Packet(SERVER, to, "bye") for to in ("bob", "/quit", "bob", "bob")]) == 2
    assert bob.msgs() == ["bye"]


@pytest.mark.parametrize("to", ["Everyone", "everyone", "/shout", "/SHOUT"])
def test_a_shout_reaches_everyone_else_and_is_counted(router: Router, to: str) -> None:
    ann, bob, cat = User(router, "ann"), User(router, "bob"), User(router, "cat")
    ann.send(to, "fire!")
    assert ann.told().msg == "Message sent to 2 users"
    for other in (bob, cat):
        packet = other.told()
        assert (packet.to, packet.msg, packet.from_.name) == (EVERYONE, "fire!", "ann")


def test_one_may_write_to_oneself(router: Router) -> None:
    ann = User(router, "ann")
    ann.send("ann", "note")
    assert ann.told().msg == "note"


@pytest.mark.parametrize("to", ["nobody", "#ops", "SERVER", "Guest", "", "x" * 5000, "\x1b[2J"])
def test_a_word_to_nobody_is_answered(router: Router, to: str) -> None:
    ann = User(router, "ann")
    ann.send(to, "hi")
    told = ann.told()
    assert told.from_ == SERVER
    assert "is not available" in told.msg
    assert to[:3].isprintable() is (to[:3] in told.msg)
    assert len(told.msg) < 150


def test_capable_clients_get_ids_and_acks(router: Router) -> None:
    ann, bob = User(router, "ann").hello("id", "ack"), User(router, "bob").hello("id")
    ann.send("bob", "hi", cid="7", re="abc")
    at = "2026-11-20T14:03:22.500Z"
    assert dump(bob.told().x) == {"id": "test.1", "ts": at, "conv": "@ann", "re": "abc"}
    assert dump(ann.told().x) == {"op": "ack", "cid": "7", "id": "test.1", "ts": at, "state": "relayed"}
    bob.send("/shout", "hello all", cid="8")
    assert dump(ann.told().x) == {"id": "test.2", "ts": at, "conv": EVERYONE}
    assert dump(bob.told().x) == {"op": "ok", "cid": "8", "n": 1}  # it was not granted acks


def test_a_shout_is_acknowledged_with_its_count(router: Router) -> None:
    ann = User(router, "ann").hello("ack")
    User(router, "bob")
    for to in (EVERYONE, "/shout"):
        ann.send(to, "hi", cid="1")
        ack = ann.told()
        assert ack.msg == "Message sent to 1 users"
        assert ack.x is not None
        assert (ack.x.op, ack.x.n, ack.x.state) == ("ack", 1, "relayed")


def test_without_a_cid_there_is_no_ack_but_there_are_errors(router: Router) -> None:
    ann = User(router, "ann").hello("ack")
    User(router, "bob")
    ann.send("bob", "hi")
    assert ann.shown() == []
    ann.send(EVERYONE, "hi")
    assert dump(ann.told().x) == {"op": "ok", "n": 1}  # a count, and no acknowledgement
    ann.send("nobody", "hi")
    assert dump(ann.told().x) == {"op": "fail", "code": "NO_SUCH_TARGET"}


def test_a_classic_session_is_never_given_an_x_to_see(router: Router) -> None:
    ann, bob = User(router, "ann").hello("id", "ack"), User(router, "bob")
    ann.send("bob", "hi", cid="1")
    assert not bob.session.sees_x(bob.told())
    capable_without_id = User(router, "cat").hello("ack")
    ann.send("cat", "hi")
    assert not capable_without_id.session.sees_x(capable_without_id.told())
    capable_without_id.send("/time")
    assert capable_without_id.session.sees_x(capable_without_id.told())


def test_a_hello_is_granted_what_there_is(router: Router) -> None:
    ann = User(router, "ann")
    ann.send("/hello", "lanchat", v=3, caps=["ack", "teleport", "id"], cid="0")
    welcome = ann.told()
    assert welcome.msg.startswith("Welcome ann!")
    limits = {"packet": 65536, "msg": 16384, "name": 32, "cid": 64}
    ts = "2026-11-20T14:03:22.500Z"
    assert dump(welcome.x) == {"op": "welcome", "cid": "0", "v": 1, "caps": ["ack", "id"], "limits": limits, "ts": ts}
    assert ann.session.caps == frozenset({"id", "ack"})


def test_a_hello_without_its_x_leaves_the_session_classic(router: Router) -> None:
    ann = User(router, "ann")
    for x in ({}, {"caps": ["id"]}, {"v": 0}):
        ann.send("/hello", "lanchat", **x)
        assert ann.told().x is None
    assert ann.session.caps is None


def test_a_second_hello_is_refused(router: Router) -> None:
    ann = User(router, "ann").hello("ack")
    ann.send("/hello", "lanchat", v=1, caps=["id"], cid="2")
    assert dump(ann.told().x) == {"op": "fail", "cid": "2", "code": "USAGE"}
    assert ann.session.caps == frozenset({"ack"})


def test_a_hello_that_came_with_the_name_is_the_only_welcome(router: Router) -> None:
    client = FakeClient()
    session = router.chat.open("ann", client, "10.0.0.1", "json")
    hello = b'{"from":{"name":"ann","ip":""},"to":"/hello","msg":"lanchat","x":{"v":1,"caps":[]}}'
    from lanchat.protocol.packet import parse  # noqa: PLC0415 (only this test starts from bytes)

    router.receive(session, parse(hello))
    router.chat.greet(session)
    assert [packet.x.op for packet in client.packets if packet.x] == ["welcome"]
    assert len(client.packets) == 1


def test_anything_else_that_came_with_the_name_is_answered_after_the_welcome(router: Router) -> None:
    client = FakeClient()
    session = router.chat.open("ann", client, "10.0.0.1", "json")
    router.refuse(session, BadJson("no JSON"))
    assert [packet.msg.split()[0] for packet in client.packets] == ["Welcome", "no"]


def test_the_welcome_tells_who_is_here_but_does_not_grow_with_the_crowd(router: Router) -> None:
    User(router, "zoe")
    client = FakeClient()
    router.chat.greet(router.chat.open("ann", client, "10.0.0.1", "json"))
    assert client.packets[0].msg == "Welcome ann! Send /help to see the commands. Online users (1): zoe"
    for n in range(2000):
        User(router, f"user{n:05}")
    router.chat.greet(router.chat.open("bob", client, "10.0.0.1", "json"))
    assert len(client.packets[-1].line) < 600
    assert client.packets[-1].msg.endswith("more")
    assert "Online users (2002)" in client.packets[-1].msg


def test_help_lists_every_command_with_one_line(router: Router) -> None:
    ann = User(router, "ann")
    ann.send("/help")
    lines = ann.told().msg.splitlines()[1:]
    assert [line.split()[0] for line in lines] == list(COMMANDS)


@pytest.mark.parametrize("topic", ["pm", "/pm", "/PM "])
def test_help_tells_how_a_command_is_used(router: Router, topic: str) -> None:
    ann = User(router, "ann").hello()
    ann.send("/help", topic)
    told = ann.told()
    assert told.msg == "Usage: /pm USER TEXT (say something to one user)"
    assert isinstance(told.x, AnswerX)
    assert told.x.commands == [{"name": "/pm", "usage": "/pm USER TEXT", "help": "say something to one user"}]


def test_time_is_told_with_its_zone(router: Router, monkeypatch: pytest.MonkeyPatch) -> None:
    import time  # noqa: PLC0415 (only here)

    monkeypatch.setenv("TZ", "Europe/Berlin")
    time.tzset()
    ann = User(router, "ann").hello()
    ann.send("/time", cid="1")
    monkeypatch.undo()
    time.tzset()
    told = ann.told()
    assert told.msg == "Server time: 2026-11-20 15:03:22 +0100"
    assert dump(told.x) == {"op": "ok", "cid": "1", "time": "2026-11-20 15:03:22 +0100"}


def test_standard_shows_a_packet(router: Router) -> None:
    ann = User(router, "ann")
    ann.send("/standard")
    assert '{"from":{"name":"YOU","ip":""},"to":"TARGET","msg":"TEXT"}' in ann.told().msg


def test_list_tells_everyone_but_the_asker_in_order(router: Router) -> None:
    ann = User(router, "ann").hello()
    ann.send("/list")
    assert ann.told().msg == "You are the only active user!"
    for name in ("dave", "Bob", "carol"):
        User(router, name)
    ann.send("/list", cid="1")
    told = ann.told()
    assert told.msg == "Online users (3): Bob, carol, dave"
    assert dump(told.x) == {"op": "ok", "cid": "1", "names": ["Bob", "carol", "dave"], "n": 3}
    ann.send("/list", "CA")
    assert ann.told().msg == "Online users (1): carol"
    ann.send("/list", prefix="d")
    assert ann.told().msg == "Online users (1): dave"
    ann.send("/list", "an")
    assert ann.told().msg == "No other user has a name like that."


def test_a_list_costs_a_packet_for_every_hundred_names(router: Router) -> None:
    users = [User(router, f"user{n}") for n in range(500)]
    before = users[0].session.packets.available(2000, router.chat.clock.seconds())
    users[0].send("/list", "nobody")  # those whom it does not show have been looked at too
    assert before - users[0].session.packets.available(2000, router.chat.clock.seconds()) == 5


def test_a_long_list_is_cut_with_a_count(router: Router) -> None:
    ann = User(router, "ann")
    for n in range(1200):
        User(router, f"a-rather-long-name-of-user-{n:04}")
    ann.send("/list")
    msg = ann.told().msg
    assert len(msg.encode()) <= MAX_MSG
    shown = msg.count("a-rather")
    assert msg.startswith("Online users (1200): ")
    assert msg.endswith(f", ... and {1200 - shown} more: /list after:{shown}")
    assert shown > 400


def test_pm_is_a_packet_to_somebody(router: Router) -> None:
    ann, bob = User(router, "ann").hello("ack"), User(router, "bob")
    ann.send("/pm", "bob  two  spaces ")
    assert bob.told().msg == " two  spaces "
    ann.send("/pm", user="bob", text="from x", cid="3")
    assert bob.told().msg == "from x"
    assert dump(ann.told().x)["op"] == "ack"


def test_the_text_of_a_pm_may_be_in_msg_and_its_user_in_x(router: Router) -> None:
    ann, bob = User(router, "ann").hello("ack"), User(router, "bob")
    ann.send("/pm", "hello there", user="bob")
    assert bob.told().msg == "hello there"


def test_a_classic_session_has_its_arguments_in_msg(router: Router) -> None:
    ann, bob = User(router, "ann"), User(router, "bob")
    ann.send("/pm", "bob plain", user="ann", text="from x")
    assert bob.told().msg == "plain"


def test_an_empty_word_to_everyone_is_as_wrong_as_an_empty_shout(router: Router) -> None:
    ann = User(router, "ann").hello()
    ann.send(EVERYONE, " ")
    assert dump(ann.told().x)["code"] == "USAGE"


@pytest.mark.parametrize(("to", "msg"), [("/pm", ""), ("/pm", "bob"), ("/pm", "bob  "), ("/shout", " "), ("/shout", "")])
def test_missing_arguments_are_answered_with_the_usage(router: Router, to: str, msg: str) -> None:
    ann = User(router, "ann").hello()
    User(router, "bob")
    ann.send(to, msg, cid="1")
    told = ann.told()
    assert told.msg.startswith(f"Usage: {to}")
    assert dump(told.x)["code"] == "USAGE"


@pytest.mark.parametrize("to", ["/dance", "/", "//list", "/list now"])
def test_an_unknown_command_is_answered_with_where_to_look(router: Router, to: str) -> None:
    ann = User(router, "ann").hello()
    ann.send(to)
    told = ann.told()
    assert "/help" in told.msg
    assert dump(told.x)["code"] == "UNKNOWN_COMMAND"


def test_quit_says_goodbye_and_frees_the_name_at_once(router: Router) -> None:
    ann = User(router, "ann").hello()
    ann.send("/quit", "see you", cid="9")
    told = ann.told()
    assert told.msg == "Goodbye"
    assert dump(told.x) == {"op": "bye", "cid": "9", "code": "GONE"}
    assert ann.client.disconnected
    User(router, "ann")


def test_a_name_can_be_taken_again_after_it_was_left(router: Router) -> None:
    ann = User(router, "ann")
    with pytest.raises(NameTaken):
        User(router, "ANN")
    router.chat.leave(ann.session, "gone")
    again = User(router, "ann")
    router.chat.leave(ann.session, "gone twice")
    assert router.chat.online.find("ann") is again.session


def test_a_fault_of_ours_costs_that_connection_only(router: Router) -> None:
    ann, bob = User(router, "ann"), User(router, "bob")

    def broken(*args: object) -> None:
        raise ZeroDivisionError

    router._run_command = broken
    ann.send("/time")
    assert ann.client.disconnected
    assert "Internal server error" in ann.told().msg
    assert not bob.client.disconnected
    bob.send("ann", "are you there?")
    assert "ann is not available" in bob.told().msg


def test_too_many_bad_packets_in_ten_seconds_close_the_session() -> None:
    router, clock = make_router()
    ann = User(router, "ann").hello()
    for _ in range(MAX_BAD - 1):
        router.refuse(ann.session, BadJson("bad"))
    assert not ann.client.disconnected
    clock.advance(10.1)
    for _ in range(MAX_BAD - 1):
        router.refuse(ann.session, BadJson("bad"))
    assert not ann.client.disconnected
    ann.shown()
    router.refuse(ann.session, BadJson("bad"))
    assert [dump(packet.x) for packet in ann.shown()] == [
        {"op": "fail", "code": "BAD_JSON"},
        {"op": "bye", "code": "BAD_JSON"},
    ]
    assert ann.client.disconnected
    assert router.chat.online.find("ann") is None


def test_the_third_line_over_the_limit_closes_the_session(router: Router) -> None:
    ann = User(router, "ann")
    for _ in range(2):
        router.refuse(ann.session, LineTooBig("long"))
    assert not ann.client.disconnected
    router.refuse(ann.session, LineTooBig("long"))
    assert ann.client.disconnected


def test_wrong_words_are_not_bad_packets(router: Router) -> None:
    ann = User(router, "ann")
    for _ in range(MAX_BAD * 2):
        ann.send("nobody", "hi")
    assert not ann.client.disconnected


def test_presence_is_told_once_a_second_to_those_who_asked() -> None:
    router, clock = make_router()
    ann, bob = User(router, "ann").hello("presence"), User(router, "bob")
    clock.advance(0)
    clock.advance(5)
    ann.shown()
    for name in ("cat", "dan"):
        User(router, name)
    clock.advance(0)
    event = ann.told()
    assert dump(event.x) == {
        "op": "event",
        "ev": "came",
        "who": ["cat", "dan"],
        "n": 2,
        "conv": EVERYONE,
        "ts": "2026-11-20T14:03:27.500Z",
    }
    assert event.msg == "cat, dan came"
    bob.send("/quit", "so long \x1b[2J")
    User(router, "eve")
    clock.advance(0.9)
    assert ann.shown() == []
    clock.advance(0.2)
    went = ann.told()
    assert went.msg == r"bob went: so long \x1b[2J"
    clock.advance(0.9)
    assert ann.shown() == []
    clock.advance(0.2)
    assert dump(ann.told().x)["who"] == ["eve"]
    clock.advance(10)
    assert ann.shown() == []


def test_who_came_and_went_between_two_packets_is_not_mentioned() -> None:
    router, clock = make_router()
    ann = User(router, "ann").hello("presence")
    clock.advance(0)
    ann.shown()
    router.chat.leave(User(router, "bob").session, "left")
    clock.advance(5)
    assert ann.shown() == []


def test_last_words_cannot_crowd_the_packet_nor_pass_for_others() -> None:
    router, clock = make_router()
    ann = User(router, "ann").hello("presence")
    users = [User(router, f"user{n}") for n in range(150)]
    clock.advance(0)
    clock.advance(5)
    ann.shown()
    for user in users:
        user.send("/quit", "\U000e0001" * 300)
    clock.advance(5)
    for packet in ann.shown():
        assert len(packet.line) < 16_384
        assert "(" not in packet.msg


def test_a_crowd_that_came_at_once_is_told_in_one_bounded_packet() -> None:
    router, clock = make_router()
    ann = User(router, "ann").hello("presence")
    clock.advance(0)
    clock.advance(5)
    ann.shown()
    for n in range(3000):
        User(router, f"user{n:04}")
    clock.advance(0)
    event = ann.told()
    assert len(event.line) < 32768
    assert dump(event.x)["n"] == 3000
    assert "more came" in event.msg


def test_presence_does_not_tell_late_watchers_of_what_was_before_them() -> None:
    router, clock = make_router()
    first = User(router, "first").hello("presence")
    clock.advance(5)
    User(router, "ann")
    clock.advance(0)  # this is told at once, what comes next a second later
    passer = User(router, "passer")
    first.send("/quit")
    passer.send("/quit")
    second = User(router, "second").hello("presence")
    clock.pump([1.0] * 3)
    assert [packet.msg for packet in second.shown()] == []


def test_a_name_may_be_written_with_the_mark_that_people_write_before_it() -> None:
    router, _ = make_router()
    ann, bob, eve = (User(router, name) for name in ("ann", "bob", "eve"))
    ann.send("@bob", "psst")
    ann.send("@Everyone", "all")
    ann.send("@@bob", "nobody")
    ann.send("@nobody", "nobody")
    assert (bob.msgs(), eve.msgs()) == (["psst", "all"], ["all"])
    assert [msg for msg in ann.msgs() if "not available" in msg] == [
        "The user @bob is not available. Send /list to see who is.",
        "The user nobody is not available. Send /list to see who is.",
    ]
