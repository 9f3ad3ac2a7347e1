"""Logins: how a gateway lets somebody in whose password it has checked, without a packet of theirs."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any

import pytest
from twisted.internet.defer import Deferred

from lanchat.core.logins import log_in
from lanchat.core.router import Router
from lanchat.model.session import Role
from lanchat.protocol.errors import Banned, ClientGone, RateLimited
from tests.fakes import PASSWORD, User, make_router, store_of


def outcome(work: Coroutine[Any, Any, Any]) -> list[Any]:
    """What came of it: one result or one exception; none yet while it waits."""
    found: list[Any] = []
    Deferred.fromCoroutine(work).addCallbacks(found.append, lambda failure: found.append(failure.value))
    return found


@pytest.fixture
def router() -> Router:
    """A chat in which the account ann, which is not online, missed three messages."""
    router, _ = make_router()
    User(router, "ann").register().leave()
    bob = User(router, "bob")
    for n in range(3):
        bob.send("ann", f"call me {n}")
    return router


def come(router: Router) -> User:
    """A connection that has given the name ann, and is told nothing by itself."""
    user = User(router, "ann", greeted=False)
    user.session.greeted = True
    return user


def prove(router: Router) -> Any:
    """The account of ann, by its password."""
    (account,) = outcome(_wait(router.chat.identity.by_password("ann", "10.0.0.1", PASSWORD)))
    return account


async def _wait(attempt: Any) -> Any:
    return await attempt


def test_who_has_proven_an_account_is_let_in_and_shown_what_was_missed(router: Router) -> None:
    ann, account = come(router), prove(router)
    (cursor,) = outcome(log_in(router.chat, ann.session, account))
    assert (cursor, ann.session.account, ann.session.role) == (0, account, Role.USER)
    assert ann.session in router.chat.online
    assert ann.shown() == [], "the welcome is the gateway's"
    outcome(router.chat.replay.newest(ann.session, cursor))
    sentence, *missed = ann.msgs()
    assert "3 messages were sent to you" in sentence
    assert missed == ["call me 0", "call me 1", "call me 2"]


def test_a_gateway_may_leave_out_how_many_were_missed(router: Router) -> None:
    ann = come(router)
    (cursor,) = outcome(log_in(router.chat, ann.session, prove(router)))
    outcome(router.chat.replay.newest(ann.session, cursor, say_how_many=False))
    assert ann.msgs() == ["call me 0", "call me 1", "call me 2"]


def test_who_is_banned_or_logs_in_too_often_is_not_let_in(router: Router) -> None:
    account = prove(router)
    router.chat.limits.set("logins", "0.1")  # a burst of 10 s allows one
    assert outcome(log_in(router.chat, come(router).session, account)) == [0]
    (error,) = outcome(log_in(router.chat, (late := come(router)).session, account))
    assert isinstance(error, RateLimited)
    boss = User(router, "boss").register()
    boss.session.role = Role.OPERATOR
    boss.send("/ban", "ann")
    (error,) = outcome(log_in(router.chat, late.session, account))
    assert isinstance(error, Banned)
    assert account.sessions == []


def test_a_connection_that_is_gone_before_the_disk_answered_does_not_come_in(router: Router) -> None:
    ann, account = come(router), prove(router)
    store_of(router.chat).held = True
    found = outcome(log_in(router.chat, ann.session, account))
    ann.leave()
    store_of(router.chat).release()
    assert [type(error) for error in found] == [ClientGone]
    assert account.sessions == []
