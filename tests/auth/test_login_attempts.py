"""Logging in: who fails waits longer and longer, and nobody can make another wait."""

from __future__ import annotations

from typing import Any

import pytest
from twisted.cred.checkers import ICredentialsChecker
from twisted.cred.credentials import IUsernamePassword, UsernamePassword
from twisted.cred.error import UnauthorizedLogin
from twisted.cred.portal import Portal
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import Clock
from twisted.python.failure import Failure
from zope.interface import implementer

from lanchat.auth import login_attempts
from lanchat.auth.login_attempts import FORGET_SECONDS, FREE, MAX_SECONDS, MAX_TRIES, Gate, may_send_secret
from lanchat.auth.realm import ChatRealm, Token
from lanchat.model.names import key, parse
from lanchat.model.session import Account, Role
from lanchat.protocol.errors import AuthFailed, RateLimited

HERE, THERE, LOOPBACK = "10.0.0.1", "10.0.0.2", "127.0.0.1"
SECRET = b"right"


@implementer(ICredentialsChecker)
class Directory:
    """A checker that somebody else wrote: everyone's password is the same, and it answers names."""

    credentialInterfaces = (IUsernamePassword,)  # noqa: N815 (cred's name for it)

    def __init__(self) -> None:
        self.looks = 0
        self.busy: list[Deferred[bytes]] | None = None
        self.broken: Exception | None = None

    def requestAvatarId(self, credentials: Any) -> Any:
        """The name, if the password is right; later, if it is busy."""
        self.looks += 1
        if self.broken:
            raise self.broken
        if self.busy is not None:
            answer: Deferred[bytes] = Deferred()
            self.busy.append(answer)
            return answer
        if not credentials.checkPassword(SECRET):
            raise UnauthorizedLogin
        return credentials.username


class LoginHarness:
    """A gate, its clock, and the accounts that people try to log in to."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.clock.advance(1000)
        self.directory = Directory()
        names = [parse(name) for name in ("alice", "bob", *(f"user{n}" for n in range(300)))]
        self.accounts = {name.key: Account(n, name, Role.USER) for n, name in enumerate(names)}
        realm = ChatRealm(lambda _: None, lambda name: self.accounts.get(key(name)))
        self.gate = Gate(Portal(realm, [self.directory]), self.clock)

    def attempt(self, name: str = "alice", address: str = HERE, secret: bytes = SECRET) -> Deferred[Account]:
        """Try to log in."""
        return Deferred.fromCoroutine(self.gate.login(name, address, UsernamePassword(name.encode(), secret)))

    def seconds(self, result: Deferred[Account]) -> float:
        """How long it takes until this is answered; the clock goes on until then."""
        begun = self.clock.seconds()
        while not result.called:
            call = min(self.clock.getDelayedCalls(), key=lambda call: call.getTime())
            self.clock.advance(max(0.0, call.getTime() - self.clock.seconds()))
        return self.clock.seconds() - begun

    def fail(self, name: str = "alice", address: str = HERE) -> float:
        """Try with a wrong secret; how long that took."""
        result = self.attempt(name, address, b"wrong")
        waited = self.seconds(result)
        assert isinstance(answer(result), AuthFailed)
        return waited

    def succeed(self, name: str = "alice", address: str = HERE) -> float:
        """Try with the right secret; how long that took."""
        result = self.attempt(name, address)
        waited = self.seconds(result)
        assert answer(result) is self.accounts[key(name)]
        return waited


@pytest.fixture
def harness() -> LoginHarness:
    return LoginHarness()


def answer(result: Deferred[Account]) -> Any:
    """What came of it: an account, or an error."""
    assert result.called
    found: list[Any] = []
    result.addBoth(found.append)
    return found[0].value if isinstance(found[0], Failure) else found[0]


def test_who_knows_the_secret_waits_for_nothing(harness: LoginHarness) -> None:
    assert [harness.succeed("alice"), harness.succeed("ALICE"), harness.succeed("alice", THERE)] == [0, 0, 0]


def test_each_failure_doubles_the_wait(harness: LoginHarness) -> None:
    assert [harness.fail() for _ in range(6)] == pytest.approx([0, 1, 2, 4, 8, 16], rel=0.2)  # a little is forgotten meanwhile


def test_whoever_goes_on_guessing_gets_about_one_try_a_minute(harness: LoginHarness) -> None:
    for _ in range(20):
        harness.fail()
    assert 0.9 * MAX_SECONDS <= harness.fail() <= MAX_SECONDS
    looks = harness.directory.looks
    begun = harness.clock.seconds()
    while harness.clock.seconds() < begun + 3600:
        harness.fail()
    assert harness.directory.looks - looks <= 70


def test_time_that_went_by_counts(harness: LoginHarness) -> None:
    for _ in range(3):
        harness.fail()
    harness.clock.advance(3)
    assert harness.succeed() == pytest.approx(1, abs=0.3)


def test_the_owner_gets_in_at_once_from_elsewhere(harness: LoginHarness) -> None:
    for _ in range(30):
        harness.fail("alice", HERE)
    assert harness.succeed("alice", THERE) == 0


def test_a_neighbour_on_the_same_address_does_not_wait_for_some_mistakes_of_mine(harness: LoginHarness) -> None:
    for _ in range(FREE):
        harness.fail("alice")
    assert harness.succeed("bob") == 0


def test_all_names_together_are_counted_for_an_address(harness: LoginHarness) -> None:
    waits = [harness.fail(f"user{n}") for n in range(FREE + 20)]
    assert waits[: FREE + 1] == [0] * (FREE + 1)
    assert waits[FREE + 1 : FREE + 5] == pytest.approx([1, 2, 4, 8], rel=0.1)
    assert waits[-1] > 0.8 * MAX_SECONDS
    assert harness.succeed("alice", THERE) == 0


def test_any_address_of_a_64_counts_for_all_of_it(harness: LoginHarness) -> None:
    waits = [harness.fail(f"user{n}", f"fd00::{n:x}") for n in range(FREE + 5)]
    assert waits[FREE + 1 :] == pytest.approx([1, 2, 4, 8], rel=0.1)
    assert harness.fail("alice", "fd00:0:0:1::1") == 0
    assert harness.fail("alice", "fd00:0:0:1::2") > 0.9
    assert harness.succeed("bob", "fd00:0:0:1::3") == 0


def test_success_is_the_end_of_the_wait_for_that_name_only(harness: LoginHarness) -> None:
    for _ in range(3):
        harness.fail("alice")
    for _ in range(5):
        harness.fail("bob")
    harness.succeed("alice")
    assert [harness.fail("alice"), harness.fail("alice")] == [0, 1]
    assert harness.succeed("bob") > 5


def test_success_with_an_account_of_ones_own_does_not_help_to_guess_others(harness: LoginHarness) -> None:
    for n in range(FREE + 8):
        harness.fail(f"user{n}")
        harness.succeed("bob")
    harness.fail("alice")
    assert harness.fail("user100") > 30


def test_failures_are_forgotten(harness: LoginHarness) -> None:
    for _ in range(5):
        harness.fail()
    harness.clock.advance(6 * FORGET_SECONDS)
    assert [harness.fail() for _ in range(3)] == pytest.approx([0, 1, 2], rel=0.1)


def test_different_spellings_are_one_name(harness: LoginHarness) -> None:
    harness.fail("alice")
    harness.fail("ALICE")
    assert harness.fail("Alice") == pytest.approx(2, rel=0.1)


def test_unknown_names_are_answered_as_known_ones(harness: LoginHarness) -> None:
    known, unknown = harness.attempt("alice", secret=b"wrong"), harness.attempt("nobody", secret=b"wrong")
    without_account = harness.attempt("somebody")  # the directory knows this one
    assert str(answer(known)) == str(answer(unknown)) == str(answer(without_account))
    known, unknown = harness.attempt("alice", secret=b"wrong"), harness.attempt("nobody", secret=b"wrong")
    assert [known.called, unknown.called] == [False, False]
    harness.clock.advance(1)
    assert str(answer(known)) == str(answer(unknown))


def test_tries_at_the_same_time_do_not_save_the_wait(harness: LoginHarness) -> None:
    results = [harness.attempt(secret=b"wrong") for _ in range(5)]
    assert [result.called for result in results] == [True, False, False, False, False]
    assert harness.seconds(results[-1]) == pytest.approx(1 + 2 + 4 + 8, rel=0.1)
    assert harness.directory.looks == 5
    assert all(isinstance(answer(result), AuthFailed) for result in results)


def test_nor_do_tries_at_the_same_time_for_many_names(harness: LoginHarness) -> None:
    for n in range(FREE + 5):
        harness.fail(f"user{n}")
    looks, begun = harness.directory.looks, harness.clock.seconds()
    results = [harness.attempt(f"user{n + 50}", secret=b"wrong") for n in range(MAX_TRIES)]
    assert not any(result.called for result in results)
    harness.seconds(results[-1])
    assert harness.directory.looks - looks == MAX_TRIES
    assert harness.clock.seconds() - begun > MAX_TRIES * 10


def test_devices_that_log_in_together_do_not_wait(harness: LoginHarness) -> None:
    harness.directory.busy = []
    results = [harness.attempt() for _ in range(MAX_TRIES)]
    for n, result in enumerate(results):
        assert len(harness.directory.busy) == n + 1, "one after the other"
        harness.directory.busy[n].callback(b"alice")
        assert answer(result) is harness.accounts["alice"]
    assert harness.clock.getDelayedCalls() == []


def test_few_tries_wait_for_one_address(harness: LoginHarness) -> None:
    for n in range(FREE + 3):
        harness.fail(f"user{n}")
    waiting = [harness.attempt(f"user{n + 50}") for n in range(MAX_TRIES)]
    error = answer(harness.attempt("alice"))
    assert isinstance(error, RateLimited)
    assert error.retry_ms
    assert 1000 <= error.retry_ms <= (MAX_SECONDS + 1) * 1000
    assert answer(harness.attempt("alice", THERE)) is harness.accounts["alice"]
    for result in waiting:
        harness.seconds(result)
        assert isinstance(answer(result), Account)
    assert harness.succeed("alice") == 0, "there is room again"


def test_on_loopback_a_name_is_slowed_down_and_the_others_are_not(harness: LoginHarness) -> None:
    for n in range(FREE + 20):
        harness.fail(f"user{n}", LOOPBACK)
    for _ in range(5):
        harness.fail("alice", LOOPBACK)
    waiting = [harness.attempt("alice", LOOPBACK) for _ in range(MAX_TRIES)]
    assert isinstance(answer(harness.attempt("alice", LOOPBACK)), RateLimited)
    assert harness.succeed("bob", LOOPBACK) == 0
    harness.seconds(waiting[0])
    assert answer(waiting[0]) is harness.accounts["alice"]


def test_hundreds_may_log_in_over_loopback_at_the_same_time(harness: LoginHarness) -> None:
    harness.directory.busy = []
    results = [harness.attempt(f"user{n}", LOOPBACK) for n in range(200)]
    for n, looked in enumerate(harness.directory.busy):
        looked.callback(f"user{n}".encode())
    assert all(isinstance(answer(result), Account) for result in results)


def test_who_gives_up_while_waiting_has_not_tried(harness: LoginHarness) -> None:
    harness.fail()
    harness.fail()
    looks = harness.directory.looks
    for _ in range(3 * MAX_TRIES):
        result = harness.attempt()
        result.cancel()
        assert isinstance(answer(result), CancelledError)
    assert harness.directory.looks == looks
    assert harness.succeed() == pytest.approx(2, rel=0.1)


def test_who_gives_up_a_turn_leaves_it_to_the_next(harness: LoginHarness) -> None:
    harness.fail()
    first, second, third = harness.attempt(), harness.attempt(), harness.attempt()
    second.cancel()
    assert isinstance(answer(second), CancelledError)
    assert harness.seconds(first) == 1
    assert [answer(first), answer(third)] == [harness.accounts["alice"]] * 2
    assert not harness.gate._trying


def test_who_gives_up_while_it_is_looked_at_has_failed(harness: LoginHarness) -> None:
    for _ in range(3):
        harness.directory.busy = []
        result = harness.attempt()
        harness.clock.pump([0.1] * 40)
        assert len(harness.directory.busy) == 1
        result.cancel()
        assert isinstance(answer(result), CancelledError)
    harness.directory.busy = None
    assert harness.succeed() == pytest.approx(4, rel=0.1)


def test_a_secret_that_could_not_be_looked_at_is_no_failure(harness: LoginHarness, logged: list[str]) -> None:
    harness.directory.broken = RateLimited("Too many.", retry_ms=5)
    for _ in range(5):
        assert answer(harness.attempt()) is harness.directory.broken
    harness.directory.broken = None
    assert harness.succeed() == 0
    assert not logged


def test_what_opens_another_account_opens_nothing(harness: LoginHarness) -> None:
    result = Deferred.fromCoroutine(harness.gate.login("alice", HERE, UsernamePassword(b"bob", SECRET)))
    assert isinstance(answer(result), AuthFailed)


def test_credentials_that_nobody_checks_are_refused(harness: LoginHarness) -> None:
    result = Deferred.fromCoroutine(harness.gate.login("alice", HERE, Token(b"alice", "x")))
    assert isinstance(answer(result), AuthFailed)


def test_what_is_remembered_is_bounded_and_the_oldest_goes_first(
    harness: LoginHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(login_attempts, "MAX_REMEMBERED", 50)
    for _ in range(5):
        harness.fail("alice", "10.0.1.1")
    for n in range(200):
        harness.fail("alice", f"10.0.2.{n}")
    assert len(harness.gate._pairs._known) == len(harness.gate._addresses._known) == 50
    assert harness.fail("alice", "10.0.1.1") == 0
    assert harness.fail("alice", "10.0.2.199") > 0
    assert not harness.gate._trying
    assert not harness.gate._pairs._turns
    assert not harness.gate._addresses._turns


def test_failures_are_logged_without_the_secret(harness: LoginHarness, logged: list[str]) -> None:
    answer(harness.attempt("user\x1b[2J", secret=b"wrong"))
    answer(harness.attempt("alice", THERE, secret=b"wrong"))
    assert logged == ["login as user\\x1b[2J from 10.0.0.1 failed", "login as alice from 10.0.0.2 failed"]


@pytest.mark.parametrize(
    ("address", "encrypted", "allowed", "may"),
    [
        ("10.0.0.1", False, False, False),
        ("10.0.0.1", True, False, True),
        ("10.0.0.1", False, True, True),
        ("127.0.0.1", False, False, True),
        ("127.8.8.8", False, False, True),
        ("::1", False, False, True),
        ("fe80::1%eth0", False, False, False),
    ],
)
def test_a_secret_is_taken_where_nobody_can_listen(address: str, encrypted: bool, allowed: bool, may: bool) -> None:
    assert may_send_secret(address, encrypted, allowed) is may
