"""Webhooks in the core: how they are made and changed, and what is said by them."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any, TypeVar

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from lanchat.core.hooks import PAUSE, Hooks
from lanchat.core.router import Router
from lanchat.model.hook import Hook, digest_of
from lanchat.model.room_rules import RoomRules
from lanchat.model.session import Role
from lanchat.protocol.entry import REPEAT_MS, Entry
from lanchat.protocol.errors import ChatError, Forbidden, Full, NameTaken, NoSuchTarget, NotStored, RateLimited
from lanchat.protocol.packet import MAX_MSG, Packet, Sender
from tests.fakes import ALL, User, dump, make_router, store_of
from tests.people import again, connection, person

T = TypeVar("T")


@pytest.fixture
def router_and_clock() -> tuple[Router, Clock]:
    """A server with #ops, in which ann is, who owns it."""
    router, clock = make_router()
    ann = person(router, "ann", Role.USER).hello(*ALL)
    ann.send("/create", "#ops")
    ann.shown()
    return router, clock


@pytest.fixture
def router(router_and_clock: tuple[Router, Clock]) -> Router:
    return router_and_clock[0]


def result(work: Coroutine[Any, Any, T]) -> T:
    """What a coroutine that need not wait returns; raises what it raises."""
    outcome: list[Any] = []
    Deferred.fromCoroutine(work).addBoth(outcome.append)
    if not isinstance(outcome[0], Exception) and hasattr(outcome[0], "raiseException"):
        outcome[0].raiseException()
    found: T = outcome[0]
    return found


def make(router: Router, name: str = "deploys", room: str = "#ops") -> tuple[Hook, str]:
    """A webhook of a room, with its secret."""
    return result(router.chat.hooks.make(name, router.chat.rooms.named(room), "ann"))


def say(router: Router, hook: Hook, text: str, label: str = "", key: str | None = None) -> Entry:
    """Let a webhook say something; what came back."""
    back: list[Entry] = []
    router.chat.hooks.say(hook, text, label, key, on_back=back.append)
    (entry,) = back
    return entry


def reader(router: Router, name: str = "bob") -> User:
    """Somebody in #ops."""
    user = User(router, name).hello(*ALL)
    user.send("/join", "#ops")
    user.shown()
    return user


def ask(router: Router, to: str, msg: str) -> None:
    """Give a command, as ann."""
    ann = router.chat.online.find("ann")
    assert ann is not None
    router.receive(ann, Packet(Sender("", ""), to, msg))


# What they say.


def test_what_a_webhook_says_is_a_message_of_a_bots_in_its_room(router: Router) -> None:
    bob = reader(router)
    hook, _ = make(router)
    entry = say(router, hook, "The disk is full.")
    told = bob.told()
    assert (told.from_.name, told.to, told.msg) == ("deploys", "#ops", "The disk is full.")
    assert {"bot": True, "kind": "notice", "seq": entry.seq}.items() <= dump(told.x).items()
    row = connection(router).execute("SELECT author, name, kind, cid FROM log WHERE seq = ?", (entry.seq,)).fetchone()
    assert row == (-hook.id, "deploys", "bot", None)


def test_a_repeat_is_one_message_for_a_day_and_for_each_webhook(router_and_clock: tuple[Router, Clock]) -> None:
    router, clock = router_and_clock
    bob = reader(router)
    hook, other = make(router)[0], make(router, "other")[0]
    first, second = say(router, hook, "built", key="build-7"), say(router, hook, "built", key="build-7")
    assert (second.dup, second.seq, second.ts) == (True, first.seq, first.ts)
    assert bob.msgs() == ["built"]
    assert not say(router, other, "built", key="build-7").dup
    assert not say(router, hook, "failed", key="build-7").dup  # a key that is used again for something else
    assert not say(router, hook, "built").dup
    clock.advance(REPEAT_MS / 1000 + 1)
    assert not say(router, hook, "built", key="build-7").dup


def test_a_key_may_be_as_long_as_it_likes_and_have_any_characters(router: Router) -> None:
    hook, _ = make(router)
    key = "\ud800\0" * 5000
    assert say(router, hook, "built", key=key).seq == say(router, hook, "built", key=key).seq


def test_the_name_that_a_program_gives_itself_stands_before_the_text(router: Router) -> None:
    hook, _ = make(router)
    assert say(router, hook, "up", "db 7 Uptime").msg == "db 7 Uptime: up"
    assert say(router, hook, "up", " DEPLOYS ").msg == "up"  # that is its own
    assert say(router, hook, "up", "a\nb\x1b[31m").msg.count("\n") == 0
    assert len(say(router, hook, "up", "x" * 500).msg) < 100
    assert say(router, hook, "x" * MAX_MSG, "Grafana").msg == "x" * MAX_MSG


@pytest.mark.parametrize(("text", "code"), [(" \n", "USAGE"), ("\ud800", "USAGE"), ("x" * (MAX_MSG + 1), "TOO_BIG")])
def test_a_text_that_can_not_be_said_is_refused(router: Router, text: str, code: str) -> None:
    hook, _ = make(router)
    with pytest.raises(ChatError) as refused:
        router.chat.hooks.say(hook, text)
    assert refused.value.code == code
    assert hook.used == 0


def test_a_webhook_needs_no_rule_and_no_rank_as_somebody_who_may_made_it(router: Router) -> None:
    hook, _ = make(router)
    ask(router, "/rules", "#ops moderated on")
    assert router.chat.rooms.named("#ops").rules.moderated
    assert say(router, hook, "hi").seq


def test_what_they_say_mentions_nobody(router: Router) -> None:
    hook, _ = make(router)
    assert say(router, hook, "ann: @ann").seq
    assert connection(router).execute("SELECT count(*) FROM mentions").fetchone() == (0,)


def test_so_many_messages_a_second_are_taken(router_and_clock: tuple[Router, Clock]) -> None:
    router, clock = router_and_clock
    hooks, hook, other = router.chat.hooks, make(router)[0], make(router, "other")[0]
    for _ in range(100):  # a whole minute's at once
        hooks.take(hook)
    with pytest.raises(RateLimited) as refused:
        hooks.take(hook)
    assert refused.value.retry_ms is not None
    assert 0 < refused.value.retry_ms <= 1000
    hooks.take(other)
    clock.advance(1)
    hooks.take(hook, 10)
    assert router.chat.limits.met["hook-posts"] == 1


def test_what_can_not_be_stored_is_not_said_and_comes_back_so(router: Router) -> None:
    bob, hook = reader(router), make(router)[0]
    store_of(router.chat).broken = True
    entry = say(router, hook, "built", key="7")
    assert (entry.state, bob.shown()) == ("", [])
    store_of(router.chat).broken = False
    assert not say(router, hook, "built", key="7").dup
    assert bob.msgs() == ["built"]


def test_nothing_is_taken_while_too_much_waits_to_be_stored(router: Router, monkeypatch: pytest.MonkeyPatch) -> None:
    hook, _ = make(router)
    monkeypatch.setattr(store_of(router.chat), "full", True)
    with pytest.raises(NotStored):
        router.chat.hooks.say(hook, "hi")
    assert router.chat.limits.met["waiting"] == 1


def test_when_it_was_used_is_stored_a_while_later_and_at_the_end(router_and_clock: tuple[Router, Clock]) -> None:
    router, clock = router_and_clock
    hook, _ = make(router)
    say(router, hook, "one")
    used = "SELECT used FROM hooks"
    assert connection(router).execute(used).fetchone() == (0,)
    clock.advance(PAUSE)
    assert connection(router).execute(used).fetchone() == (hook.used,)
    say(router, hook, "two")
    router.chat.hooks.write()
    assert connection(router).execute(used).fetchone() == (int(clock.seconds()),)


# Which there are.


def test_only_a_digest_of_the_secret_is_kept(router: Router) -> None:
    hook, secret = make(router)
    assert len(secret) >= 32
    assert connection(router).execute("SELECT secret FROM hooks").fetchone() == (digest_of(secret),)
    assert router.chat.hooks.by_secret(secret) is hook
    assert router.chat.hooks.by_secret(secret[:-1]) is None
    assert secret not in repr(hook)


def test_a_new_secret_ends_the_old_one(router: Router) -> None:
    hook, secret = make(router)
    other = result(router.chat.hooks.rotate(hook))
    assert router.chat.hooks.by_secret(secret) is None
    assert router.chat.hooks.by_secret(other) is hook


def test_to_enable_one_does_not_bring_back_a_secret_that_is_just_being_changed(router_and_clock: tuple[Router, Clock]) -> None:
    router, clock = router_and_clock
    hooks, (hook, secret), store = router.chat.hooks, make(router), store_of(router.chat)
    store.held = True
    Deferred.fromCoroutine(hooks.rotate(hook))
    Deferred.fromCoroutine(hooks.enable(hook, False))
    store.release()
    restarted = again(router, clock).chat.hooks
    assert restarted.by_secret(secret) is None
    assert not restarted.named("deploys").enabled


def test_a_disabled_one_takes_nothing(router: Router) -> None:
    hook, _ = make(router)
    result(router.chat.hooks.enable(hook, False))
    with pytest.raises(Forbidden):
        router.chat.hooks.say(hook, "hi")
    result(router.chat.hooks.enable(hook, True))
    assert say(router, hook, "hi").seq


def test_they_are_there_again_after_a_restart(router_and_clock: tuple[Router, Clock]) -> None:
    router, clock = router_and_clock
    (hook, secret), (off, _) = make(router), make(router, "other")
    result(router.chat.hooks.enable(off, False))
    say(router, hook, "built", key="7")
    router.chat.hooks.write()
    hooks: Hooks = again(router, clock).chat.hooks
    found = hooks.by_secret(secret)
    assert found is not None
    assert (found.name.shown, found.made_by, found.used, found.enabled) == ("deploys", "ann", hook.used, True)
    assert [one.enabled for one in hooks.all()] == [True, False]
    back: list[Entry] = []
    hooks.say(found, "built", key="7", on_back=back.append)
    assert back[0].dup
    with pytest.raises(NameTaken):
        result(hooks.make("Deploys", hooks.room_of(found), "ann"))


def test_the_name_is_nobody_elses_while_it_is_there(router: Router) -> None:
    hook, _ = make(router)
    for name in ("deploys", "DEPLOYS", "d\u0435ploys"):
        for take in (User, make):
            with pytest.raises(ChatError):
                take(router, name)
    with pytest.raises(NameTaken):
        make(router, "ann")
    bob = User(router, "bob").hello("id")
    bob.send("/whois", "deploys")
    assert dump(bob.told().x)["people"] == [{"name": "deploys", "bot": True}]
    result(router.chat.hooks.unmake(hook))
    assert User(router, "deploys").session.name.shown == "deploys"


def test_the_name_is_free_again_if_it_could_not_be_stored(router: Router) -> None:
    store_of(router.chat).broken = True
    with pytest.raises(NotStored):
        make(router)
    assert router.chat.hooks.all() == []
    assert User(router, "deploys").session.name.shown == "deploys"


def test_a_room_has_so_many(router: Router) -> None:
    router.chat.limits.set("hooks", 2)
    make(router, "one")
    make(router, "two")
    with pytest.raises(Full):
        make(router, "three")


def test_those_of_a_room_that_is_closed_are_gone_with_it_and_a_rename_changes_nothing(router: Router) -> None:
    hook, secret = make(router)
    hooks = router.chat.hooks
    ask(router, "/rename", "#ops #pumps")
    assert say(router, hook, "hi").target == "#pumps"
    ask(router, "/close", "#pumps")
    assert (hooks.all(), hooks.by_secret(secret)) == ([], None)
    assert connection(router).execute("SELECT count(*) FROM hooks").fetchone() == (0,)
    with pytest.raises(NoSuchTarget):
        hooks.say(hook, "hi")
    assert User(router, "deploys").session.name.shown == "deploys"


def test_those_of_a_temporary_room_end_with_it(router: Router) -> None:
    router.chat.rooms.named("#ops").rules = RoomRules(temporary=True)
    hook, secret = make(router)
    ask(router, "/leave", "#ops")
    assert router.chat.hooks.by_secret(secret) is None
    with pytest.raises(NoSuchTarget):
        router.chat.hooks.say(hook, "hi")


def test_a_removed_one_is_no_more(router: Router) -> None:
    hook, secret = make(router)
    result(router.chat.hooks.unmake(hook))
    assert router.chat.hooks.by_secret(secret) is None
    with pytest.raises(NoSuchTarget):
        router.chat.hooks.named("deploys")
    result(router.chat.hooks.unmake(hook))  # another one may have removed it just before
