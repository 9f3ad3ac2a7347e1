"""Pages: talk by a name is all of it, and what is told as the way on is one."""

from __future__ import annotations

import io
import re

import pytest
from twisted.internet.task import Clock

from lanchat.admin.export import MessageFilter, export
from lanchat.core.router import Router
from lanchat.gateways.telnet import TelnetProtocol
from lanchat.history import positions
from lanchat.history.conversations import with_name
from lanchat.protocol.typed_lines import NOT_KEPT
from lanchat.service.operations import Operations
from lanchat.store import schema, word_index
from lanchat.tables import accounts, recent
from tests.fakes import PASSWORD, User, Wire, log_in, log_in_classic, make_router, store_of
from tests.memory_log import log_of, said

SEVERAL = "These may be different people: several have used the name {}."


@pytest.fixture
def router() -> Router:
    return make_router()[0]


@pytest.fixture
def ann(router: Router) -> User:
    """Has an account, and reads in words."""
    User(router, "ann").register().leave()
    user = log_in_classic(router, "ann")
    user.shown()
    return user


def remove(router: Router, name: str) -> None:
    """As the administrator does."""
    account = router.chat.account_of(name)
    router.chat.store.write_in_background(accounts.RemoveAccount(account.id))
    Operations(router.chat, router.chat.store, lambda password: None)._forget(account)  # type: ignore[arg-type, return-value]  # neither is asked


def index(router: Router) -> None:
    """Let all that was said be found by its words."""
    connection, upto = store_of(router.chat).connection, store_of(router.chat).last_seq
    recent.move_all(connection, upto)
    word_index.index_next(connection)


def said_in(user: User, command: str, msg: str) -> list[str]:
    """What a page has, of each line all behind the time; and what was told of it."""
    user.shown()
    index(user.router)
    user.send(command, msg)
    return [re.sub(r"^[0-9-]+ [0-9:]+ ", "", line) for line in user.msgs()]


# By a name.


@pytest.mark.parametrize("asked", ["@bob", "bob", "@BOB"])
def test_talk_by_a_name_is_that_of_the_guest_and_of_the_account(router: Router, ann: User, asked: str) -> None:
    bob = User(router, "bob")
    bob.send("ann", "under the mat")
    bob.register().send("ann", "an account now")
    assert said_in(ann, "/history", asked) == [
        SEVERAL.format(asked.removeprefix("@")),
        "bob -> ann: under the mat",
        "bob -> ann: an account now",
    ]
    assert said_in(ann, "/search", "mat in:@bob") == [SEVERAL.format("bob"), "bob -> ann: under the mat"]
    assert said_in(ann, "/search", "sofa in:@bob") == [f"There is nothing with these words. {NOT_KEPT}"]


def test_talk_with_an_account_that_was_removed_is_found_by_its_name(router: Router, ann: User) -> None:
    for word in ("one", "two"):
        eve = User(router, "eve").register()
        if word == "one":
            eve.send("ann", word)
        else:
            ann.send("eve", word)
        remove(router, "eve")
    assert said_in(ann, "/history", "@Eve") == [SEVERAL.format("Eve"), "eve -> ann: one", "ann -> eve: two"]
    assert said_in(ann, "/search", "two in:@eve") == [SEVERAL.format("eve"), "ann -> eve: two"]
    assert "no stored messages" in said_in(ann, "/history", "@ev")[0]


def test_what_a_classic_client_has_in_x_is_not_looked_at(router: Router, ann: User) -> None:
    bob = User(router, "bob")
    for word in ("one word", "two words"):
        bob.send("ann", word)
    index(router)
    for command, msg in (("/history", "@bob"), ("/search", "from:bob")):
        ann.shown()
        ann.send(command, msg, limit=1, before=2)
        assert [line.split("ann: ")[1] for line in ann.msgs()] == ["one word", "two words"]
    ann.send("/ack", seq=1)
    account = router.chat.online.account("ann")
    assert account is not None
    assert router.chat.cursors.pending(account, "") == 0


def test_nobody_reads_what_others_said_with_that_name(router: Router, ann: User) -> None:
    eve, zoe = User(router, "eve").register(), User(router, "zoe").register()
    eve.send("zoe", "not for ann")
    remove(router, "eve")
    assert "no stored messages between you and @eve" in said_in(ann, "/history", "@eve")[0]
    assert said_in(zoe, "/history", "@eve") == ["eve -> zoe: not for ann"]
    assert "no stored messages" in said_in(User(router, "eve"), "/history", "@zoe")[0]


def test_a_program_is_told_that_these_may_be_different_people_too(router: Router, ann: User) -> None:
    bob = User(router, "bob")
    bob.send("ann", "one")
    bob.register().send("ann", "two")
    phone = log_in(router, "ann", dev="phone")
    phone.shown()
    index(router)
    for command, msg in (("/history", "@bob"), ("/search", "from:bob"), ("/search", "in:@bob from:bob")):
        phone.send(command, msg, cid="c")
        told, *batch, end = phone.shown()
        assert (told.msg, told.x and told.x.cid) == (SEVERAL.format("bob"), None)
        assert (len(batch), end.x and end.x.cid, end.x and end.x.n) == (2, "c", 2)


def test_after_an_erasure_nothing_is_found_by_that_name(router: Router, ann: User) -> None:
    connection = store_of(router.chat).connection
    User(router, "eve").register().send("ann", "one")
    remove(router, "eve")
    for table in ("kept", "fresh"):
        connection.execute(f"UPDATE {table} SET target = '(erased)', name = '(erased)'")  # noqa: S608 (ours)
    assert "no stored messages" in said_in(ann, "/history", "@eve")[0]


def test_conversations_are_told_apart_by_the_numbers_in_their_names() -> None:
    log = log_of([said(1, "p1x12", name="eve"), said(2, "p11x12", name="eve"), said(3, "p2x12", name="bob")], fresh=1)
    log.execute("INSERT INTO accounts VALUES (12, 'zoe', 'zoe', 1, '', 0, ''), (2, 'bob', 'bob', 1, '', 0, '')")
    for conv in ("p1x12", "p11x12", "p2x12", "g12xbob", "g12xeve", "p12x12"):
        log.execute("INSERT INTO members(account, conv, since) VALUES (12, ?, 0)", (conv,))
    assert sorted(with_name(log, 12, "eve")) == ["g12xeve", "p11x12", "p1x12"]
    assert sorted(with_name(log, 12, "bob")) == ["g12xbob", "p2x12"]
    assert with_name(log, 12, "zoe") == ["p12x12"]
    assert not with_name(log, 2, "eve")


@pytest.mark.parametrize(("authors", "several"), [((7, 7), False), ((7, 8), True), ((None, 7), True)])
def test_an_export_by_name_knows_whether_more_than_one_had_it(authors: tuple[int | None, int], several: bool) -> None:
    entries = [said(seq, "r1", name="Bob") for seq in (1, 2)]
    for entry, author in zip(entries, authors, strict=True):
        entry.author = author
    for user, told in (("bob", several), (None, False)):
        lines = io.StringIO()
        found = export(log_of(entries), MessageFilter(None, user, None, None), lines.write, lambda done, text: None)
        assert (found, len(lines.getvalue().splitlines())) == ((2, 0, told), 2)


# The way on.


class Telnet:
    """Somebody who types lines at the telnet door."""

    def __init__(self, router: Router, clock: Clock) -> None:
        self.wire = Wire(router, clock, TelnetProtocol)
        self.wire.send(b"ann\r\n")
        self.types(f"/login {PASSWORD}")

    def types(self, line: str) -> list[str]:
        """Type a line; what comes then."""
        self.wire.send(f"{line}\r\n".encode())
        self.wire.wait(0.2)
        return self.wire.bytes().decode().splitlines()


class Json:
    """Somebody whose client sends what is typed as it is; with caps, or without."""

    def __init__(self, router: Router, *caps: str) -> None:
        self.user = log_in(router, "ann", *caps) if caps else log_in_classic(router, "ann")
        self.user.shown()

    def types(self, line: str) -> list[str]:
        """Type a line; what comes then."""
        to, _, msg = line.partition(" ")
        self.user.send(to, msg)
        return self.user.msgs()


@pytest.mark.parametrize("reader", ["classic", "capable", "telnet"])
@pytest.mark.parametrize(
    ("asked", "texts"),
    [
        ("/history 2", 8),
        ("/history 2 before 100", 8),
        ("/history before 100 2", 8),
        ("/history 1 after 0", 8),
        ("/history #ops 1", 2),
        ("/history bob 1", 2),
        ("/history @bob 1", 2),
        ("/history @20 1", 2),
        ("/history @before 1 before 100", 2),
        ("/search hello", 8),
        ("/search hello in:#ops", 2),
        ("/search in:@20 hello", 2),
        ("/search from:before", 2),
        ("/search  hello   before:5 from:20", 2),
    ],
)
def test_what_is_told_as_the_way_on_is_one_when_it_is_typed(
    asked: str, texts: int, reader: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    router, clock = make_router()
    for name in ("packets", "bytes"):
        router.chat.limits.set(name, "off")
    monkeypatch.setattr("lanchat.commands.page_requests.PAGE", 1)
    owner = User(router, "ann").register()
    owner.send("/create", "#ops")
    for name in ("bob", "20", "before"):
        user = User(router, name)
        for number in (1, 2):
            user.send("ann", f"hello {name} {number}")
    for number in (1, 2):
        owner.send("#ops", f"hello #ops {number}")
    index(router)
    someone = Telnet(router, clock) if reader == "telnet" else Json(router, *(["ack"] if reader == "capable" else []))
    found, line = list[str](), asked
    for _ in range(10):
        lines = someone.types(line)
        found += [line for line in lines if "hello" in line and "There is more" not in line]
        more = [line.partition("There is more: ")[2] for line in lines if "There is more: " in line]
        if not more:
            break
        line = more[0]
    assert len(found) == len({*found}) == texts


def test_a_name_with_a_mark_is_a_name_and_a_number_alone_is_how_many(router: Router, ann: User) -> None:
    for name in ("20", "bob"):
        User(router, name).send("ann", "hello")
    assert said_in(ann, "/history", "@20") == ["20 -> ann: hello"]
    assert said_in(ann, "/history", "20") == ["20 -> ann: hello", "bob -> ann: hello"]
    assert said_in(ann, "/history", "20 30") == ["20 -> ann: hello"]
    phone = log_in(router, "ann", dev="phone")
    phone.shown()
    phone.send("/history", "", target="20", cid="c")
    assert [x.get("n") for x in phone.xs()] == [None, 1]


def test_what_could_not_be_looked_through_in_time_is_not_told_to_be_nothing(
    router: Router, ann: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {"FEW": 0, "SOME": 0, "PIECE": 2, "BUDGET": 0}.items():
        monkeypatch.setattr(positions, name, value)
    bob, eve = User(router, "bob"), User(router, "eve").register()
    bob.send("ann", "hello")
    for _ in range(4):
        bob.send("eve", "not for ann")
    assert said_in(ann, "/history", "") == ["There is more: /history 50 before 4"]
    assert said_in(ann, "/history", "50 before 4") == ["There is more: /history 50 before 2"]
    assert said_in(ann, "/history", "50 before 2") == ["bob -> ann: hello"]
    assert len(eve.shown()) == 4


@pytest.mark.parametrize(("unindexed", "told"), [(1, True), (0, False)])
def test_whoever_searches_while_the_index_is_made_anew_is_told_so(
    router: Router, ann: User, unindexed: int, told: bool
) -> None:
    User(router, "bob").send("ann", "hello")
    schema.set_meta(store_of(router.chat).connection, "unindexed", unindexed)
    older = ["Older messages are still being indexed, so there may be more. Search again later."] if told else []
    assert said_in(ann, "/search", "mat") == [*older, f"There is nothing with these words. {NOT_KEPT}"]


def test_what_is_wrong_with_a_search_is_told() -> None:
    router, _ = make_router()
    ann = User(router, "ann")
    for typed, says in (
        ("since:yesterday", "since: needs a date"),
        ("!?", "There is no word in !?"),
        ("in:#ops", "only narrow"),
    ):
        ann.shown()
        ann.send("/search", typed)
        assert says in ann.told().msg


@pytest.mark.parametrize(
    ("command", "msg"),
    [("/history", "everyone"), ("/history", "@Everyone 20"), ("/search", "bus in:@everyone"), ("/search", "bus")],
)
@pytest.mark.parametrize("kept", [True, False])
def test_whoever_looks_for_what_was_said_to_everyone_is_told_that_it_is_not_kept(kept: bool, command: str, msg: str) -> None:
    ann = User(make_router(kept)[0], "ann").register()
    ann.send("Everyone", "bus at nine")
    assert said_in(ann, command, msg)[0].endswith(NOT_KEPT if kept else "This server stores no messages.")
