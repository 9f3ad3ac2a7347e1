"""The realm: passwords and tokens in a database, and another directory in their place."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from typing import Any, TypeVar, cast

import pytest
from argon2 import PasswordHasher
from argon2.profiles import CHEAPEST
from twisted.cred.checkers import AllowAnonymousAccess, ICredentialsChecker, InMemoryUsernamePasswordDatabaseDontUse
from twisted.cred.credentials import Anonymous, UsernamePassword
from twisted.cred.error import LoginFailed, UnauthorizedLogin
from twisted.cred.portal import Portal
from twisted.internet.defer import succeed
from zope.interface.verify import verifyObject

from lanchat.auth.passwords import Hasher
from lanchat.auth.realm import MAX_TOKENS, AccountChecker, ChatRealm, IToken, Token
from lanchat.model.names import key, parse
from lanchat.model.session import Account, IAccount, Role
from lanchat.protocol.errors import NoSuchTarget, NotStored, TooSlow, Usage
from lanchat.state.interfaces import Store
from lanchat.tables.accounts import AddToken, RehashPassword, SetPassword, find_token
from lanchat.tables.log_command import LogCommand
from tests.turns import Turns

TABLES = """
CREATE TABLE accounts(id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL, key TEXT NOT NULL UNIQUE, role INTEGER NOT NULL,
    password TEXT NOT NULL, created INTEGER NOT NULL);
CREATE TABLE tokens(hash BLOB PRIMARY KEY, account INTEGER NOT NULL REFERENCES accounts ON DELETE CASCADE,
    created INTEGER NOT NULL) WITHOUT ROWID;
"""
T = TypeVar("T")


class Tables:
    """A store that does what it is asked at once."""

    def __init__(self) -> None:
        self.connection = sqlite3.connect(":memory:", isolation_level=None)
        self.connection.executescript(TABLES)
        self.broken: Exception | None = None
        self.asked: list[str] = []
        self.connection.set_trace_callback(self.asked.append)

    async def read(self, query: Callable[[sqlite3.Connection], T], slow: bool = False) -> T:
        """Run a query."""
        return query(self.connection)

    async def write(self, command: LogCommand[T]) -> T:
        """Run a command, unless the disk is full."""
        if self.broken:
            raise self.broken
        return command.run(self.connection)


class Chat:
    """A database with accounts, and all it takes to get into one."""

    def __init__(self) -> None:
        self.turns = Turns()
        self.tables = Tables()
        self.hasher = Hasher(self.turns, CHEAPEST)
        self.hasher.startService()
        self.now = 1_000_000.0
        self.checker = AccountChecker(cast("Store", self.tables), self.hasher, lambda: self.now)
        self.accounts: dict[int, Account] = {}
        self.realm = ChatRealm(self.accounts.get, self.find_by_name)
        self.portal = Portal(self.realm, [self.checker])

    def find_by_name(self, name: str) -> Account | None:
        """The account of that name, in any spelling."""
        return next((account for account in self.accounts.values() if account.name.key == key(name)), None)

    def register(self, name: str, password: str) -> Account:
        """Make an account."""
        known = parse(name)
        row = (name, known.key, self.turns.run(self.hasher.hash(password)))
        made = self.tables.connection.execute("INSERT INTO accounts VALUES (NULL, ?, ?, 1, ?, 0)", row)
        assert made.lastrowid
        return self.accounts.setdefault(made.lastrowid, Account(made.lastrowid, known, Role.USER))

    def login(self, credentials: Any) -> Account:
        """Log in, as cred does."""
        interface, account, logout = self.turns.wait(self.portal.login(credentials, None, IAccount))
        assert interface is IAccount
        assert isinstance(account, Account)
        logout()
        return account

    def kept(self, account: Account) -> str:
        """What is kept of a password."""
        row = self.tables.connection.execute("SELECT password FROM accounts WHERE id = ?", (account.id,)).fetchone()
        return str(row[0])


@pytest.fixture
def chat() -> Iterator[Chat]:
    made = Chat()
    yield made
    made.turns.wait(made.hasher.stopService())


@pytest.fixture
def alice(chat: Chat) -> Account:
    chat.register("bob", "builder")
    return chat.register("Alice", "in wonderland")


def password(name: str, secret: str) -> UsernamePassword:
    return UsernamePassword(name.encode(), secret.encode())


def test_these_are_parts_that_cred_can_use(chat: Chat) -> None:
    assert verifyObject(ICredentialsChecker, chat.checker)
    assert verifyObject(IToken, Token(b"alice", "x"))


@pytest.mark.parametrize("name", ["Alice", "alice", "ALICE"])
def test_a_password_opens_its_account_in_any_spelling_of_the_name(chat: Chat, alice: Account, name: str) -> None:
    assert chat.login(password(name, "in wonderland")) is alice


def test_a_password_is_hashed_anew_in_the_form_of_today_once_it_has_opened_its_account(chat: Chat) -> None:
    typed = "cafe\u0301 ole\u0301"
    zoe = chat.register("Zoë", "x")
    chat.tables.connection.execute("UPDATE accounts SET password = ?", (PasswordHasher.from_parameters(CHEAPEST).hash(typed),))
    before = chat.kept(zoe)
    with pytest.raises(UnauthorizedLogin):
        chat.login(password("Zoë", "café olé"))
    assert chat.login(password("Zoë", typed)) is zoe
    assert chat.kept(zoe) != before
    assert chat.login(password("Zoë", "café olé")) is zoe
    after = chat.kept(zoe)
    assert chat.login(password("Zoë", typed)) is zoe
    assert chat.kept(zoe) == after


@pytest.mark.parametrize(
    ("name", "secret"), [("Alice", "builder"), ("bob", "in wonderland"), ("carol", "x"), ("\x00' OR 1", "x")]
)
def test_another_secret_or_name_opens_nothing(chat: Chat, alice: Account, name: str, secret: str) -> None:
    with pytest.raises(UnauthorizedLogin) as refused:
        chat.login(password(name, secret))
    assert str(refused.value) == "no such account, or another password"


def test_a_name_that_is_no_text_opens_nothing(chat: Chat, alice: Account) -> None:
    with pytest.raises(UnauthorizedLogin):
        chat.login(UsernamePassword(b"\xffalice", b"in wonderland"))


@pytest.mark.parametrize("secret", ["", "x" * 1025])
@pytest.mark.parametrize("name", ["alice", "nobody"])
def test_what_can_be_no_password_is_answered_the_same_for_all_names(chat: Chat, alice: Account, name: str, secret: str) -> None:
    with pytest.raises(Usage):
        chat.login(password(name, secret))


def test_whether_there_is_an_account_can_not_be_told_by_the_work_it_takes(
    chat: Chat, alice: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    def work(name: str) -> tuple[list[str], int]:
        done: list[str] = []
        monkeypatch.setattr(chat.hasher, "_matches", lambda kept, secret: done.append(kept.split("$")[3]))
        chat.tables.asked.clear()
        with pytest.raises(UnauthorizedLogin):
            chat.login(password(name, "wrong"))
        return done, len(chat.tables.asked)

    known = work("alice")
    assert known == work("nobody")
    assert len(known[0]) == 1


def test_a_token_serves_instead_of_the_password(chat: Chat, alice: Account) -> None:
    token = chat.turns.run(chat.checker.give_token(alice.id))
    assert chat.login(Token(b"alice", token)) is alice
    assert chat.login(Token(b"ALICE", token)) is alice, "more than once"
    kept = chat.tables.connection.execute("SELECT hash FROM tokens").fetchone()[0]
    assert token.encode() not in kept


def test_a_token_opens_only_the_account_it_was_given_for(chat: Chat, alice: Account) -> None:
    token = chat.turns.run(chat.checker.give_token(alice.id))
    for name, other in [
        (b"bob", token),
        (b"alice", token + "x"),
        (b"alice", ""),
        (b"alice", "in wonderland"),
        (b"carol", token),
    ]:
        with pytest.raises(UnauthorizedLogin, match="no such token"):
            chat.login(Token(name, other))


def test_a_token_is_no_password(chat: Chat, alice: Account) -> None:
    token = chat.turns.run(chat.checker.give_token(alice.id))
    with pytest.raises(UnauthorizedLogin):
        chat.login(password("alice", token))


def test_an_account_has_the_newest_of_its_tokens(chat: Chat, alice: Account) -> None:
    (bob,) = (account for account in chat.accounts.values() if account is not alice)
    others = chat.turns.run(chat.checker.give_token(bob.id))
    tokens = []
    for _ in range(MAX_TOKENS + 2):
        chat.now += 1
        tokens.append(chat.turns.run(chat.checker.give_token(alice.id)))
    for token in tokens[:2]:
        with pytest.raises(UnauthorizedLogin):
            chat.login(Token(b"alice", token))
    for token in tokens[2:]:
        assert chat.login(Token(b"alice", token)) is alice
    assert chat.login(Token(b"bob", others)) is bob


def test_a_token_counts_even_if_the_clock_was_set_back(chat: Chat, alice: Account) -> None:
    for _ in range(MAX_TOKENS):
        chat.turns.run(chat.checker.give_token(alice.id))
    chat.now -= 1000
    assert chat.login(Token(b"alice", chat.turns.run(chat.checker.give_token(alice.id)))) is alice


def test_a_token_that_could_not_be_kept_is_not_given(chat: Chat, alice: Account) -> None:
    chat.tables.broken = NotStored("The disk is full.")
    with pytest.raises(NotStored):
        chat.turns.run(chat.checker.give_token(alice.id))


def test_what_was_hashed_at_another_cost_is_hashed_again_at_a_login(chat: Chat, alice: Account) -> None:
    before = chat.kept(alice)
    dearer = Hasher(chat.turns, replace(CHEAPEST, time_cost=2))
    dearer.startService()
    chat.portal.registerChecker(AccountChecker(cast("Store", chat.tables), dearer))
    with pytest.raises(UnauthorizedLogin):
        chat.login(password("alice", "wrong"))
    assert chat.kept(alice) == before
    assert chat.login(password("alice", "in wonderland")) is alice
    after = chat.kept(alice)
    assert "t=2" in after
    assert chat.login(password("alice", "in wonderland")) is alice
    assert chat.kept(alice) == after
    chat.turns.wait(dearer.stopService())


def test_a_login_does_not_fail_because_it_can_not_be_hashed_again(chat: Chat, alice: Account, logged: list[str]) -> None:
    before = chat.kept(alice)
    dearer = Hasher(chat.turns, replace(CHEAPEST, time_cost=2))
    dearer.startService()
    chat.portal.registerChecker(AccountChecker(cast("Store", chat.tables), dearer))
    chat.tables.broken = NotStored("The disk is full.")
    assert chat.login(password("alice", "in wonderland")) is alice
    assert chat.kept(alice) == before
    assert any("could not be renewed: The disk is full." in line for line in logged)
    chat.turns.wait(dearer.stopService())


def test_a_password_that_was_changed_meanwhile_is_not_changed_back(chat: Chat, alice: Account) -> None:
    RehashPassword(alice.id, "what it was before", "what it was before, hashed again").run(chat.tables.connection)
    assert chat.login(password("alice", "in wonderland")) is alice


def test_tokens_go_with_the_password(chat: Chat, alice: Account) -> None:
    token = chat.turns.run(chat.checker.give_token(alice.id))
    SetPassword(alice.id, "another, hashed").run(chat.tables.connection)
    with pytest.raises(UnauthorizedLogin, match="no such token"):
        chat.login(Token(b"alice", token))


def test_tokens_go_with_their_account(chat: Chat, alice: Account) -> None:
    connection = chat.tables.connection
    connection.execute("PRAGMA foreign_keys = ON")
    AddToken(alice.id, b"kept", 1, MAX_TOKENS).run(connection)
    assert find_token(connection, "alice", b"kept") == alice.id
    connection.execute("DELETE FROM accounts WHERE id = ?", (alice.id,))
    assert find_token(connection, "alice", b"kept") is None
    with pytest.raises(NoSuchTarget):
        AddToken(alice.id, b"kept", 1, MAX_TOKENS).run(connection)


def test_an_account_that_is_gone_from_the_server_is_not_opened(chat: Chat, alice: Account) -> None:
    del chat.accounts[alice.id]
    with pytest.raises(UnauthorizedLogin):
        chat.login(password("alice", "in wonderland"))


def test_a_database_that_is_too_slow_is_no_wrong_password(chat: Chat, alice: Account) -> None:
    async def late(query: object) -> None:
        raise TooSlow("That took too long.")

    chat.tables.read = late  # type: ignore[method-assign, assignment]  # it fails in this test
    with pytest.raises(TooSlow):
        chat.login(password("alice", "in wonderland"))


def test_another_directory_can_check_the_passwords(chat: Chat, alice: Account) -> None:
    chat.portal.registerChecker(InMemoryUsernamePasswordDatabaseDontUse(alice=b"from the directory", dave=b"x"))
    assert chat.login(password("alice", "from the directory")) is alice
    with pytest.raises(LoginFailed):
        chat.login(password("alice", "in wonderland"))
    with pytest.raises(LoginFailed):
        chat.login(password("dave", "x"))  # the directory knows him, and there is no such account
    token = chat.turns.run(chat.checker.give_token(alice.id))
    assert chat.login(Token(b"alice", token)) is alice, "tokens are still ours"


def test_a_name_that_is_a_number_is_no_id(chat: Chat, alice: Account) -> None:
    chat.portal.registerChecker(InMemoryUsernamePasswordDatabaseDontUse(**{str(alice.id): b"x"}))
    with pytest.raises(LoginFailed):
        chat.login(password(str(alice.id), "x"))


def test_nobody_logs_in_as_nobody(chat: Chat, alice: Account) -> None:
    chat.portal.registerChecker(AllowAnonymousAccess())
    with pytest.raises(LoginFailed):
        chat.login(Anonymous())


def test_a_login_gives_an_account_and_nothing_else(chat: Chat, alice: Account) -> None:
    with pytest.raises(NotImplementedError):
        chat.turns.wait(succeed(alice.id).addCallback(partial(chat.realm.requestAvatar, mind=None)))
