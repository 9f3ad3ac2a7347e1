"""Delivery: what rooms and accounts are concerned with is in the log before anybody is told, and reaches each once."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from twisted.internet.defer import Deferred, fail

from lanchat.commands.history import TEXT_A_PACKET
from lanchat.core import stored_messages
from lanchat.core.replies import SURE_TO_FIT, TEXT_A_DELIVERY
from lanchat.core.router import Router
from lanchat.core.stored_messages import NOT_STORED, STORING
from lanchat.history import pages
from lanchat.model.failed_writes import RETRY_MS, SILENT, UNREAD
from lanchat.model.session import Role
from lanchat.protocol.entry import Entry
from lanchat.protocol.errors import NotStored
from lanchat.protocol.typed_lines import NOT_KEPT
from lanchat.store import word_index, writing
from lanchat.tables import accounts, recent
from tests.fakes import ALL, PASSWORD, User, dump, log_in, log_in_classic, make_router, store_of
from tests.stores import Desk


@pytest.fixture
def router() -> Router:
    return make_router()[0]


@pytest.fixture
def ann(router: Router) -> User:
    """Somebody with an account and a capable client."""
    User(router, "ann").register().leave()
    ann = log_in(router, "ann")
    ann.shown()
    return ann


@pytest.fixture
def bob(router: Router, ann: User) -> User:
    """A guest with a capable client."""
    bob = User(router, "bob").hello("id", "ack", "room")
    ann.shown()
    return bob


def full(entry: object) -> None:
    """What a store does that takes no more."""
    raise NotStored("full", retry_ms=1000)


class Chat:
    """A router with a real log."""

    def __init__(self, directory: Path, ephemeral: bool = False) -> None:
        self.desk = Desk(directory, ephemeral=ephemeral)
        self.router, _ = make_router()
        self.accounts = self.desk.read(accounts.load)
        self.desk.store.committed = self.router.chat.stored.committed
        self.router.chat.begin(self.desk.store, self.accounts, [])

    def registered(self, name: str) -> User:
        """Somebody who has just made an account."""
        user = User(self.router, name)
        user.send("/register", PASSWORD)
        self.until_told(user)
        user.shown()
        return user

    def until_told(self, user: User) -> None:
        """Let the store work until somebody has been told something."""
        while not user.client.packets:
            self.desk.turn()


def logged(router: Router) -> list[tuple[object, ...]]:
    """What is in the log."""
    return store_of(router.chat).connection.execute("SELECT seq, conv, name, target, msg FROM log").fetchall()


# Between whom.


def test_a_guest_to_an_account_is_stored_delivered_and_acknowledged(router: Router, ann: User, bob: User) -> None:
    bob.send("ANN", "hi", cid="7", re="e1.0")
    (packet,) = ann.shown()
    assert (packet.from_.name, packet.to, packet.msg) == ("bob", "ann", "hi")
    x = dump(packet.x)
    assert (x["id"], x["seq"], x["conv"], x["re"]) == ("e1.1", 1, "@bob", "e1.0")
    assert dump(bob.told().x) == {"op": "ack", "cid": "7", "id": "e1.1", "seq": 1, "state": "stored", "ts": x["ts"]}
    assert len(logged(router)) == 1


def test_an_account_to_a_guest_is_stored_too(router: Router, ann: User, bob: User) -> None:
    ann.send("bob", "hi", cid="7")
    assert dump(bob.told().x)["conv"] == "@ann"
    assert dump(ann.told().x)["state"] == "stored"
    assert logged(router) == [(1, f"g{ann.session.account.id}xbob", "ann", "bob", "hi")]  # type: ignore[union-attr]


def test_two_accounts_share_one_conversation(router: Router, ann: User) -> None:
    zoe = User(router, "zoe").register()
    ann.send("zoe", "hi")
    zoe.send("ann", "hello")
    assert [row[1] for row in logged(router)] == ["p1x2", "p1x2"]


def test_what_is_said_to_oneself_is_kept(router: Router, ann: User) -> None:
    ann.send("ann", "remember", cid="1")
    word, ack = ann.shown()
    assert (word.msg, dump(word.x)["conv"], dump(ack.x)["op"]) == ("remember", "@ann", "ack")
    assert [row[1] for row in logged(router)] == ["p1x1"]


def test_between_guests_nothing_is_kept(router: Router, bob: User) -> None:
    cat = User(router, "cat")
    cat.send("bob", "hi")
    assert bob.told().msg == "hi"
    assert logged(router) == []


def test_what_is_said_to_who_is_away_is_kept_and_the_sender_told(router: Router, ann: User, bob: User) -> None:
    ann.leave()
    cat = User(router, "cat")
    cat.send("ann", "hi")
    assert cat.told().msg == "ann is away. Your message is kept, and shown when they are back."
    bob.send("ann", "hi", cid="1")
    assert "is away" in (packet := bob.told()).msg
    assert dump(packet.x)["state"] == "stored"


def test_a_guest_who_went_while_it_was_stored_is_not_available(router: Router, ann: User, bob: User) -> None:
    store_of(router.chat).held = True
    ann.send("bob", "hi", cid="1")
    bob.leave()
    store_of(router.chat).release()
    assert ann.msgs() == ["The user bob is no longer available."]


def test_who_knows_no_rooms_reads_in_the_text_where_it_was_said(router: Router, ann: User, bob: User) -> None:
    ann.send("/create", "#ops")
    classic, plain = User(router, "cat"), User(router, "dan").hello("id")
    for user in (classic, plain, bob):
        user.send("/join", "#ops")
    for user in (ann, classic, plain, bob):
        user.shown()
    ann.send("#ops", "news")
    assert classic.told().msg == plain.told().msg == "[#ops] news"
    assert bob.told().msg == "news"


# When.


def test_nobody_is_told_of_anything_before_it_is_stored(router: Router, ann: User, bob: User) -> None:
    store_of(router.chat).held = True
    bob.send("ann", "hi", cid="1")
    assert ann.shown() == bob.shown() == []
    assert bob.session.pending == 1
    store_of(router.chat).release()
    assert ann.msgs() == ["hi"]
    assert [x["op"] for x in bob.xs()] == ["ack"]
    assert bob.session.pending == 0


def test_what_could_not_be_stored_is_delivered_to_nobody_and_refused(router: Router, ann: User, bob: User) -> None:
    cat = User(router, "cat")
    store_of(router.chat).broken = True
    bob.send("ann", "hi", cid="1")
    cat.send("ann", "hi")
    assert ann.shown() == []
    assert [(x["op"], x["code"], x["cid"]) for x in bob.xs()] == [("fail", "NOT_STORED", "1")]
    assert "could not be stored" in cat.told().msg
    assert bob.session.pending == cat.session.pending == 0
    assert router.chat.counts.not_stored == 2


def test_a_store_that_takes_no_more_refuses_that_and_what_is_behind_it_and_nothing_is_pending(
    router: Router, ann: User, bob: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(store_of(router.chat), "append", full)
        bob.send("ann", "hi", cid="1")
    bob.send("ann", "hello", cid="2")
    assert [(x["op"], x["code"], x["retry_ms"]) for x in bob.xs()] == [
        ("fail", "NOT_STORED", 1000),
        ("fail", "NOT_STORED", RETRY_MS),
    ]
    assert bob.session.pending == 0


def test_what_was_on_its_way_behind_what_could_not_be_stored_does_not_go_past_it(router: Router, ann: User, bob: User) -> None:
    store_of(router.chat).broken = True
    bob.send("ann", "one", cid="1")
    store_of(router.chat).broken = False
    bob.send("ann", "two", cid="2")  # before it has read that
    bob.send("ann", "three")
    refused = [(x.get("cid"), x["code"], x["retry_ms"]) for x in bob.xs()]
    assert refused == [("1", "NOT_STORED", RETRY_MS), ("2", "NOT_STORED", RETRY_MS), (None, "NOT_STORED", RETRY_MS)]
    assert ann.shown() == []
    for cid, msg in (("1", "one"), ("4", "four"), ("2", "two"), ("4", "four"), ("5", "five")):
        bob.send("ann", msg, cid=cid)
    assert ann.msgs() == ["one", "two", "four", "five"]
    assert [x["op"] for x in bob.xs()] == ["ack", "fail", "ack", "ack", "ack"]


def test_who_does_not_send_again_what_was_refused_may_say_something_else_in_a_moment(
    router: Router, ann: User, bob: User
) -> None:
    store_of(router.chat).broken = True
    bob.send("ann", "one", cid="1")
    store_of(router.chat).broken = False
    router.chat.clock.advance(UNREAD - 0.1)  # type: ignore[attr-defined]  # it is a test's
    bob.send("ann", "two", cid="2")
    router.chat.clock.advance(0.2)  # type: ignore[attr-defined]  # the same
    bob.send("ann", "three", cid="3")
    assert logged(router) == []
    router.chat.clock.advance(SILENT - UNREAD)  # type: ignore[attr-defined]  # the same
    bob.send("ann", "four", cid="4")
    assert [row[-1] for row in logged(router)] == ["four"]


def test_who_sends_again_in_order_keeps_its_order_however_the_refusals_were_told(router: Router, ann: User, bob: User) -> None:
    store_of(router.chat).held = True
    bob.send("ann", "one", cid="1")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(store_of(router.chat), "append", full)
        bob.send("ann", "two", cid="2")
    store_of(router.chat).broken = True
    store_of(router.chat).release()
    store_of(router.chat).held = store_of(router.chat).broken = False
    assert [x["cid"] for x in bob.xs()] == ["2", "1"]
    for cid, msg in (("1", "one"), ("2", "two"), ("3", "three")):
        bob.send("ann", msg, cid=cid)
    assert ann.msgs() == ["one", "two", "three"]


def test_others_and_who_counts_on_no_acknowledgement_speak_as_soon_as_there_is_room(
    router: Router, ann: User, bob: User
) -> None:
    classic = User(router, "cat")
    store_of(router.chat).broken = True
    bob.send("ann", "one", cid="1")
    classic.send("ann", "one")
    store_of(router.chat).broken = False
    classic.send("ann", "two")
    User(router, "dan").hello("ack").send("ann", "hi", cid="1")
    assert ann.msgs() == ["two", "hi"]


def test_two_may_read_what_they_say_also_when_the_first_word_of_it_was_not_stored(router: Router, ann: User) -> None:
    zoe = User(router, "zoe").register()
    store_of(router.chat).broken = True
    zoe.send("ann", "one")
    store_of(router.chat).broken = False
    zoe.send("ann", "two")
    kept = (
        store_of(router.chat).connection.execute("SELECT account FROM members WHERE conv = 'p1x2' ORDER BY account").fetchall()
    )
    assert kept == [(1,), (2,)]


def test_no_word_is_stored_that_one_of_the_two_may_not_read_after_a_restart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writing, "BATCH", 1)  # the word is in another batch than what fails
    chat = Chat(tmp_path)
    ann, zoe = chat.registered("ann"), chat.registered("zoe")
    with monkeypatch.context() as broken:
        broken.setattr(accounts.AllowReading, "run", lambda self, connection: connection.rollback())
        zoe.send("ann", "one", cid="1")
        chat.until_told(zoe)
    assert (zoe.msgs(), ann.shown()) == ([NOT_STORED], [])
    zoe.send("ann", "one", cid="1")
    chat.until_told(ann)
    assert ann.msgs() == ["one"]
    kept = chat.desk.ask("SELECT account FROM members WHERE conv = 'p1x2' ORDER BY account")
    chat.desk.close()
    assert kept == [(1,), (2,)]


def test_what_is_too_big_makes_no_conversation(router: Router, ann: User, bob: User) -> None:
    bob.send("ann", "\0" * 16000, cid="1")
    assert [x["code"] for x in bob.xs()] == ["TOO_BIG"]
    ann.send("/history", "@bob")
    assert "no stored messages" in ann.told().msg


# Once.


def test_a_repeat_gets_the_first_ack_again_and_reaches_nobody(router: Router, ann: User) -> None:
    zoe = User(router, "zoe")
    ann.send("zoe", "hi", cid="1")
    (first,) = ann.xs()
    zoe.shown()
    ann.leave()
    again = log_in(router, "ann", dev="other")
    again.shown()
    again.send("zoe", "hi", cid="1")
    (second,) = again.xs()
    assert second == first | {"dup": True}
    assert zoe.shown() == []
    assert len(logged(router)) == 1


def test_a_repeat_while_the_first_is_on_its_way_is_one_message(router: Router, ann: User) -> None:
    zoe = User(router, "zoe")
    phone = log_in(router, "ann", dev="phone")
    phone.shown(), zoe.shown()
    store_of(router.chat).held = True
    ann.send("zoe", "hi", cid="1")
    phone.send("zoe", "hi", cid="1")
    store_of(router.chat).release()
    assert zoe.msgs() == ["hi"]
    acks = [x for user in (ann, phone) for x in user.xs() if x.get("op") == "ack"]
    assert [(x["seq"], x.get("dup")) for x in acks] == [(1, None), (1, True)]


def test_after_it_was_refused_the_same_id_may_be_sent_again(router: Router, ann: User) -> None:
    zoe = User(router, "zoe")
    store_of(router.chat).broken = True
    ann.send("zoe", "hi", cid="1")
    store_of(router.chat).broken = False
    ann.shown()
    ann.send("zoe", "hi", cid="1")
    assert [(x["op"], x.get("dup")) for x in ann.xs()] == [("ack", None)]
    assert zoe.msgs() == ["hi"]


def repeat(user: User, to: str) -> list[dict[str, object]]:
    """What is answered to the message that was stored first, when it is sent again."""
    user.shown()
    user.send(to, "hi", cid="1")
    return user.xs()


@pytest.mark.parametrize("what", ["leaves", "is muted", "is closed"])
def test_a_repeat_to_a_room_is_one_whatever_has_become_of_the_room(router: Router, ann: User, what: str) -> None:
    zoe = User(router, "zoe").register().hello("id", "ack")
    zoe.session.role = zoe.session.account.role = Role.MODERATOR  # type: ignore[union-attr]
    zoe.send("/create", "#ops")
    ann.send("/join", "#ops")
    ann.shown()
    ann.send("#ops", "hi", cid="1")
    (first,) = ann.xs()
    if what == "leaves":
        ann.send("/leave", "#ops")
    elif what == "is muted":
        zoe.send("/mute", "ann")
    else:
        zoe.send("/close", "#ops")
    assert repeat(ann, "#ops") == [first | {"dup": True}]
    ann.send("#ops", "something else", cid="1")
    assert [(x["op"], x.get("dup")) for x in ann.xs()] == [("fail", None)]
    ann.send("#ops", "hi", cid="2")
    assert [x["op"] for x in ann.xs()] == ["fail"]
    ann.send("#ops", "hi")
    assert [x["op"] for x in ann.xs()] == ["fail"]


def test_a_repeat_to_a_guest_is_one_after_the_guest_has_gone(router: Router, ann: User, bob: User) -> None:
    ann.send("bob", "hi", cid="1")
    (first,) = ann.xs()
    bob.leave()
    assert repeat(ann, "bob") == [first | {"dup": True}]
    User(router, "bob").register()
    assert repeat(ann, "BOB") == [first | {"dup": True}]
    assert len(logged(router)) == 1


def test_a_repeat_by_pm_is_one_too(router: Router, ann: User, bob: User) -> None:
    ann.send("/pm", "bob hi", cid="1")
    bob.leave()
    ann.shown()
    ann.send("/pm", "bob hi", cid="1")
    assert [(x["op"], x.get("dup")) for x in ann.xs()] == [("ack", True)]


def test_whether_it_is_a_repeat_is_told_when_the_first_is_there_or_is_not(router: Router, ann: User, bob: User) -> None:
    store_of(router.chat).held = True
    ann.send("bob", "hi", cid="1")
    bob.leave()
    phone = log_in(router, "ann", dev="phone")  # (it waits for its place, which is behind that)
    ann.shown()
    ann.send("bob", "hi", cid="1")
    assert ann.xs() == []
    store_of(router.chat).release()
    assert [(x["op"], x.get("dup")) for x in ann.xs()] == [("ack", None), ("ack", True)]
    assert phone.session.account is not None


def test_while_the_disk_is_full_a_repeat_whose_addressee_is_gone_is_refused_for_now(
    router: Router, ann: User, bob: User
) -> None:
    ann.send("bob", "hi", cid="1")
    bob.leave()
    ann.shown()

    def full(sent: object) -> Deferred[None]:
        return fail(NotStored("full", retry_ms=RETRY_MS))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(store_of(router.chat), "find_repeated", full)
        assert [(x["op"], x["code"], x["retry_ms"]) for x in repeat(ann, "bob")] == [("fail", "NOT_STORED", RETRY_MS)]
    assert [x["op"] for x in repeat(ann, "bob")] == ["ack"]


def test_a_second_message_under_an_old_id_is_another_message(router: Router, ann: User, bob: User) -> None:
    zoe = User(router, "zoe").register()
    ann.send("ann", "a note to myself", cid="1")
    ann.shown()
    ann.send("zoe", "the pump is on fire", cid="1")
    assert [(x["op"], x["seq"], x.get("dup"), x["cid"]) for x in ann.xs()] == [("ack", 2, None, "1")]
    assert zoe.msgs() == ["the pump is on fire"]


# Cursors.


def cursor(router: Router, device: str) -> int | None:
    """How far a device has come, as the disk knows it."""
    found = store_of(router.chat).connection.execute("SELECT cursor FROM devices WHERE name = ?", (device,)).fetchone()
    return None if found is None else int(found[0])


def test_an_ack_moves_the_cursor_forward_only_and_not_beyond_the_newest(router: Router, ann: User, bob: User) -> None:
    for n in range(5):
        bob.send("ann", str(n))
    for seq in (3, 2, -1, 0):
        ann.send("/ack", seq=seq)
    assert [x for x in ann.xs() if x.get("op")] == []  # no reply
    router.chat.cursors.write()
    assert cursor(router, "resume") == 3
    ann.send("/ack", seq=10**30)
    router.chat.cursors.write()
    assert cursor(router, "resume") == 5


def test_cursors_are_written_within_a_second_and_before_the_device_comes_again(router: Router, ann: User, bob: User) -> None:
    bob.send("ann", "one")
    ann.send("/ack", seq=1)
    assert cursor(router, "resume") == 0
    ann.leave()
    again = log_in(router, "ann")
    assert [x.get("op") for x in again.xs()] == ["welcome", "end"]
    again.send("/ack", seq=1)
    router.chat.clock.advance(1.1)  # type: ignore[attr-defined]  # it is a test's
    assert cursor(router, "resume") == 1


def test_a_guest_has_no_cursor(router: Router, bob: User) -> None:
    bob.send("/ack", seq=1)
    assert bob.shown() == []


def test_a_new_device_begins_where_the_account_is(router: Router, ann: User, bob: User) -> None:
    bob.send("ann", "one")
    ann.send("/ack", seq=1)
    assert [x.get("op") for x in log_in(router, "ann", dev="new").xs()] == ["welcome", "end"]
    assert cursor(router, "new") == 1


@pytest.mark.parametrize("limit", ["2", "off"])
def test_a_device_too_many_takes_the_place_of_the_one_longest_not_seen(router: Router, ann: User, limit: str) -> None:
    router.chat.limits.set("devices", limit)
    ann.leave()
    for dev in ("a", "b", "a", "c"):
        router.chat.clock.advance(1)  # type: ignore[attr-defined]  # as above
        log_in(router, "ann", dev=dev).leave()
    known = [row[0] for row in store_of(router.chat).connection.execute("SELECT name FROM devices ORDER BY name")]
    assert known == (["", "a", "c"] if limit == "2" else ["", "a", "b", "c", "resume"])
    assert router.chat.limits.met["devices"] == (2 if limit == "2" else 0)


# Reading back.


def test_a_page_of_a_conversation_with_its_end(router: Router, ann: User, bob: User) -> None:
    for n in range(3):
        bob.send("ann", str(n))
    ann.shown()
    ann.send("/history", target="@bob", limit=2, cid="h")
    *batch, end = ann.shown()
    assert [(packet.msg, dump(packet.x)["batch"]) for packet in batch] == [("1", "h"), ("2", "h")]
    assert dump(end.x) == {"op": "end", "cid": "h", "batch": "h", "n": 2, "more": True, "before": 2}
    ann.send("/history", target="@bob", limit=2, before=2, cid="h")
    *batch, end = ann.shown()
    assert [packet.msg for packet in batch] == ["0"]
    assert dump(end.x)["more"] is False


@pytest.mark.parametrize("asked", ["2 before 4", "BEFORE 4 2", " 2  before  4 "])
def test_a_page_in_words(router: Router, ann: User, bob: User, asked: str) -> None:
    for n in range(4):
        bob.send("ann", str(n))
    classic = log_in_classic(router, "ann")
    classic.shown()
    classic.send("/history", f"bob {asked}")
    *lines, more = classic.msgs()
    assert [line.split(" ", 2)[2] for line in lines] == ["bob -> ann: 1", "bob -> ann: 2"]
    assert more == "There is more: /history @bob 2 before 2"


@pytest.mark.parametrize("caps", [(), ALL])
def test_a_page_costs_what_is_shown_whoever_reads_it(router: Router, ann: User, bob: User, caps: tuple[str, ...]) -> None:
    reader = log_in(router, "ann", *caps) if caps else log_in_classic(router, "ann")
    costs = []
    for n in range(3):
        bob.send("ann", "x " + "y" * 8000 * n)
        before = reader.session.packets.available(2000, router.chat.clock.seconds())
        reader.send("/history", "bob")
        costs.append(before - reader.session.packets.available(2000, router.chat.clock.seconds()))
    one, two, three = costs
    assert two - one == pytest.approx(8000 / TEXT_A_PACKET, abs=1.5)
    assert three - two == pytest.approx(16_000 / TEXT_A_PACKET, abs=1.5)


@pytest.mark.parametrize(("ask", "cost"), [("/history", 12), ("/search", 20)])
def test_to_look_for_something_costs_also_where_nothing_is_found(router: Router, ann: User, ask: str, cost: int) -> None:
    before = ann.session.packets.available(2000, router.chat.clock.seconds())
    ann.send(ask, "pump" if ask == "/search" else "")
    assert before - ann.session.packets.available(2000, router.chat.clock.seconds()) == cost


def test_who_asked_for_much_is_read_no_faster(router: Router, ann: User, bob: User) -> None:
    for _ in range(20):
        bob.send("ann", "x" * 16_000)
    classic = log_in_classic(router, "ann")
    classic.shown()
    for _ in range(200):
        classic.send("/history", "bob")
    shown = [text for text in classic.msgs() if "bob -> ann" in text]
    assert len(shown) * 16_000 / TEXT_A_PACKET < 2500


@pytest.mark.parametrize("asked", ["before", "20 behind 3", "1" * 40 + "x", "1" * 16000, "-3", "1 2 x", "before before 1"])
def test_what_is_no_page_is_refused_at_once(ann: User, bob: User, asked: str) -> None:
    bob.send("ann", "hi")
    ann.shown()
    ann.send("/history", f"bob {asked}")
    assert ann.told().msg.startswith("Usage: /history")


@pytest.mark.parametrize("x", [{"before": -(10**30)}, {"after": 10**30}, {"around": -1}, {"limit": -5}, {"limit": 10**30}])
def test_a_page_from_nowhere_is_a_page_all_the_same(router: Router, ann: User, bob: User, x: Any) -> None:
    bob.send("ann", "hi")
    ann.shown()
    ann.send("/history", target="@bob", **x)
    assert ann.xs()[-1]["op"] == "end"


def test_in_lines_no_message_can_pretend_to_be_two(router: Router, ann: User, bob: User) -> None:
    bob.send("ann", "one\n2026-11-20 14:03 cat -> ann: two")
    classic = log_in_classic(router, "ann")
    classic.shown()
    classic.send("/history", "bob")
    (line,) = classic.msgs()
    assert "\n" not in line


def test_what_one_just_said_is_on_the_page(router: Router, ann: User, bob: User) -> None:
    store_of(router.chat).held = True
    bob.send("ann", "hi")
    ann.send("bob", "hello")
    ann.send("/history", target="@bob", cid="h")
    store_of(router.chat).release()
    batch = [packet.msg for packet in ann.shown() if dump(packet.x).get("batch") == "h"]
    assert batch == ["hi", "hello", ""]


def test_pages_can_be_read_while_nothing_can_be_stored(router: Router, ann: User, bob: User) -> None:
    bob.send("ann", "hi")
    store_of(router.chat).broken = True
    ann.session.pending += 1  # (one that will not come back)
    ann.shown()
    ann.send("/history", target="@bob")
    assert [x.get("op") for x in ann.xs()] == [None, "end"]


def test_words_are_found_in_ones_own_conversations_only(router: Router, ann: User, bob: User) -> None:
    zoe = User(router, "zoe").register()
    bob.send("ann", "the pump is back")
    recent.move_all(store_of(router.chat).connection, store_of(router.chat).last_seq)
    word_index.index_next(store_of(router.chat).connection)
    ann.shown()
    ann.send("/search", "pump", cid="s")
    assert [x.get("op") for x in ann.xs()] == [None, "end"]
    zoe.send("/search", "pump")
    assert zoe.told().msg == f"There is nothing with these words. {NOT_KEPT}"
    zoe.send("/history", "@ann")
    assert "no stored messages between you and @ann" in zoe.told().msg


def test_a_guest_reads_nothing_of_what_was_said_to_its_name(router: Router, ann: User, bob: User) -> None:
    ann.send("bob", "secret")
    bob.leave()
    other = User(router, "bob")
    for ask in ("@ann", "ann", ""):
        other.send("/history", ask)
    assert not any("secret" in msg for msg in other.msgs())
    other.register()
    other.send("/history", "@ann")
    assert "no stored messages" in other.told().msg


# With the real log.


def test_what_was_said_before_a_restart_is_there_after_it(tmp_path: Path) -> None:
    chat = Chat(tmp_path)
    ann = chat.registered("ann")
    ann.leave()
    bob = User(chat.router, "bob")
    bob.send("ann", "before")
    chat.until_told(bob)
    chat.desk.close()
    chat = Chat(tmp_path)
    page = chat.desk.read(lambda connection: pages.page(connection, chat.accounts[0].conversations))
    assert [entry.msg for entry in page.entries] == ["before"]
    chat.desk.close()


def test_without_a_log_accounts_are_kept_and_messages_are_not(tmp_path: Path) -> None:
    chat = Chat(tmp_path, ephemeral=True)
    ann = chat.registered("ann").hello("id", "ack")
    bob = User(chat.router, "bob").hello("id", "ack")
    bob.send("ann", "hi", cid="1")
    chat.until_told(bob)
    assert bob.xs()[0]["state"] == "relayed"
    assert ann.msgs()[-1] == "hi"
    chat.desk.close()
    chat = Chat(tmp_path)
    assert [account.name.shown for account in chat.accounts] == ["ann"]
    assert chat.desk.ask("SELECT count(*) FROM log") == [(0,)]
    chat.desk.close()


@pytest.mark.parametrize("behind", [False, True])
def test_much_for_many_readers_is_delivered_over_several_turns(
    router: Router, monkeypatch: pytest.MonkeyPatch, behind: bool
) -> None:
    monkeypatch.setattr(stored_messages, "READERS_A_TURN", 5)
    ann, store, settled = User(router, "ann").register(), store_of(router.chat), list[int]()
    ann.send("/create", "#ops")
    readers = [User(router, f"user{n}").hello("history", "room") for n in range(3)]
    for reader in readers:
        reader.send("/join", "#ops")
        reader.shown()
        reader.client.is_behind = behind

    def committed(entries: Iterator[Entry]) -> bool:
        more = router.chat.stored.committed(entries)
        settled.append(5 - ann.session.pending)
        return more

    monkeypatch.setattr(store, "_committed", committed)
    store.held, texts = True, [str(number) for number in range(5)]
    for text in texts:
        ann.send("#ops", text)
    store.release()
    assert settled == [2, 4, 5]
    assert all(reader.msgs() == ([] if behind else texts) for reader in readers)


def test_a_long_text_that_is_stored_costs_more_than_its_readers(router: Router, bob: User) -> None:
    User(router, "zoe").register().leave()
    size = SURE_TO_FIT + TEXT_A_DELIVERY
    for text, cost in (("x" * SURE_TO_FIT, 0.0), ("x" * size, STORING * (1 + size // TEXT_A_DELIVERY) / 20)):
        before = bob.session.packets.available(10_000, router.chat.clock.seconds())
        bob.send("zoe", text)
        assert before - bob.session.packets.available(10_000, router.chat.clock.seconds()) == pytest.approx(cost)


def test_words_to_many_connections_of_one_account_cost_what_words_to_a_room_cost(router: Router, bob: User) -> None:
    User(router, "zoe").register().leave()
    phones = [log_in_classic(router, "zoe") for _ in range(40)]
    bob.send("zoe", "x" * 10 * TEXT_A_DELIVERY)
    before = bob.session.packets.available(10_000, router.chat.clock.seconds())
    bob.send("zoe", "x" * 10 * TEXT_A_DELIVERY)
    assert before - bob.session.packets.available(10_000, router.chat.clock.seconds()) == 40 * 11 / 20
    router.chat.limits.set("packets", 1)
    bob.session.packets.take(10, router.chat.clock.seconds())
    for phone in phones:
        phone.shown()
    bob.send("zoe", "too much")
    assert "too much at once" in bob.shown()[-1].msg
    assert not any(phone.shown() for phone in phones)
