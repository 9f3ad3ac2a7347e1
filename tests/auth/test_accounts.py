"""Accounts: names become somebody's, are shown to be, and have several devices at once."""

from __future__ import annotations

from typing import Any
from unittest.mock import patch

import pytest
from twisted.internet.defer import Deferred, fail
from twisted.internet.task import Clock

from lanchat.auth.identity import Identity
from lanchat.core.router import Router
from lanchat.model.names import parse
from lanchat.model.session import Account, Role
from lanchat.protocol.entry import RELAYED
from lanchat.protocol.errors import AuthRequired, ClientGone, NameTaken, NoSuchTarget, NotStored
from lanchat.protocol.extensions import ServerX
from lanchat.state.pending_logins import MAX_MAKING, MAX_WAITING, SECONDS
from lanchat.tables import accounts
from lanchat.tables.log_command import LogCommand
from lanchat.tables.registration import AddAccount
from tests.fakes import ALL, PASSWORD, FakeIdentity, User, dump, log_in, log_in_classic, make_router, store_of


@pytest.fixture
def router_and_clock() -> tuple[Router, Clock]:
    return make_router()


@pytest.fixture
def router(router_and_clock: tuple[Router, Clock]) -> Router:
    return router_and_clock[0]


# Making a name one's own.


def test_a_name_becomes_an_account_and_its_session_the_accounts(router: Router) -> None:
    ann = User(router, "ann").register()
    assert ann.session.account is router.chat.online.account("ANN")
    assert ann.session.role is Role.USER


def test_what_is_an_account_already_is_not_made_one_again(router: Router) -> None:
    ann = User(router, "ann").register()
    ann.send("/register", "another")
    assert "already have the account" in ann.told().msg


def test_a_guest_that_goes_while_it_registers_leaves_an_account_that_works(router: Router) -> None:
    ann = User(router, "ann")
    store_of(router.chat).held = True
    ann.send("/register", PASSWORD)
    ann.leave()
    store_of(router.chat).release()
    assert log_in_classic(router, "ann").msgs()[0].startswith("Welcome ann!")
    assert not ann.client.faults


def slow_hashes(router: Router, monkeypatch: pytest.MonkeyPatch) -> list[Deferred[str]]:
    """Passwords that are being hashed, for as long as the test likes."""
    hashes: list[Deferred[str]] = []

    def hash_later(password: str, newcomer: bool) -> Deferred[str]:
        hashes.append(Deferred())
        return hashes[-1].addErrback(lambda _: fail(ClientGone()))

    monkeypatch.setattr(router.chat.identity, "hash", hash_later)
    return hashes


def test_nothing_is_hashed_for_a_guest_that_has_gone(router: Router, monkeypatch: pytest.MonkeyPatch) -> None:
    hashes = slow_hashes(router, monkeypatch)
    ann = User(router, "ann")
    ann.send("/register", PASSWORD)
    assert not hashes[0].called
    ann.leave()
    assert hashes[0].called, "it was cancelled"
    assert router.chat.online.account("ann") is None
    assert not ann.client.faults


@pytest.mark.parametrize(("address", "most"), [("10.0.0.1", MAX_MAKING), ("127.0.0.1", MAX_MAKING + 3)])
def test_few_of_one_address_make_accounts_at_a_time(
    router: Router, monkeypatch: pytest.MonkeyPatch, address: str, most: int
) -> None:
    hashes = slow_hashes(router, monkeypatch)
    users = [User(router, f"user{n}", address) for n in range(MAX_MAKING + 3)]
    for user in users:
        user.send("/register", PASSWORD)
    assert len(hashes) == most
    assert [user.msgs() for user in users[most:]] == [
        ["Other users at your address are registering right now. Try again in a second."] for _ in users[most:]
    ]
    User(router, "zoe", "10.0.0.2").send("/register", PASSWORD)
    assert len(hashes) == most + 1
    hashes[0].callback("kept")
    assert "is your account now" in users[0].told().msg
    User(router, "eve", address).send("/register", PASSWORD)
    assert len(hashes) == most + 2


def test_those_who_log_in_or_change_a_password_leave_the_others_their_place(
    router: Router, monkeypatch: pytest.MonkeyPatch
) -> None:
    users = [User(router, f"user{n}").register().hello("id") for n in range(MAX_MAKING)]
    slow = FakeIdentity(router.chat)
    monkeypatch.setattr(slow, "by_password", lambda *_: Deferred())
    router.chat.identity = slow
    for user in users:
        user.send("/password", password=PASSWORD, text="new")
        User(router, user.session.name.shown).send("/login", PASSWORD)
    User(router, "ann").register()


class Waiting:
    """A thread for passwords, and a gate, that never come to an end; whom they were told of."""

    def __init__(self) -> None:
        self.newcomers: list[bool] = []

    async def hash_new(self, password: str, newcomer: bool) -> str:
        """Wait."""
        self.newcomers.append(newcomer)
        return await Deferred[str]()

    async def login(self, *_: object) -> Account:
        """Wait."""
        return await Deferred[Account]()

    def give_token(self, account: int) -> None:
        """Is not asked for."""


def identity(waiting: Any) -> Identity:
    return Identity(waiting, waiting, waiting, plaintext_allowed=True)


def test_only_who_has_no_account_yet_waits_behind_those_who_have_one(router: Router, monkeypatch: pytest.MonkeyPatch) -> None:
    ann, bob, waiting = User(router, "ann").register().hello("id"), User(router, "bob"), Waiting()
    monkeypatch.setattr(router.chat.identity, "hash", identity(waiting).hash)
    ann.send("/password", password=PASSWORD, text="another horse")
    bob.send("/register", PASSWORD)
    assert waiting.newcomers == [False, True]


@pytest.mark.parametrize(("name", "command"), [("ann", "/login"), ("bob", "/register")])
def test_who_is_closed_while_a_secret_is_looked_at_gets_no_answer_after_the_goodbye(
    router: Router, name: str, command: str
) -> None:
    User(router, "ann").register().leave()
    user = User(router, name)
    router.chat.identity = identity(Waiting())
    user.send(command, PASSWORD)
    user.msgs()
    router.chat.close(user.session, "GONE", "Goodbye", why="for a test")
    assert user.msgs() == ["Goodbye"]
    assert not router.chat.counts.refused
    assert not user.client.faults


def test_whoever_took_the_name_while_somebody_registered_it_must_go(router: Router) -> None:
    ann = User(router, "ann")
    store_of(router.chat).held = True
    ann.send("/register", PASSWORD)
    ann.leave()
    other = User(router, "ann")
    store_of(router.chat).release()
    assert other.client.disconnected
    assert "has been registered" in other.told().msg
    owner = log_in_classic(router, "ann")
    other.leave()
    assert router.chat.online.find("ann") is owner.session


def test_when_nothing_can_be_stored_a_name_stays_a_guests(router: Router) -> None:
    ann = User(router, "ann").hello("id", "ack")
    store_of(router.chat).broken = True
    ann.send("/register", PASSWORD, cid="1")
    assert [(x["op"], x["code"]) for x in ann.xs()] == [("fail", "NOT_STORED")]
    assert ann.session.account is None
    assert router.chat.online.account("ann") is None


def test_so_many_accounts_and_no_more(router: Router) -> None:
    router.chat.limits.set("accounts", 1)
    User(router, "ann").register()
    bob = User(router, "bob")
    bob.send("/register", PASSWORD)
    assert "maximum number of accounts" in bob.told().msg
    assert router.chat.limits.met["accounts"] == 1


def test_where_others_could_read_it_no_password_is_taken(router: Router) -> None:
    ann = User(router, "ann", ip="10.6.6.6")
    ann.send("/register", PASSWORD)
    assert ann.told().msg == "Others can read this."
    assert router.chat.online.account("ann") is None


def test_a_new_password_is_the_only_one_that_opens(router: Router) -> None:
    ann = User(router, "ann").register()
    ann.send("/password", "wrong new")
    assert ann.told().msg == "That was wrong."
    ann.hello(*ALL)
    ann.send("/password", text="new", password=PASSWORD)
    assert "Your password is changed" in ann.msgs()[-1]
    ann.leave()
    assert log_in_classic(router, "ann").msgs() == ["That was wrong."]


def test_who_changes_the_password_is_alone_in_the_account(router: Router) -> None:
    ann = User(router, "ann").register().hello(*ALL)
    bob, phone, tablet = User(router, "bob"), log_in_classic(router, "ann"), log_in(router, "ann", dev="tablet")
    pending = User(router, "ann")
    phone.shown(), tablet.shown()
    ann.send("/password", password=PASSWORD, text="new")
    ended = "Your password is changed; 3 other sessions ended. Stored logins on all your devices are no longer valid."
    assert ann.told().msg == ended
    for other in (phone, tablet, pending):
        assert other.client.disconnected
        assert other.told().msg == "Your password was changed on another of your devices. Log in with the new one."
        assert other.session not in router.chat.online
        assert other.session not in router.chat.pending_logins
    assert ann.session.account is not None
    assert ann.session.account.sessions == [ann.session]
    bob.send("ann", "hi")
    assert ann.told().msg == "hi"
    assert not any(other.shown() for other in (phone, tablet, pending))
    ann.send("/password", "new newer")
    assert ann.told().msg == "Your password is changed. Stored logins on all your devices are no longer valid."


def test_a_login_with_the_old_password_that_is_under_way_comes_to_nothing(
    router: Router, monkeypatch: pytest.MonkeyPatch
) -> None:
    ann = User(router, "ann").register().hello(*ALL)
    proven: Deferred[Account] = Deferred()
    pending = User(router, "ann", greeted=False)
    with monkeypatch.context() as patched:
        patched.setattr(router.chat.identity, "by_password", lambda *_: proven)
        pending.send("/login", PASSWORD)
    late = User(router, "ann", greeted=False)
    store_of(router.chat).held = True
    ann.send("/password", password=PASSWORD, text="new")
    late.send("/hello", "x", v=1, caps=["token"], auth={"mech": "PLAIN", "password": PASSWORD})  # proven, not let in yet
    store_of(router.chat).release()
    for login in (pending, late):
        assert login.client.disconnected
        assert "token" not in str(login.xs())
    assert proven.called
    assert ann.session.account is not None
    assert ann.session.account.sessions == [ann.session]


def test_when_a_new_password_can_not_be_stored_everybody_stays(router: Router) -> None:
    ann = User(router, "ann").register().hello(*ALL)
    phone = log_in_classic(router, "ann")
    store_of(router.chat).broken = True
    ann.send("/password", password=PASSWORD, text="new")
    assert "password is changed" not in ann.told().msg
    assert not phone.client.disconnected


# How many.


@pytest.mark.parametrize(
    ("addresses", "made"),
    [
        (["10.0.0.1"] * 4, 2),
        ([f"fd00::{n}" for n in range(4)], 2),
        ([f"10.0.0.{n}" for n in range(4)], 4),
        (["127.0.0.1"] * 4, 4),
        (["::1"] * 4, 4),
    ],
)
def test_so_many_accounts_are_made_from_one_address_in_an_hour(
    router_and_clock: tuple[Router, Clock], addresses: list[str], made: int
) -> None:
    router, clock = router_and_clock
    router.chat.limits.set("registrations", 2)
    users = [User(router, f"user{n}", address) for n, address in enumerate(addresses)]
    for user in users:
        user.send("/register", PASSWORD)
    told = [user.told().msg for user in users]
    assert sum("is your account now" in msg for msg in told) == made
    assert all("registered from your address" in msg for msg in told[made:])
    clock.advance(1800)
    for user in users[made:]:
        user.send("/register", PASSWORD)
    assert sum("is your account now" in user.told().msg for user in users[made:]) == min(1, 4 - made)


def test_those_that_are_just_being_made_count_and_those_that_failed_do_not(router: Router) -> None:
    router.chat.limits.set("registrations", 1)
    ann, bob = User(router, "ann"), User(router, "bob")
    store_of(router.chat).held = True
    for user in (ann, bob):
        user.send("/register", PASSWORD)
    assert "registered from your address" in bob.told().msg
    store_of(router.chat).broken = True
    store_of(router.chat).release()
    store_of(router.chat).broken = False
    bob.register()


def test_so_many_logins_to_one_account_are_let_in_at_once_and_then_so_many_a_second(
    router_and_clock: tuple[Router, Clock],
) -> None:
    router, clock = router_and_clock
    User(router, "ann").register()
    User(router, "bob").register()
    router.chat.limits.set("logins", "0.2")  # a burst of 10 s allows two
    for came in (log_in(router, "ann"), log_in_classic(router, "ann")):
        assert any("Welcome" in packet.msg for packet in came.shown())
    refused = log_in(router, "ann").shown()[-1]
    assert refused.x is not None
    assert (refused.x.op, refused.x.code, refused.x.retry_ms) == ("fail", "RATE_LIMITED", 5000)
    assert refused.msg == "Too many logins to your account. Try again in 5 s."
    assert "Too many logins" in log_in_classic(router, "ann").shown()[-1].msg
    assert any("Welcome" in packet.msg for packet in log_in(router, "bob").shown())
    clock.advance(5)
    again = log_in(router, "ann")
    assert any("Welcome" in packet.msg for packet in again.shown())
    again.send("/password", text="new", password=PASSWORD)
    assert "Too many logins" not in again.shown()[-1].msg
    assert router.chat.limits.met["logins"] == 2


def test_nothing_is_hashed_for_who_can_make_no_account(router: Router, monkeypatch: pytest.MonkeyPatch) -> None:
    router.chat.limits.set("registrations", 1)
    User(router, "ann").register()
    hashes = slow_hashes(router, monkeypatch)
    User(router, "bob").send("/register", PASSWORD)
    assert hashes == []


def test_who_registers_in_a_room_that_is_full_is_not_in_it_any_more(router: Router) -> None:
    ann, bob = User(router, "ann").register(), User(router, "bob")
    ann.send("/create", "#ops")
    bob.send("/join", "#ops")
    bob.shown()
    router.chat.limits.set("members", 1)
    bob.send("/register", PASSWORD)
    assert bob.told().msg.endswith(" You are no longer in #ops, which can have no more members.")
    assert bob.session.account is not None
    assert bob.session.account.conversations == {}
    bob.send("#ops", "hi")
    assert "You are not in #ops" in bob.told().msg


# At the pending_logins.


def test_a_stranger_is_told_how_to_log_in_and_reserves_nothing(router: Router) -> None:
    User(router, "ann").register().leave()
    watcher = User(router, "bob").hello("presence")
    pending = User(router, "Ann", greeted=False)
    router.chat.greet(pending.session)
    assert "/login" in pending.told().msg
    watcher.send("/list")
    assert watcher.told().msg == "You are the only active user!"
    assert log_in_classic(router, "ann").msgs()[0].startswith("Welcome ann!")  # (while the other login is pending)


@pytest.mark.parametrize(
    "to", ["/list", "/register", "/rooms", "/join", "/history", "/pong", "/ack", "bob", "Everyone", "#ops", "ann"]
)
def test_a_stranger_may_do_nothing(router: Router, to: str) -> None:
    User(router, "ann").register().leave()
    bob = User(router, "bob")
    pending = User(router, "ann")
    pending.send(to, "bob")
    assert pending.told().msg == "Log in first: send /login PASSWORD."
    assert bob.shown() == []


def test_a_stranger_may_ask_for_help_and_quit(router: Router) -> None:
    User(router, "ann").register().leave()
    pending = User(router, "ann")
    pending.send("/help", "login")
    assert pending.told().msg.startswith("Usage: /login PASSWORD")
    pending.send("/quit")
    assert pending.told().msg == "Goodbye"
    assert pending.client.disconnected


def test_a_stranger_is_closed_after_half_a_minute(router_and_clock: tuple[Router, Clock]) -> None:
    router, clock = router_and_clock
    User(router, "ann").register().leave()
    pending, quick = User(router, "ann"), User(router, "ann")
    clock.advance(SECONDS - 1)
    quick.send("/login", PASSWORD)
    assert not pending.client.disconnected
    clock.advance(2)
    assert pending.client.disconnected
    assert not quick.client.disconnected


@pytest.mark.parametrize("address", ["10.0.0.1", "fd00::{}"])
def test_eight_strangers_of_one_address_are_asked_and_their_places_come_free(router: Router, address: str) -> None:
    User(router, "ann").register().leave()
    pending = [User(router, "ann", address.format(n)) for n in range(MAX_WAITING)]
    late = User(router, "ann", address.format("ff"), greeted=False)
    router.chat.greet(late.session)
    assert "Too many connections" in late.told().msg
    assert late.client.disconnected
    assert not User(router, "ann", ip="10.0.0.2").client.disconnected
    pending[0].leave()
    assert not User(router, "ann", address.format("ff")).client.disconnected


def test_any_number_of_strangers_is_asked_over_loopback(router: Router) -> None:
    User(router, "ann").register().leave()
    pending = [User(router, "ann", "127.0.0.1") for _ in range(MAX_WAITING + 1)]
    assert not any(session.client.disconnected for session in pending)


def test_a_wrong_password_is_answered_and_the_next_try_may_be_right(router: Router) -> None:
    User(router, "ann").register().leave()
    ann = User(router, "ann")
    ann.send("/login", "wrong")
    assert ann.told().msg == "That was wrong."
    ann.send("/login", PASSWORD)
    assert ann.told().msg.startswith("Welcome ann!")
    ann.send("/login", PASSWORD)
    assert ann.told().msg == "You are already logged in as ann."


def test_who_goes_while_its_login_is_looked_at_never_was_there(router: Router) -> None:
    User(router, "ann").register().leave()
    watcher = User(router, "bob").hello("presence")
    ann = User(router, "ann")
    store_of(router.chat).held = True
    ann.send("/login", PASSWORD)
    ann.leave()
    store_of(router.chat).release()
    assert not ann.client.faults
    watcher.send("/list")
    assert watcher.told().msg == "You are the only active user!"
    known = store_of(router.chat).connection.execute("SELECT online FROM devices WHERE name = ''").fetchone()
    assert known == (0,)  # (or the next start would take all for read)


def test_a_login_that_nobody_waits_for_is_given_up(router: Router) -> None:
    User(router, "ann").register().leave()
    given_up: list[object] = []

    def slowly(name: str, address: str, password: str) -> Deferred[Account]:
        return Deferred(given_up.append)

    router.chat.identity.by_password = slowly  # type: ignore[method-assign]
    ann = User(router, "ann")
    ann.send("/login", PASSWORD)
    ann.leave()
    assert len(given_up) == 1


def test_a_login_with_a_name_that_is_nobodys_is_told_so(router: Router) -> None:
    ann = User(router, "ann")
    ann.send("/login", PASSWORD)
    assert ann.told().msg.startswith("ann is not registered")


def test_a_name_that_looks_like_an_accounts_is_taken_also_while_it_is_away(router: Router) -> None:
    User(router, "ace").register().leave()
    with pytest.raises(NameTaken):
        User(router, "асе")
    ace = log_in_classic(router, "ACE")
    ace.leave()
    with pytest.raises(NameTaken):
        User(router, "асе")


def test_with_accounts_only_a_guest_is_sent_away(router: Router) -> None:
    User(router, "ann").register().leave()
    router.chat.accounts_only = True
    with pytest.raises(AuthRequired):
        User(router, "bob")
    assert log_in_classic(router, "ann").msgs()[0].startswith("Welcome ann!")


# With a hello.


def test_a_hello_with_the_password_logs_in_and_the_welcome_says_where_the_log_is(router: Router) -> None:
    User(router, "ann").register().leave()
    User(router, "bob").send("ann", "hi")
    ann = log_in(router, "ann")
    welcome, *_ = ann.shown()
    x = dump(welcome.x)
    assert (x["op"], x["account"], x["epoch"], x["seq"], x["resumed"], x["missed"]) == ("welcome", True, "e1", 1, True, 1)
    assert welcome.to == "ann"


def test_a_token_serves_instead_of_the_password(router: Router) -> None:
    User(router, "ann").register().leave()
    (first, *_) = log_in(router, "ann", "id", "token").xs()
    (again, *_) = log_in(router, "ann", "id", "token", auth={"mech": "TOKEN", "token": first["token"]}).xs()
    assert again["op"] == "welcome"
    assert "token" not in again
    (unasked, *_) = log_in(router, "ann", "id").xs()
    assert "token" not in unasked


@pytest.mark.parametrize(
    "auth",
    [
        {"mech": "PLAIN", "password": "wrong"},
        {"mech": "PLAIN", "password": 5},
        {"mech": "PLAIN"},
        {"mech": ["PLAIN"], "password": PASSWORD},
        {"mech": "TOKEN", "token": PASSWORD},
        {},
    ],
)
def test_a_hello_with_anything_else_is_refused_and_stays_at_the_doorstep(router: Router, auth: dict[str, object]) -> None:
    User(router, "ann").register().leave()
    ann = log_in(router, "ann", auth=auth)
    assert ann.session in router.chat.pending_logins
    assert ann.xs()[-1]["op"] == "fail", "it is answered as a program is"
    ann.send("/hello", "lanchat", v=1, caps=[], auth={"mech": "PLAIN", "password": PASSWORD})
    assert ann.session.account is not None


def test_who_logs_in_after_a_refused_hello_is_classic_and_may_say_another(router: Router) -> None:
    User(router, "ann").register().leave()
    ann = log_in(router, "ann", auth={"mech": "PLAIN", "password": "wrong"})
    assert dump(ann.shown()[-1].x)["code"] == "AUTH_FAILED"
    ann.send("/login", PASSWORD)
    assert ann.told().x is None
    ann.send("/hello", "lanchat", v=1, caps=["id", "resume"])
    assert [x["op"] for x in ann.xs()] == ["welcome", "end"]


def test_a_hello_without_a_secret_is_told_that_one_is_needed(router: Router) -> None:
    User(router, "ann").register().leave()
    ann = User(router, "ann", greeted=False)
    ann.send("/hello", "lanchat", v=1, caps=["id"])
    assert "/login" in ann.msgs()[-1]


def test_a_hello_with_a_secret_for_a_guests_name_is_refused(router: Router) -> None:
    bob = log_in(router, "bob")
    assert "is not registered" in bob.msgs()[-1]


@pytest.mark.parametrize("dev", ["", "x" * 33, "a\nb"])
def test_a_device_has_a_name_that_can_be_seen(router: Router, dev: str) -> None:
    User(router, "ann").register().leave()
    assert "The name of a device" in log_in(router, "ann", dev=dev).msgs()[-1]


def test_who_registered_first_may_say_hello_afterwards(router: Router) -> None:
    ann = User(router, "ann").register()
    ann.send("/hello", "lanchat", v=1, caps=["id", "resume"], dev="laptop")
    assert [x["op"] for x in ann.xs()] == ["welcome", "end"]
    assert ann.session.device == "laptop"


# Several devices.


@pytest.fixture
def phone(router: Router) -> User:
    User(router, "ann").register().leave()
    phone = log_in(router, "ann", dev="phone")
    phone.shown()
    return phone


@pytest.fixture
def laptop(router: Router, phone: User) -> User:
    laptop = log_in(router, "ann", dev="laptop")
    laptop.shown()
    phone.shown()
    return laptop


def test_all_devices_get_what_is_said_to_their_owner(router: Router, phone: User, laptop: User) -> None:
    User(router, "bob").send("ann", "hi")
    assert phone.told().msg == laptop.told().msg == "hi"


def test_what_one_device_says_the_others_are_shown_as_their_owners(router: Router, phone: User, laptop: User) -> None:
    bob = User(router, "bob").hello("id")
    phone.shown(), laptop.shown()
    phone.send("bob", "hi", cid="1")
    assert dump(bob.told().x)["conv"] == "@ann"
    copy = dump(laptop.told().x)
    assert (copy["conv"], copy["self_"]) == ("@bob", True)
    ack = dump(phone.told().x)
    assert (ack["op"], ack["state"], ack["id"]) == ("ack", "stored", copy["id"])


def test_what_a_device_said_last_before_it_went_is_shown_on_the_other(router: Router, phone: User, laptop: User) -> None:
    User(router, "bob")
    phone.shown(), laptop.shown()
    store_of(router.chat).held = True
    phone.send("bob", "hi")
    phone.leave()
    store_of(router.chat).release()
    assert laptop.msgs() == ["hi"]


def test_a_word_to_oneself_is_on_each_device_once(phone: User, laptop: User) -> None:
    phone.send("ann", "remember", cid="1")
    (word,) = laptop.shown()
    assert dump(word.x)["conv"] == "@ann"
    assert [(packet.msg, (dump(packet.x).get("op"))) for packet in phone.shown()] == [("remember", None), ("", "ack")]


def test_an_account_comes_with_its_first_device_and_goes_with_its_last(router_and_clock: tuple[Router, Clock]) -> None:
    router, clock = router_and_clock
    User(router, "ann").register().leave()
    watcher = User(router, "bob").hello("presence")
    phone, laptop = log_in(router, "ann", dev="phone"), log_in(router, "ann", dev="laptop")
    clock.pump([0, 1, 1])
    assert watcher.msgs() == ["ann came"]
    watcher.send("/list")
    assert watcher.told().msg == "Online users (1): ann"
    phone.leave()
    clock.pump([0, 1, 1])
    assert watcher.msgs() == []
    laptop.leave()
    clock.pump([0, 1, 1])
    assert watcher.msgs() == ["ann went"]


def test_a_shout_reaches_all_devices_and_counts_users(router: Router, phone: User, laptop: User) -> None:
    bob = User(router, "bob")
    phone.shown(), laptop.shown()
    bob.send("Everyone", "hi")
    assert phone.told().msg == laptop.told().msg == "hi"
    assert bob.told().msg == "Message sent to 1 users"


@pytest.mark.parametrize("first", [True, False])
def test_closing_one_device_leaves_the_other(router: Router, phone: User, laptop: User, first: bool) -> None:
    gone, stays = (phone, laptop) if first else (laptop, phone)
    router.chat.close(gone.session, "FORBIDDEN", "You are closed.", why="kicked")
    assert gone.client.disconnected
    assert not stays.client.disconnected
    assert router.chat.online.find("ann") is stays.session
    bob = User(router, "bob")
    stays.shown()
    bob.send("ann", "hi")
    bob.send("Everyone", "hello")
    assert stays.msgs() == ["hi", "hello"]
    stays.leave()
    assert len(router.chat.online) == 1


# Without a log.


def test_without_a_log_everything_is_relayed_and_each_has_its_own_id() -> None:
    router, _ = make_router(stores_messages=False)
    User(router, "ann").register().leave()
    ann = log_in(router, "ann")
    bob = User(router, "bob").hello("id", "ack")
    ann.shown()
    bob.send("ann", "one", cid="1")
    bob.send("ann", "two", cid="2")
    read, acks = ann.xs(), bob.xs()
    assert [x["id"] for x in read] == [x["id"] for x in acks]
    assert len({str(x["id"]) for x in read}) == 2
    assert {x["state"] for x in acks} == {RELAYED}
    assert not any("seq" in x for x in [*read, *acks])


def test_without_a_log_a_word_to_who_is_away_is_refused() -> None:
    router, _ = make_router(stores_messages=False)
    User(router, "ann").register().leave()
    bob = User(router, "bob").hello("id", "ack")
    bob.send("ann", "one", cid="1")
    packet = bob.told()
    assert dump(packet.x) == {"op": "fail", "code": "NO_SUCH_TARGET", "cid": "1"}
    assert "ann is not available" in packet.msg.replace("no longer", "not")


def test_what_is_relayed_reaches_who_is_still_brought_up_to_date() -> None:
    router, _ = make_router(stores_messages=False)
    User(router, "ann").register().leave()
    store_of(router.chat).slow = True
    ann = log_in(router, "ann")
    assert ann.session.backlog is not None
    User(router, "bob").send("ann", "now")
    assert ann.msgs()[-1] == "now"


def test_who_has_an_account_gets_in_while_nothing_can_be_stored(router: Router) -> None:
    User(router, "ann").register().leave()
    store_of(router.chat).broken = True
    assert log_in(router, "ann").session.account is not None
    assert log_in_classic(router, "ann").session.account is not None


def test_what_was_said_before_the_first_login_is_owed(router: Router) -> None:
    made = store_of(router.chat).write(AddAccount(parse("newbie"), PASSWORD, Role.USER, now=0, most=9))
    made.addCallback(lambda new: router.chat.reserve_name(new.account))
    User(router, "bob").send("newbie", "welcome aboard")
    assert "welcome aboard" in log_in_classic(router, "newbie").msgs()


def test_a_password_with_blanks_is_not_changed_by_halves(router: Router) -> None:
    ann = User(router, "ann").register()
    ann.send("/password", f"{PASSWORD} correct horse")
    assert "it is unclear where" in ann.msgs()[-1]


@pytest.mark.parametrize("x", [{"auth": {"mech": "PLAIN", "password": "x"}}, {"auth": {}, "dev": ""}])
def test_a_hello_that_is_refused_has_one_answer_for_programs(router: Router, x: dict[str, Any]) -> None:
    User(router, "ann").register().leave()
    for name in ("ann", "nobody"):
        refused = User(router, name, greeted=False)
        refused.send("/hello", "lanchat", v=1, caps=["id"], **x)
        assert [answer["op"] for answer in refused.xs()] == ["fail"]
        refused.leave()


def test_who_made_a_private_room_may_come_back(router: Router) -> None:
    ann = User(router, "ann").register()
    for command in ("/create", "/leave", "/join"):
        ann.send(command, "#den" + " private" * (command == "/create"))
    assert ann.msgs()[-1].startswith("You are in #den")


def test_who_registers_and_goes_belongs_to_the_rooms_it_was_in(router: Router) -> None:
    User(router, "bob").register().send("/create", "#ops")
    dan = User(router, "dan")
    dan.send("/join", "#ops")
    store_of(router.chat).held = True
    dan.send("/register", PASSWORD)
    dan.leave()
    store_of(router.chat).release()
    account = router.chat.online.account("dan")
    assert account is not None
    assert list(account.conversations) == ["r1"]


def test_who_is_banned_from_a_room_while_it_registers_stays_out(router: Router) -> None:
    bob = User(router, "bob").register()
    bob.send("/create", "#ops")
    dan = User(router, "dan", ip="10.0.0.9")
    dan.send("/join", "#ops")
    store_of(router.chat).held = True
    bob.send("/ban", "#ops dan")
    dan.send("/register", PASSWORD)
    store_of(router.chat).release()
    dan.shown()
    bob.send("#ops", "among us")
    assert dan.shown() == []


# While the disk is full, or somebody is removed.


A_TOKEN = "a token"  # noqa: S105 (nobody's)


class Tokens(FakeIdentity):
    """Tokens that are kept, as a real server keeps them."""

    async def give_token(self, account: int) -> str:  # type: ignore[override]  # a coroutine is as good
        """Keep one, and give it."""
        await self._chat.store.write(accounts.AddToken(account, b"x", 0, 9))
        return A_TOKEN


def test_while_nothing_can_be_stored_a_login_is_welcomed_without_a_token(router: Router) -> None:
    router.chat.identity = Tokens(router.chat)
    User(router, "ann").register().leave()
    assert dump(log_in(router, "ann", *ALL, "token").shown()[0].x)["token"] == A_TOKEN
    store_of(router.chat).broken = True
    welcome = dump(log_in(router, "ann", *ALL, "token").shown()[0].x)
    assert (welcome["op"], welcome.get("token"), welcome["account"]) == ("welcome", None, True)


def test_an_account_that_was_made_is_told_to_be_made_also_without_a_token(router: Router) -> None:
    router.chat.identity = Tokens(router.chat)
    bob = User(router, "bob").hello(*ALL, "token")
    store = store_of(router.chat)
    store.held = True
    bob.send("/register", PASSWORD)
    store.release()
    assert dump(bob.told().x)["token"] == A_TOKEN
    cat = User(router, "cat").hello(*ALL, "token")
    store.held = True
    cat.send("/register", PASSWORD)
    with patch.object(store, "write", lambda job: fail(NotStored("full"))):
        store.release()
    told = cat.told()
    assert (told.msg.split(":")[0], dump(told.x).get("token")) == ("cat is your account now", None)
    assert cat.session.account is router.chat.online.account("cat")


@pytest.mark.parametrize("command", ["/invite ann #ops", "/mute #ops ann", "/ban #ops ann", "/ban ann"])
def test_who_asks_something_about_an_account_that_is_removed_just_then_is_answered(router: Router, command: str) -> None:
    User(router, "ann").register()
    olga = User(router, "olga").register()
    assert olga.session.account is not None
    olga.session.role = olga.session.account.role = Role.OPERATOR
    olga.send("/create", "#ops")
    olga.shown()
    ann, store = router.chat.account_of("ann"), store_of(router.chat)
    store.held = True
    store.write_in_background(accounts.RemoveAccount(ann.id))
    olga.send(*command.split(" ", 1))
    store.release()
    assert dump(olga.told().x or ServerX()).get("code") in (None, "NO_SUCH_TARGET")
    assert not olga.client.disconnected
    assert not router.chat.sanctions.listed(None)
    assert all(not room.invited and not router.chat.sanctions.listed(room) for room in router.chat.rooms.with_prefix(""))


def test_whose_account_is_removed_during_the_login_is_told_so(router: Router) -> None:
    User(router, "ann").register().leave()
    store, account = store_of(router.chat), router.chat.account_of("ann")
    router.chat.identity = Tokens(router.chat)
    store.held = True
    store.write_in_background(accounts.RemoveAccount(account.id))
    classic, phone = log_in_classic(router, "ann"), log_in(router, "ann", *ALL, "token")
    store.release()
    for user in (classic, phone):
        assert "That account was removed just now." in [packet.msg for packet in user.shown()]
        assert user.session.account is None
        assert not user.client.faults


@pytest.mark.parametrize("command", [accounts.SetPassword(99, "hash"), accounts.SetRole(99, Role.USER)])
def test_of_an_account_that_is_gone_nothing_is_said_to_be_changed(router: Router, command: LogCommand[None]) -> None:
    with pytest.raises(NoSuchTarget):
        command.run(store_of(router.chat).connection)


def test_who_leaves_out_the_new_password_is_told_what_to_write(router: Router) -> None:
    ann = User(router, "ann").register()
    ann.send("/password", "longpassword1")
    assert ann.told().msg == "Usage: /password OLD NEW (change your password)"
