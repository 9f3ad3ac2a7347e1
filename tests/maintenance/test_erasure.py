"""Erasure, with real files: what goes, what stays, and what the file still holds."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from sqlite3 import Connection

import pytest
from twisted.internet.defer import Deferred, succeed

from lanchat.core.router import Router
from lanchat.maintenance import rewrite
from lanchat.model.names import parse, stored_name
from lanchat.model.room import parse_name
from lanchat.model.sanction import Sanction
from lanchat.model.session import Account, Role
from lanchat.protocol.entry import ERASED
from lanchat.service.operations import Operations
from lanchat.service.requests import Done, Failed, Purge, Remove, Request, SetPassword, SetRole
from lanchat.service.traces import Traces
from lanchat.store import erasure
from lanchat.store.word_index import MergeIndex
from lanchat.tables import accounts, recent, rooms, sanctions
from tests.fakes import make_router
from tests.shelf import Shelf, digest_of
from tests.stores import Desk, entry, raw

VICTOR = parse("victor")


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    """A store with the accounts victor (1) and wanda (2)."""
    with Desk(tmp_path) as one:
        for name in ("victor", "wanda"):
            one.write(partial(accounts.add, name=parse(name), password="", role=Role.USER, now=0, most=9))
        yield one


def erase(desk: Desk) -> erasure.Erasure:
    """All steps but the last; what came of them."""
    begun = desk.write(erasure.BeginErasure(VICTOR))
    while begun.after < begun.upto:
        begun = desk.write(erasure.EraseMessages(begun))
    first = True
    while desk.write(MergeIndex(first)):
        first = False
    return begun


def test_what_the_free_parts_of_the_file_still_hold_goes_when_it_is_rewritten(desk: Desk, tmp_path: Path) -> None:
    def leave_traces(connection: Connection) -> None:
        connection.execute("PRAGMA secure_delete = 0")  # on some systems it is on, and leaves fewer of them

    desk.write(leave_traces)
    desk.say(*(entry(f"zebra{number} " * 50, author=1 + number % 2) for number in range(500)))
    desk.write(lambda connection: None)
    erase(desk)
    desk.write(rewrite.SetWait(rewrite.LONG_WAIT))
    held = _content(tmp_path)
    assert b"zebra2 " in held
    desk.wait(rewrite.rewrite(desk.store))
    assert b"zebra2 " not in _content(tmp_path)
    assert b"zebra1 " in _content(tmp_path)
    desk.write(rewrite.SetWait(rewrite.USUAL_WAIT))


def _content(directory: Path) -> bytes:
    return b"".join(file.read_bytes() for file in directory.glob("lanchat.db*"))


def test_what_is_said_while_the_file_is_rewritten_waits_and_is_kept(desk: Desk) -> None:
    desk.write(rewrite.SetWait(rewrite.LONG_WAIT))
    rewritten = rewrite.rewrite(desk.store)
    said = desk.say(*(entry(f"number {number}", author=2) for number in range(100)))
    desk.wait(rewritten)
    assert [one.state for one in said] == ["stored"] * 100


def test_only_what_was_said_to_them_alone_loses_their_name(desk: Desk) -> None:
    desk.say(
        entry("in a room", author=2, target="#ops"),
        entry("to him", author=2, conv="p1x2", target="victor"),
        entry("from a guest", author=None, conv="g1xgus", target="victor"),
        entry("of another pair", author=2, conv="p2x11", target="victoria"),
        entry("his own", author=1, conv="p1x2", target="wanda"),
    )
    erase(desk)
    assert desk.ask("SELECT msg, target FROM log ORDER BY seq") == [
        ("in a room", "#ops"),
        ("to him", "(erased)"),
        ("from a guest", "(erased)"),
        ("of another pair", "victoria"),
    ]


@pytest.mark.parametrize("again", [False, True], ids=["no account", "another account"])
def test_accounts_of_the_name_that_were_removed_are_erased_and_guests_are_not(desk: Desk, again: bool) -> None:
    desk.write(accounts.RemoveAccount(1))
    if again:
        desk.write(partial(accounts.add, name=VICTOR, password="", role=Role.USER, now=0, most=9))
    desk.say(
        entry("his own", author=1, name="victor"),
        entry("so spelt", author=1, name="Victor", conv="p1x2", target="wanda"),
        entry("of another who is removed", author=9, name="gus"),
        entry("of another who is here", author=2, name="wanda"),
        entry("to him", author=2, name="wanda", conv="p1x2", target="Victor"),
        entry("from a guest to him", author=None, name="gus", conv="g1xgus", target="victor"),
        entry("as a guest", author=None, name="victor", conv="g2xvictor", target="wanda"),
        entry("to the guest", author=2, name="wanda", conv="g2xvictor", target="victor"),
        entry("to the guest from one who is removed", author=9, name="gus", conv="g9xvictor", target="victor"),
        entry("as a guest in a room", author=None, name="victor"),
    )
    begun = erase(desk)
    assert (begun.found, begun.messages, begun.addressed) == (True, 2, 2)
    assert desk.ask("SELECT msg, name, target FROM log ORDER BY seq") == [
        ("of another who is removed", "gus", "#ops"),
        ("of another who is here", "wanda", "#ops"),
        ("to him", "wanda", "(erased)"),
        ("from a guest to him", "gus", "(erased)"),
        ("as a guest", "victor", "wanda"),
        ("to the guest", "wanda", "victor"),
        ("to the guest from one who is removed", "gus", "victor"),
        ("as a guest in a room", "victor", "#ops"),
    ]


def test_what_was_said_to_an_account_that_is_there_keeps_its_name(desk: Desk) -> None:
    number = desk.write(partial(accounts.add, name=parse("vic"), password="", role=Role.USER, now=0, most=9)).id
    desk.say(entry("to vic", author=2, name="wanda", conv=f"p2x{number}", target="vic"))
    desk.say(entry("by vic", author=number, name="vic", conv=f"p2x{number}", target="wanda"))
    assert not desk.write(erasure.EraseMessages(erasure.Erasure("vic", frozenset({"vic"}), 0, 2, found=False))).found
    assert desk.ask("SELECT name, target FROM log ORDER BY seq") == [("wanda", "vic"), ("vic", "wanda")]


def test_a_damaged_message_is_not_mended_by_the_way(desk: Desk) -> None:
    desk.say(entry("to him", author=2, conv="p1x2", target="victor"))
    desk.write(lambda connection: recent.move_all(connection, 1))
    desk.write(lambda connection: connection.execute("UPDATE kept SET msg = 'changed'").rowcount)
    ((before,),) = desk.ask("SELECT sum FROM log")
    erase(desk)
    assert desk.ask("SELECT target, sum FROM log") == [("(erased)", before)]


def test_nothing_is_owed_to_them_or_decided_about_or_by_them_any_more(desk: Desk) -> None:
    def decide(connection: Connection) -> None:
        accounts.AllowReading(1, "p1x2", 0).run(connection)
        accounts.EnterDevice(1, "phone", 0, 9).run(connection)
        for target, by in (("@1", "wanda"), ("victor", "wanda"), ("@2", "Victor")):
            connection.execute(
                "INSERT INTO sanctions(kind, target, reason, by_name, at) VALUES ('mute', ?, '', ?, 0)", (target, by)
            )

    desk.write(decide)
    erase(desk)
    for table in ("members", "devices", "tokens"):
        assert desk.ask(f"SELECT * FROM {table}") == []  # noqa: S608 (our own words)
    assert desk.ask("SELECT target, by_name FROM sanctions") == [("@2", "(erased)")]
    assert desk.ask("SELECT name FROM accounts") == [("wanda",)]


def test_why_they_decided_something_is_not_kept(desk: Desk) -> None:
    def decide(connection: Connection) -> None:
        for number, by, why in ((1, "Victor", "his"), (2, "wanda", "hers"), (3, ERASED, "of before")):
            row = (number, "bob", why, by)
            connection.execute("INSERT INTO sanctions VALUES (?, 'mute', NULL, ?, NULL, ?, ?, 0)", row)

    desk.write(decide)
    erase(desk)
    assert desk.ask("SELECT reason, by_name FROM sanctions ORDER BY id") == [
        ("", "(erased)"),
        ("hers", "wanda"),
        ("", "(erased)"),
    ]


@pytest.mark.parametrize(
    ("role", "stay"), [(Role.USER, ["wanda's"]), (Role.MODERATOR, [])], ids=["of a user", "of a moderator"]
)
def test_topics_that_may_be_theirs_go(desk: Desk, role: Role, stay: list[str]) -> None:
    def make(connection: Connection) -> None:
        connection.execute("UPDATE accounts SET role = ? WHERE id = 1", (int(role),))
        for number, (owner, topic) in enumerate([(1, "his"), (2, "wanda's"), (None, "of somebody who is gone"), (1, "")], 1):
            room = rooms.add(connection, parse_name(f"#room{number}"), owner, False, 0, 9)
            rooms.SetTopic(room.id, topic).run(connection)

    desk.write(make)
    begun = erase(desk)
    assert desk.ask("SELECT topic FROM rooms WHERE topic != ''") == [(topic,) for topic in stay]
    assert begun.topics == ({1, 3} if stay else {1, 2, 3})


def test_who_never_was_takes_no_topic(desk: Desk) -> None:
    def make(connection: Connection) -> None:
        room = rooms.add(connection, parse_name("#ops"), None, False, 0, 9)
        rooms.SetTopic(room.id, "pumps").run(connection)

    desk.write(make)
    assert not desk.write(erasure.BeginErasure(parse("nobody"))).found
    assert desk.ask("SELECT topic FROM rooms") == [("pumps",)]


def test_what_they_write_until_they_are_gone_is_erased_too(desk: Desk) -> None:
    begun = desk.write(erasure.BeginErasure(VICTOR))
    row = ("bob", "his", "victor")
    desk.write(
        lambda connection: connection.execute("INSERT INTO sanctions VALUES (1, 'mute', NULL, ?, NULL, ?, ?, 0)", row).rowcount
    )
    desk.say(entry("his last words"))
    begun = desk.write(erasure.EraseTraces(begun))
    assert begun.upto == 1
    assert desk.ask("SELECT reason, by_name FROM sanctions") == [("", "(erased)")]


def test_a_name_of_older_rules_is_erased_as_it_is_written_and_as_it_is_kept(desk: Desk) -> None:
    desk.write(lambda connection: connection.execute("UPDATE accounts SET name = 'Vic', key = 'VIC' WHERE id = 1").rowcount)
    desk.say(entry("his own", name="Vic"), entry("to him", author=2, name="wanda", conv="p1x2", target="Vic"))
    begun = desk.write(erasure.BeginErasure(stored_name("Vic", "VIC")))
    assert (begun.account, begun.names) == (1, frozenset(("VIC", "vic")))
    desk.write(erasure.EraseMessages(begun))
    assert desk.ask("SELECT msg, target FROM log") == [("to him", "(erased)")]


def test_a_text_that_is_no_utf_8_does_not_end_an_erasure(desk: Desk) -> None:
    desk.say(entry("his own"), entry("of another who is removed", author=9, name="gus"))
    desk.write(lambda connection: recent.move_all(connection, 2))
    desk.write(lambda connection: connection.execute("UPDATE kept SET name = CAST(x'ff' AS TEXT) WHERE seq = 2").rowcount)
    assert erase(desk).messages == 1


def test_one_rewrite_at_a_time_and_the_writer_waits_until_the_last_has_ended(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun: list[Deferred[None]] = []

    def rewrite_file(store: object) -> Deferred[None]:
        begun.append(Deferred())
        return begun[-1]

    def patience() -> int:
        return desk.write(lambda connection: int(connection.execute("PRAGMA busy_timeout").fetchone()[0]))

    monkeypatch.setattr(rewrite, "rewrite", rewrite_file)
    traces = Traces(desk.store)
    both = [Deferred.fromCoroutine(traces.rewrite(lambda done, text: None)) for _ in range(2)]
    assert patience() == rewrite.LONG_WAIT * 1000
    assert len(begun) == 1
    begun[0].callback(None)
    desk.wait(both[0])
    patience()
    assert len(begun) == 2
    assert patience() == rewrite.LONG_WAIT * 1000, "the other is under way"
    begun[1].callback(None)
    desk.wait(both[1])
    assert patience() == rewrite.USUAL_WAIT * 1000


def test_until_it_is_finished_it_can_be_begun_again(desk: Desk, tmp_path: Path) -> None:
    desk.say(entry("his own"))
    begun = desk.write(erasure.BeginErasure(VICTOR))
    assert desk.write(erasure.BeginErasure(VICTOR)) == begun
    assert begun == erasure.Erasure("victor", frozenset({"victor"}), 1, 1, found=True)
    erase(desk)
    desk.write(erasure.EndErasure(VICTOR))
    assert not erase(desk).found
    desk.write(erasure.EndErasure(VICTOR))
    desk.close()
    assert raw(tmp_path, "SELECT count(*) FROM meta WHERE name LIKE 'erasing%'") == [(0,)]


@pytest.fixture
def twins(desk: Desk) -> tuple[Router, Callable[[Request], Done | Failed]]:
    """A server that knows isparta (3) and the same without a dot (4), which have one key; both said and decided something.

    With what an administrator can have done there.
    """

    def make(connection: Connection) -> tuple[list[Account], list[Sanction]]:
        for number, name in ((3, "isparta"), (4, "ısparta")):
            connection.execute("INSERT INTO accounts VALUES (?1, ?2, ?2, 1, '', 0, '')", (number, name))
            row = (f"guest{number}", name)
            connection.execute("INSERT INTO sanctions(kind, target, reason, by_name, at) VALUES ('mute', ?, 'loud', ?, 0)", row)
        connection.execute(
            "INSERT INTO sanctions(kind, target, reason, by_name, at) VALUES ('mute', 'isparta', '', 'wanda', 0)"
        )
        return accounts.load(connection), sanctions.load(connection, [])

    desk.say(entry("hers", author=3, name="isparta"), entry("his", author=4, name="ısparta"))
    router, _ = make_router()
    known, decided = desk.write(make)
    router.chat.begin(desk.store, known, [], decided)
    operations = Operations(router.chat, desk.store, succeed)
    return router, lambda request: desk.wait(Deferred.fromCoroutine(operations.do(request, "a test", lambda done, what: None)))


@pytest.mark.parametrize("removed", [False, True], ids=["at once", "removed before"])
def test_of_two_accounts_with_one_key_only_the_one_that_was_named_is_erased(
    desk: Desk, twins: tuple[Router, Callable[[Request], Done | Failed]], removed: bool
) -> None:
    router, do = twins
    if removed:
        assert isinstance(do(Remove("ısparta")), Done)
    assert isinstance(do(Purge("ısparta")), Done)
    assert desk.ask("SELECT name FROM accounts ORDER BY id") == [("victor",), ("wanda",), ("isparta",)]
    assert desk.ask("SELECT msg FROM log") == [("hers",)]
    decided = {("guest3", "isparta", "loud"), ("guest4", "(erased)", ""), ("isparta", "wanda", "")}
    assert set(desk.ask("SELECT target, by_name, reason FROM sanctions")) == decided
    kept = [sanction for place in router.chat.sanctions.by_room.values() for sanction in place.values()]
    assert {(sanction.target, sanction.by, sanction.reason) for sanction in kept} == decided


def test_the_account_with_the_key_is_erased_without_what_is_of_the_other(
    desk: Desk, twins: tuple[Router, Callable[[Request], Done | Failed]]
) -> None:
    _, do = twins
    assert isinstance(do(Purge("Isparta")), Done)
    assert desk.ask("SELECT name FROM accounts ORDER BY id") == [("victor",), ("wanda",), ("ısparta",)]
    assert desk.ask("SELECT msg FROM log") == [("his",)]
    assert desk.ask("SELECT target, by_name FROM sanctions ORDER BY id") == [("guest3", "(erased)"), ("guest4", "ısparta")]


@pytest.mark.parametrize(
    "request_", [Remove("ısparta"), Purge("ısparta"), SetPassword("ısparta", "correct horse"), SetRole("ısparta", "operator")]
)
def test_an_account_is_changed_only_by_its_own_name(
    desk: Desk, twins: tuple[Router, Callable[[Request], Done | Failed]], request_: Request
) -> None:
    _, do = twins
    do(Purge("ısparta"))
    before = desk.ask("SELECT * FROM accounts")
    refused = do(request_)
    assert isinstance(refused, Failed)
    assert refused.text == "There is no account spelled ısparta; it is spelled isparta: use that."
    assert refused.code == "NO_SUCH_TARGET"
    assert desk.ask("SELECT * FROM accounts") == before


def test_what_a_webhook_said_stays_without_the_name_of_who_made_it(desk: Desk) -> None:
    desk.write(rooms_with_a_hook)
    desk.say(entry("his own"), entry("of the hook", author=-1, name="victor", kind="bot"))
    assert erase(desk).messages == 1
    assert desk.ask("SELECT msg FROM log") == [("of the hook",)]
    assert desk.ask("SELECT made_by FROM hooks") == [(ERASED,)]


def rooms_with_a_hook(connection: Connection) -> None:
    """A room with a webhook of victor's."""
    connection.execute("INSERT INTO rooms(id, name, key, created) VALUES (1, '#ops', '#ops', 0)")
    connection.execute("INSERT INTO hooks VALUES (1, 'build', 'build', 1, x'00', '', 'Victor', 0, 0, 1, 0)")


def test_the_files_of_who_is_erased_are_gone_and_those_of_others_stay(tmp_path: Path) -> None:
    with Shelf(tmp_path) as shelf:
        for name in ("victor", "wanda"):
            shelf.desk.write(partial(accounts.add, name=parse(name), password="", role=Role.USER, now=0, most=9))
        shelf.send(b"his", b"his small picture", name="victor")
        for author, name in ((1, "victor"), (2, "wanda")):
            shelf.send(b"of both", author=author, name=name)
        erase(shelf.desk)
        assert shelf.clean() == 2
        assert shelf.there() == {digest_of(b"of both")}
