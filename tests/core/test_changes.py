"""Actions and notices, replies, edits, withdrawals, reactions and typing: what each reader is shown, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest
from twisted.internet.task import Clock

from lanchat.commands import hello
from lanchat.core.changes import EDIT_WITHIN
from lanchat.core.router import Router
from lanchat.history import pages
from lanchat.model.session import Role
from lanchat.protocol.entry import REACT, Entry
from lanchat.protocol.packet import MAX_PACKET
from lanchat.state.typing_notices import TYPING_PAUSE
from lanchat.store import word_index
from lanchat.tables import recent
from lanchat.tables.rooms import JoinRoom
from tests.fakes import User, dump, log_in, make_router, store_of
from tests.people import person

#: All caps but those that have the server send something by itself.
CAPS = hello.CAPS - {"ping", "presence"}


class Place:
    """A server with the room #ops: ann made it, bob and dan are members, and gus is a guest in it.

    ann and bob know all caps (bob on two devices), dan has a classic client, gus knows ids only.
    """

    def __init__(self) -> None:
        self.router: Router
        self.clock: Clock
        self.router, self.clock = make_router()
        for name in ("ann", "bob", "dan"):
            User(self.router, name).register().leave()
        self.ann, self.bob = log_in(self.router, "ann", *CAPS), log_in(self.router, "bob", *CAPS)
        self.phone = log_in(self.router, "bob", *CAPS, dev="phone")
        self.dan, self.gus = User(self.router, "dan"), User(self.router, "gus").hello("id", "room", "ack")
        self.dan.send("/login", "correct horse")
        self.ann.send("/create", "#ops")
        room = self.router.chat.rooms.get("#ops", self.ann.session)
        for user in (self.bob, self.dan):  # (as /join does, without an event, so that the first message has the number 1)
            account = user.session.account
            assert account is not None
            self.router.chat.store.write(JoinRoom(room.id, account.id, False))
            self.router.chat.rooms.admit(account, room, 0)
        self.router.chat.rooms.enter(self.gus.session, room)
        self.everyone = (self.ann, self.bob, self.phone, self.dan, self.gus)
        self.hush()

    def hush(self) -> None:
        """Look at nothing that came so far."""
        for user in self.everyone:
            user.shown()

    def say(self, user: User, to: str, msg: str, **x: Any) -> None:
        """Say something that nobody looks at."""
        user.send(to, msg, **x)
        self.hush()


@pytest.fixture
def place() -> Place:
    return Place()


def code(user: User) -> object:
    return dump(user.told().x).get("code")


def test_a_change_costs_what_it_takes(place: Place) -> None:
    place.say(place.ann, "#ops", "x" * 9_000)
    for text in ("short", "short, too"):
        place.say(place.ann, "#ops", text)
    long = "1 " + "x" * 9_000
    for rate, to, msg, more in (
        (1.3, "/reply", "1 hi", "1 hi"),
        (1.9, "/react", "1 !", "1 !"),
        (1.9, "/edit", "2 longer", "2 longer"),
        (3.9, "/withdraw", "2", "3"),
        (10.5, "/edit", long, long),
    ):
        place.router.chat.limits.set("packets", rate)
        place.clock.advance(3600)
        place.hush()
        place.ann.send(to, msg)
        assert "too much at once" not in "".join(place.ann.msgs()), msg
        place.ann.send(to, more)
        assert "too much at once" in place.ann.msgs()[-1], msg


# Notices and actions.


def test_an_action_is_a_kind_for_those_who_know_it_and_a_sentence_for_others(place: Place) -> None:
    place.ann.send("/me", "#ops waves", cid="1")
    assert [one["op"] for one in place.ann.xs()] == ["ack"]
    packet = place.bob.told()
    assert (packet.from_.name, packet.to, packet.msg, dump(packet.x)["kind"]) == ("ann", "#ops", "waves", "action")
    assert dump(place.gus.told().x)["kind"] == "action"
    assert place.dan.msgs() == ["[#ops] * ann waves"]
    place.dan.send("/me", "bob waves back")
    assert [(packet.msg, dump(packet.x)["kind"]) for packet in place.bob.shown()] == [("waves back", "action")]
    place.bob.send("/history", "#ops")
    assert place.bob.xs()[0]["kind"] == "action"


@pytest.mark.parametrize("caps", [None, ("id",), ("ack",)], ids=["classic", "with ids", "without ids"])
@pytest.mark.parametrize("to", ["dot", "Everyone"])
def test_what_guests_do_is_shown_to_guests(to: str, caps: tuple[str, ...] | None) -> None:
    router, _ = make_router()
    cat, dot = User(router, "cat").hello("id"), User(router, "dot")
    if caps:
        dot.hello(*caps)
    cat.send(to, "waves", kind="action")
    cat.send("/notice", f"{to} the door is open")
    told = dot.shown()
    if caps == ("id",):
        assert [(packet.msg, dump(packet.x)["kind"]) for packet in told] == [
            ("waves", "action"),
            ("the door is open", "notice"),
        ]
    else:
        assert [packet.msg for packet in told] == ["* cat waves", "the door is open"]


def test_another_kind_is_refused_and_that_of_a_classic_client_is_ignored(place: Place) -> None:
    cat, dot = User(place.router, "cat"), User(place.router, "dot").hello("id")
    cat.send("dot", "hi", kind="action")
    assert "kind" not in dump(dot.told().x)
    dot.send("cat", "hi", kind="bot", cid="1")
    assert code(dot) == "BAD_PACKET"
    assert cat.msgs() == []
    place.ann.send("#ops", "hi", kind="event", cid="1")
    assert code(place.ann) == "BAD_PACKET"


# Replies.


def test_a_reply_is_said_where_the_message_was(place: Place) -> None:
    place.say(place.ann, "bob", "lunch?")
    place.bob.send("/reply", "last yes", cid="1")
    packet = place.ann.told()
    assert (packet.to, packet.msg, dump(packet.x)["re"]) == ("ann", "yes", "e1.1")
    place.hush()
    place.ann.send("/reply", "1 at noon")
    assert [(packet.to, packet.msg, dump(packet.x)["re"]) for packet in place.bob.shown()] == [("bob", "at noon", "e1.1")]
    place.say(place.ann, "#ops", "the pump is on fire")
    place.gus.send("/reply", "last which one?")
    assert dump(place.bob.told().x)["conv"] == "#ops"
    place.dan.send("/reply", "1 I'm not in this")
    assert place.dan.msgs()[-1] == "There is no message 1 that you may read, or it was withdrawn."


def test_the_last_message_of_others_is_not_a_guests_own(place: Place) -> None:
    place.say(place.ann, "#ops", "which pump?")
    place.say(place.gus, "#ops", "hm")
    place.gus.send("/reply", "last the red one")
    assert dump(place.ann.told().x)["re"] == "e1.1"


def test_a_reply_is_for_the_room_and_the_person_of_the_message_whoever_has_the_name_now(place: Place) -> None:
    eve = person(place.router, "eve", Role.USER).hello(*CAPS)
    place.say(place.bob, "#ops", "which pump?")
    place.say(place.ann, "/rename", "#ops #pumps")
    eve.send("/create", "#ops")
    place.say(place.ann, "/join", "#ops")
    eve.shown()
    place.ann.send("/reply", "1 the red one")
    assert [(packet.to, packet.msg) for packet in place.bob.shown()] == [("#pumps", "the red one")]
    assert eve.shown() == []
    place.say(place.gus, "ann", "help!")
    place.gus.leave()
    place.clock.advance(1)
    again = User(place.router, "gus").hello(*CAPS)
    place.ann.shown()
    place.ann.send("/reply", "last coming")
    assert code(place.ann) == "NO_SUCH_TARGET"
    assert again.shown() == []


# Edits, withdrawals and reactions.


def test_an_edit_is_a_new_text_for_those_who_know_it_and_a_sentence_for_others(place: Place) -> None:
    place.say(place.bob, "#ops", "the pmup is out")
    place.bob.send("/edit", "e1.1 the pump is out", cid="1")
    ack = dump(place.bob.told().x)
    assert (ack["op"], ack["cid"], ack["id"], ack["seq"], ack["state"]) == ("ack", "1", "e1.2", 2, "stored")
    packet = place.ann.told()
    x = dump(packet.x)
    assert (packet.from_.name, packet.to, packet.msg) == ("bob", "#ops", "the pump is out")
    assert (x["op"], x["id"], x["seq"], x["conv"]) == ("edit", "e1.1", 2, "#ops")
    assert dump(place.phone.told().x)["op"] == "edit"
    assert place.dan.msgs() == ["[#ops] (edited) the pump is out"]
    packet = place.gus.told()
    assert (packet.msg, dump(packet.x)["id"], dump(packet.x)["seq"]) == ("(edited) the pump is out", "e1.2", 2)
    assert "op" not in dump(packet.x)


def test_a_withdrawal_and_reactions_reach_both_sides_of_a_private_conversation(place: Place) -> None:
    place.say(place.bob, "ann", "lunch?")
    place.ann.send("/react", "last 👍")
    for user in (place.bob, place.phone):
        packet = user.told()
        x = dump(packet.x)
        assert (packet.to, packet.msg, x["op"], x["id"], x["conv"]) == ("bob", "👍", "react", "e1.1", "@ann")
    place.hush()
    place.bob.send("/withdraw", "last")
    packet = place.ann.told()
    assert (packet.from_.name, packet.msg, dump(packet.x)["op"], dump(packet.x)["id"]) == ("bob", "", "withdraw", "e1.1")
    packet = place.phone.told()
    assert (dump(packet.x)["self_"], dump(packet.x)["conv"]) == (True, "@ann")
    assert place.bob.msgs() == ["The message is withdrawn."]
    place.ann.send("/react", "1 👎", cid="1")
    assert code(place.ann) == "NO_SUCH_TARGET"


def test_a_reaction_says_to_what_it_is(place: Place) -> None:
    place.say(place.bob, "#ops", "shall we go to the new place at the harbour for lunch today?")
    place.ann.send("/react", "1 👍")
    place.ann.send("/react", "1")
    assert place.dan.msgs() == [
        "[#ops] (reacted 👍 to: shall we go to the new place at the harb...)",
        "[#ops] (took a reaction back)",
    ]


def test_a_guest_is_shown_what_becomes_of_a_message_to_it(place: Place) -> None:
    place.say(place.ann, "gus", "lunch?")
    place.ann.send("/edit", "last lunch at noon?")
    packet = place.gus.told()
    assert (packet.to, packet.msg, dump(packet.x)["conv"]) == ("gus", "(edited) lunch at noon?", "@ann")
    place.gus.send("/edit", "1 no", cid="1")
    assert code(place.gus) == "AUTH_REQUIRED"


@pytest.mark.parametrize("renamed", [False, True])
def test_a_guest_is_shown_nothing_of_what_was_said_to_another_with_its_name(place: Place, renamed: bool) -> None:
    place.say(place.ann, "gus", "the door opens with 4711")
    place.gus.leave()
    place.clock.advance(1)
    other = User(place.router, "mallory" if renamed else "gus").hello(*CAPS)
    place.clock.advance(1)
    other.send("/name", "gus")
    place.hush()
    other.shown()
    for command, text in (("/edit", "1 the door opens with 0815"), ("/react", "1 \U0001f44d"), ("/withdraw", "1")):
        place.ann.send(command, text, cid=command)
        assert [x["op"] for x in place.ann.xs()] == ["ack"]
    assert other.shown() == []


@pytest.mark.parametrize(
    ("command", "text", "refusal"),
    [
        ("/edit", "1 hello", "FORBIDDEN"),
        ("/withdraw", "1", "FORBIDDEN"),
        ("/edit", "99 hello", "NO_SUCH_TARGET"),
        ("/edit", "e2.1 hello", "NO_SUCH_TARGET"),
        ("/edit", "x hello", "NO_SUCH_TARGET"),
        ("/edit", "-1 hello", "NO_SUCH_TARGET"),
        ("/edit", "99999999999999999999 hello", "NO_SUCH_TARGET"),
        ("/edit", "3 an edit is no message", "NO_SUCH_TARGET"),
        ("/edit", "4 of a private conversation of others", "NO_SUCH_TARGET"),
        ("/edit", "1", "USAGE"),
        ("/react", f"1 {'x' * 33}", "USAGE"),
        ("/react", "1 \x1b[31m", "USAGE"),
    ],
)
def test_what_may_not_be_changed_stays_as_it_is(place: Place, command: str, text: str, refusal: str) -> None:
    place.say(place.ann, "#ops", "the pump is on fire")
    place.say(place.bob, "#ops", "which?")
    place.say(place.ann, "/edit", "1 the red pump is on fire")
    place.say(place.ann, "dan", "psst")
    place.bob.send(command, text, cid="1")
    assert code(place.bob) == refusal
    assert all(not user.msgs() for user in place.everyone)
    assert store_of(place.router.chat).last_seq == 4


def test_own_messages_can_be_changed_for_a_time_that_the_operator_sets(place: Place) -> None:
    place.say(place.bob, "#ops", "hello")
    place.clock.advance(EDIT_WITHIN - 1)
    place.say(place.bob, "/edit", "1 hello!")
    place.clock.advance(2)
    place.bob.send("/edit", "1 hello!!", cid="1")
    place.bob.send("/withdraw", "1", cid="2")
    assert [x["code"] for x in place.bob.xs()] == ["FORBIDDEN"] * 2
    place.bob.send("/react", "1 👍", cid="3")
    place.router.chat.changes.edit_within = float("inf")
    place.bob.send("/withdraw", "1", cid="4")
    assert [x["op"] for x in place.bob.xs()] == ["ack"] * 2


def test_who_decides_in_a_room_can_withdraw_what_others_said_there(place: Place) -> None:
    place.say(place.bob, "#ops", "buy my things")
    place.say(place.bob, "#ops", "buy more of them")
    place.clock.advance(EDIT_WITHIN + 1)
    moderator = person(place.router, "mod", Role.MODERATOR)
    moderator.send("/withdraw", "1")
    assert moderator.msgs() == ["There is no message 1 that you may read, or it was withdrawn."]
    moderator.send("/join", "#ops")
    moderator.send("/withdraw", "1")
    assert moderator.msgs()[-1] == "The message is withdrawn."
    place.hush()
    place.ann.send("/withdraw", "2")
    place.ann.send("/edit", "2 mine")
    assert len(place.ann.shown()) == 2
    packet = place.bob.told()
    assert (packet.from_.name, dump(packet.x)["op"], dump(packet.x)["id"]) == ("ann", "withdraw", "e1.2")


def test_a_change_that_is_sent_again_is_made_once(place: Place) -> None:
    place.say(place.bob, "#ops", "one")
    place.say(place.bob, "#ops", "two")
    for command, text in (("/edit", "1 uno"), ("/react", "1 👍"), ("/withdraw", "last"), ("/withdraw", "1")):
        place.bob.send(command, text, cid=text)
        place.phone.client.packets.clear()
        place.phone.send(command, text, cid=text)
        first, again = dump(place.bob.shown()[0].x), dump(place.phone.told().x)
        assert again == first | {"dup": True}
        place.hush()
    assert store_of(place.router.chat).last_seq == 6


def test_what_is_sent_again_changes_no_other_message_than_the_first_time(place: Place) -> None:
    for text in ("one", "two"):
        place.say(place.bob, "#ops", text)
    place.say(place.bob, "/edit", "last deux", cid="1")
    place.say(place.ann, "/withdraw", "2")
    place.bob.send("/edit", "last deux", cid="1")
    assert code(place.bob) == "NO_SUCH_TARGET"
    place.dan.send("/history", "#ops")
    assert [line.partition(" -> ")[2] for line in place.dan.msgs()[-1:]] == ["#ops: one"]


def test_nothing_overtakes_a_change_that_was_not_stored(place: Place) -> None:
    place.say(place.bob, "#ops", "one")
    store = store_of(place.router.chat)
    store.broken = True
    place.bob.send("/edit", "1 uno", cid="1")
    assert code(place.bob) == "NOT_STORED"
    store.broken = False
    place.bob.send("#ops", "two", cid="2")
    assert code(place.bob) == "NOT_STORED"
    place.bob.send("/edit", "1 uno", cid="1")
    place.bob.send("#ops", "two", cid="2")
    assert [x["op"] for x in place.bob.xs()] == ["ack", "ack"]


def test_a_change_does_not_overtake_a_message_that_is_refused_while_it_waits(place: Place) -> None:
    store = store_of(place.router.chat)
    place.say(place.ann, "#ops", "first", cid="1")
    place.hush()
    store.held = store.broken = store.slow = True
    place.ann.send("#ops", "second", cid="2")
    place.ann.send("/edit", "", id="1", text="edited", cid="3")
    store.release()
    store.broken = False
    store.answer()
    assert [(x["cid"], x.get("code")) for x in place.ann.xs() if "cid" in x] == [("2", "NOT_STORED"), ("3", "NOT_STORED")]


def test_a_message_that_is_withdrawn_meanwhile_is_not_changed(place: Place) -> None:
    place.say(place.bob, "#ops", "one")
    store = store_of(place.router.chat)
    store.held = True
    place.bob.send("/withdraw", "1", cid="1")
    place.phone.send("/edit", "1 uno", cid="2")
    store.release()
    assert dump(place.phone.shown()[-1].x)["code"] == "NO_SUCH_TARGET"
    place.hush()
    place.ann.send("/history", "#ops")
    assert [x["op"] for x in place.ann.xs()] == ["end"]


def test_who_is_gone_before_the_message_is_found_changes_nothing(place: Place) -> None:
    place.say(place.bob, "#ops", "one")
    store = store_of(place.router.chat)
    store.slow = True
    place.bob.send("/edit", "1 uno")
    place.phone.send("/reply", "1 dos")
    place.bob.leave()
    place.phone.leave()
    place.hush()
    store.answer()
    store.answer()
    assert (store.last_seq, place.ann.msgs(), place.bob.client.faults) == (1, [], [])


def test_nobody_changes_one_message_without_end(place: Place) -> None:
    place.router.chat.limits.set("changes", 2)
    place.say(place.bob, "#ops", "one")
    for text in ("uno", "eins"):
        place.say(place.bob, "/edit", f"1 {text}")
    place.bob.send("/react", "1 👍", cid="1")
    assert code(place.bob) == "FULL"
    place.router.chat.limits.set("reactions", 1)
    place.ann.send("/react", "1 👍", cid="1")
    place.phone.shown()
    place.dan.send("/react", "1 👍")
    assert "too many reactions" in place.dan.msgs()[-1]
    place.hush()
    place.bob.send("/withdraw", "1", cid="2")
    assert dump(place.bob.told().x)["op"] == "ack"


def test_the_muted_change_nothing(place: Place) -> None:
    place.say(place.bob, "#ops", "one")
    place.say(place.ann, "/mute", "#ops bob")
    place.bob.send("/edit", "1 uno", cid="1")
    assert code(place.bob) == "MUTED"


def test_who_was_away_is_shown_what_changed(place: Place) -> None:
    place.say(place.bob, "#ops", "one")
    place.say(place.bob, "#ops", "two")
    place.ann.leave()
    for command, text in (("/edit", "1 uno"), ("/withdraw", "2"), ("/react", "1 👍")):
        place.say(place.bob, command, text)
    for caps, told in (
        (CAPS, [(None, "one"), ("edit", "uno"), ("withdraw", ""), ("react", "👍")]),
        (("id", "resume", "room"), [(None, m) for m in ("one", "(edited) uno", "(withdrew a message)", "(reacted 👍)")]),
    ):
        ann = log_in(place.router, "ann", *caps, resume={"epoch": "e1", "seq": 0})
        assert [(dump(packet.x).get("op"), packet.msg) for packet in ann.shown()[1:-1]] == told
        ann.leave()


def test_a_classic_client_that_was_away_is_shown_the_newest_text(place: Place) -> None:
    place.dan.leave()
    place.say(place.bob, "#ops", "one")
    place.say(place.bob, "#ops", "two")
    place.say(place.bob, "/edit", "1 uno")
    place.say(place.bob, "/withdraw", "2")
    dan = User(place.router, "dan")
    dan.send("/login", "correct horse")
    assert dan.msgs()[-1] == "[#ops] uno"


def test_a_server_that_stores_nothing_changes_nothing() -> None:
    router, _ = make_router(stores_messages=False)
    ann = User(router, "ann").register().hello(*CAPS)
    ann.send("/edit", "last hello", cid="1")
    assert code(ann) == "FORBIDDEN"


# Typing.


def test_typing_is_told_to_those_who_asked_for_it_and_not_too_often(place: Place) -> None:
    place.bob.send("/typing", "#ops")
    place.bob.send("/typing", "@ann")
    place.bob.send("/typing", "#OPS")
    told = [(packet.from_.name, packet.to, dump(packet.x)) for packet in place.ann.shown()]
    assert [(name, to, x["ev"], x["who"], x["conv"]) for name, to, x in told] == [
        ("SERVER", "#ops", "typing", ["bob"], "#ops"),
        ("SERVER", "ann", "typing", ["bob"], "@bob"),
    ]
    assert all(not user.shown() for user in (place.bob, place.phone, place.dan, place.gus))
    place.clock.advance(TYPING_PAUSE)
    place.bob.send("/typing", "#ops")
    assert len(place.ann.shown()) == 1
    assert store_of(place.router.chat).last_seq == 0


@pytest.mark.parametrize(("to", "refusal"), [("#lab", "NO_SUCH_TARGET"), ("zoe", "NO_SUCH_TARGET"), ("", "USAGE")])
def test_wrong_typing_is_refused(place: Place, to: str, refusal: str) -> None:
    place.bob.send("/typing", to, cid="1")
    assert code(place.bob) == refusal


# Pages and searches.


def test_pages_and_searches_show_what_is_true_now(place: Place) -> None:
    store = store_of(place.router.chat)
    for text in ("the pmup is out", "buy my things", "which pump?"):
        place.say(place.bob, "#ops", text)
    place.say(place.bob, "/edit", "1 the pump is out")
    place.say(place.bob, "/withdraw", "2")
    place.say(place.ann, "/react", "1 👍")
    recent.move_all(store.connection, store.last_seq)
    word_index.index_next(store.connection)
    for command, text in (("/history", "#ops"), ("/search", "pump")):
        place.ann.send(command, text)
        *told, _ = place.ann.shown()
        assert [(packet.msg, dump(packet.x)["seq"]) for packet in told] == [("the pump is out", 1), ("which pump?", 3)]
        x = dump(told[0].x)
        assert (x["id"], x["reactions"], "edited" in x, "op" in x) == ("e1.1", {"👍": ["ann"]}, True, False)
        place.dan.send(command, text)
        assert [line.partition(" -> ")[2] for line in place.dan.msgs()] == [
            "#ops: the pump is out (edited)", "#ops: which pump?",
        ]  # fmt: skip
    place.ann.send("/search", "pmup")
    place.ann.send("/search", "things")
    assert [x["op"] for x in place.ann.xs()] == ["end", "end"]


def test_a_page_that_fills_a_gap_has_the_changes(place: Place) -> None:
    place.say(place.bob, "#ops", "the pmup is out")
    place.say(place.bob, "/edit", "1 the pump is out")
    place.say(place.bob, "/withdraw", "1")
    place.ann.send("/history", "", after=1)
    assert [x["op"] for x in place.ann.xs()] == ["withdraw", "end"]
    place.gus.send("/history", "", after=1)
    assert [x["op"] for x in place.gus.xs()] == ["end"]


def test_a_page_counts_what_the_client_is_sent(place: Place) -> None:
    place.say(place.ann, "#ops", "which pump?")
    place.say(place.ann, "/topic", "#ops pumps")
    some = log_in(place.router, "ann", "id", "room", "history", "edit")  # (and not "event")
    some.shown()
    some.send("/history", "", after=0)
    *told, end = some.shown()
    assert ([packet.msg for packet in told], dump(end.x)["n"]) == (["which pump?"], 1)


def test_a_message_with_many_reactions_fits_into_a_packet(place: Place) -> None:
    place.say(place.ann, "#ops", "\x01" * 8192)
    store, conv = store_of(place.router.chat), place.router.chat.rooms.get("#ops", place.ann.session).conv
    for number in range(100):
        reaction, name = f"{number:2}" + "\U0001f44d" * 30, f"{number:2}" + "\u6c34" * 30
        done = Entry(conv, 1000 + number, name, "", "#ops", reaction, 0, kind=REACT, about=1)
        done.source = lambda entry: None
        store.append(done)
    place.ann.send("/history", "#ops")
    packet, _ = place.ann.shown()
    assert len(packet.line) <= MAX_PACKET + 1
    assert len(packet.msg) == 8192


def test_a_page_is_no_longer_because_of_edits(place: Place) -> None:
    long = "x" * 16_000
    for number in range(1, 13):
        place.say(place.bob, "#ops", f"number {number}")
        place.say(place.bob, "/edit", f"last {long}")
        place.clock.advance(10)
    place.ann.send("/history", "#ops", limit=12)
    *told, end = place.ann.shown()
    assert len(told) == pages.MAX_TEXT // len(long)
    assert (dump(told[0].x)["seq"], dump(end.x)["more"], dump(end.x)["before"]) == (9, True, 9)
    place.ann.send("/history", "#ops", limit=12, before=9)
    assert dump(place.ann.shown()[-2].x)["seq"] == 7
