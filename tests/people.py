"""People with accounts and roles for pure tests, and a server that starts again with what was kept."""

from __future__ import annotations

from sqlite3 import Connection

from twisted.internet.task import Clock

from lanchat import commands
from lanchat.core.chat import Chat
from lanchat.core.router import Router
from lanchat.model.names import parse
from lanchat.model.session import Role
from lanchat.tables import accounts, hooks, rooms, sanctions
from tests.fakes import FakeIdentity, FakeStore, User


def person(router: Router, name: str, role: Role = Role.GUEST, ip: str = "10.0.0.1") -> User:
    """Somebody who is here; with a role above a guest's, logged in with an account, which is made if there is none."""
    if role is Role.GUEST:
        return User(router, name, ip)
    if router.chat.online.account(name) is None:
        made = accounts.add(connection(router), name=parse(name), password="pw", role=role, now=0, most=100)  # noqa: S106 (a test's)
        router.chat.reserve_name(made)
    user = User(router, name, ip)
    user.send("/login", "pw")
    user.shown()
    return user


def again(router: Router, clock: Clock) -> Router:
    """The same server, after it was started again."""
    other = Chat(clock, "again", clock.seconds)
    store = FakeStore(other.stored.committed)
    store.connection = connection(router)
    known = {account.id: account for account in accounts.load(store.connection)}
    places = rooms.load(store.connection, known)
    sanctions.RemoveEndedSanctions(clock.seconds()).run(store.connection)
    in_force = sanctions.load(store.connection, places)
    other.begin(store, list(known.values()), places, in_force)
    other.hooks.begin(hooks.load(store.connection))
    other.identity = FakeIdentity(other)
    return Router(other, commands.run)


def connection(router: Router) -> Connection:
    """Where it is kept."""
    store = router.chat.store
    assert isinstance(store, FakeStore)
    return store.connection
