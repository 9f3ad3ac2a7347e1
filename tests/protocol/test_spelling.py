"""Spelling: one key for all spellings of a name, whatever it is, and everything that is found by it."""

from __future__ import annotations

import time
import unicodedata
from pathlib import Path

import pytest
from hypothesis import example, given, strategies as st
from twisted.internet.task import Clock

from lanchat.client.tokens import TokenFile
from lanchat.core.router import Router
from lanchat.gateways.telnet import TelnetProtocol
from lanchat.model.names import are_confusable, parse
from lanchat.model.room import parse_name, room_key
from lanchat.model.session import Role
from lanchat.protocol import spelling
from lanchat.protocol.errors import BadName, NameTaken
from lanchat.protocol.extensions import AnswerX
from lanchat.protocol.packet import ReceivedPacket, Sender, visible
from lanchat.protocol.spelling import MAX_SPELLING, key
from lanchat.tables import accounts
from lanchat.terminal import options
from lanchat.terminal.completion_words import CompletionWords
from tests.fakes import User, Wire, make_router
from tests.people import connection, person
from tests.talk import Talk
from tests.worldwide import PEOPLE, spellings


@given(st.text(max_size=40) | st.text(st.sampled_from("iIİıσςΣ\u0307\u0301\u200d\u0f0bʼ’ŀﷺᏣ\u0345ǅ#"), max_size=140))
@example("i\u0307\u0307\u0301")
@example("\ufdfa" * MAX_SPELLING)
def test_a_key_is_its_own_key_in_any_form(text: str) -> None:
    assert key(key(text)) == key(text)
    assert room_key(room_key(text)) == room_key(text)
    others = [unicodedata.normalize(form, text) for form in ("NFC", "NFD", "NFKC", "NFKD")]
    if max(map(len, [text, *others])) <= MAX_SPELLING:
        assert {key(other) for other in others} == {key(text)}


def test_a_long_text_takes_no_time_and_no_memory() -> None:
    before, begun = spelling._key.cache_info().currsize, time.process_time()
    hard = "\u30fb" * 20_000
    assert key(hard) == hard
    assert spelling._key.cache_info().currsize == before
    for n in range(200):
        key("\ufdfa" * 120 + str(n))
    assert len(max(map(key, ["\ufdfa" * 120]), key=len)) == 120, "what is kept is no longer than what came"
    assert time.process_time() - begun < 2


def test_names_that_are_different_have_different_keys() -> None:
    for one, other in (("Weiß", "Weiss"), ("O’Brien", "OBrien"), ("Gal·la", "Galla"), ("ああ", "アア"), ("é", "e")):
        assert key(one) != key(other)


@pytest.fixture
def router() -> Router:
    return make_router()[0]


def test_a_guest_is_found_and_shown_in_any_spelling(router: Router) -> None:
    ann = User(router, "ann")
    for name in PEOPLE:
        guest = User(router, name, ip="10.0.0.9")
        assert guest.session.name.shown == name
        for spelt in spellings(name):
            ann.send(spelt, "hello")
            assert guest.told().to == name, ascii(spelt)
        assert not ann.shown()
        guest.leave()


def test_an_account_is_the_same_in_any_spelling(router: Router) -> None:
    router.chat.limits.set("packets", "off")
    mod = person(router, "mod", Role.MODERATOR)
    for name in PEOPLE:
        row = {"name": parse(name), "password": "password-1", "role": Role.USER, "now": 0, "most": 500}
        account = accounts.add(connection(router), **row)  # type: ignore[arg-type]
        router.chat.reserve_name(account)
        for spelt in spellings(name):
            assert router.chat.online.account(spelt) is router.chat.account_of(f"@{spelt}") is account
        user = User(router, spelt)
        user.send("/login", "password-1")
        assert user.session.name.shown == name
        mod.send("/ban", spelt)
        assert f"{name} is banned" in mod.told().msg
        mod.send("/bans", spelt)
        assert f"{name}: " in mod.told().msg
        mod.send("/unban", name)
        assert f"{name} is" in mod.told().msg


def test_a_room_is_found_in_any_spelling(router: Router) -> None:
    router.chat.limits.set("owned", 500)
    router.chat.limits.set("creations", 500)
    router.chat.limits.set("joined", 500)
    router.chat.limits.set("packets", "off")
    ann = User(router, "ann").register()
    for name in PEOPLE:
        ann.send("/create", f"#{name}")
        assert ann.told().msg.startswith(f"#{name} is there")
        room = router.chat.rooms.find(f"#{name}")
        assert room is not None
        for spelt in spellings(name):
            assert router.chat.rooms.find(spelt) is router.chat.rooms.find(f"#{spelt}") is room, ascii(spelt)
            assert room in router.chat.rooms.with_prefix(f"#{spelt}")


def test_a_name_is_shown_as_it_was_typed_to_those_at_terminals() -> None:
    house: tuple[Router, Clock] = make_router()
    ann = Wire(*house, TelnetProtocol)
    ann.send(b"ann\r\n")
    for name in PEOPLE:
        guest = User(house[0], name, ip="10.0.0.9")
        ann.bytes()
        guest.send("ann", "hello")
        assert f"{name} (private): hello" in ann.bytes().decode()
        guest.leave()


def test_a_name_is_completed_in_any_spelling() -> None:
    words = CompletionWords()
    words.learn(ReceivedPacket(Sender("SERVER", ""), "ann", "", AnswerX(op="ok", names=list(PEOPLE))))
    for name in PEOPLE:
        for spelt in spellings(name):
            assert f"@{name} " in [word for word, _ in words.completions(f"@{spelt}")], ascii(spelt)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("می\u200cروم", "میروم"),
        ("ශ්\u200dරී", "ශ්රී"),
        ("Œuvrard", "œuvrard"),
        ("علي", "علی"),
        ("O’Brien", "Oʹbrien"),
    ],
)
def test_what_looks_alike_is_taken_for_the_same(one: str, other: str) -> None:
    assert are_confusable(parse(one), parse(other))


@pytest.mark.parametrize("name", PEOPLE)
def test_the_client_takes_the_names_that_the_server_takes(name: str, tmp_path: Path) -> None:
    assert options.read([f"[::1]:{5000}", "--name", name]).name == name
    words, talk = CompletionWords(), Talk().welcome()
    words.learn(ReceivedPacket(Sender(name, ""), f"#{name}", "hello"))
    assert (words.names, words.rooms) == ({name}, {f"#{name}"})
    said = talk.session.send("/join", f"#{name}")
    talk.hear("You are in.", op="ok", cid=said.cid, rooms=[{"name": f"#{name}"}])
    assert f"#{name}" in talk.reconnect().decode()
    tokens = TokenFile(tmp_path / "tokens", name, ("lan", 1))
    tokens.put("proof", "t1")
    for spelt in spellings(name):
        assert TokenFile(tokens.file, spelt, ("lan", 1)).get("proof") == "t1"
    assert visible(name) == name


def test_a_guest_is_told_why_a_name_is_not_to_be_had(router: Router) -> None:
    User(router, "scope")
    with pytest.raises(NameTaken, match=r"^The name SCOPE is already taken\. Try SCOPE2\.$"):
        User(router, "SCOPE")
    with pytest.raises(NameTaken, match=r"^The name ѕсоре looks like another that is taken\. Try ѕсоре2\.$"):
        User(router, "ѕсоре")
    for name in ("admin", "Operator", "r00t"):
        with pytest.raises(BadName, match=f"^The name {name} is reserved for the people who run this server"):
            User(router, name)


def test_whoever_mistypes_a_name_is_told_one_that_nobody_has(router: Router) -> None:
    bob = User(router, "bob").register()
    with pytest.raises(BadName, match=r" Try bob2\.$"):
        User(router, "b\u043eb")  # (that is Cyrillic)
    bob.send("/create", "#ops")
    for command, words in ("/create", "#\u043eps"), ("/rename", "#ops #\u043eps"):
        bob.send(command, words)
        assert bob.shown()[-1].msg.endswith(" Try #ops2.")
    ann = User(router, "ann")
    ann.send("/name", "b\u043eb")
    assert ann.shown()[-1].msg.endswith(" Try bob2.")


def test_the_administrator_can_make_an_account_of_a_name_that_guests_can_not_have(router: Router) -> None:
    user = person(router, "admin", Role.OPERATOR)
    assert user.session.name.shown == "admin"


@pytest.mark.parametrize(("text", "hint"), [("ops", "#ops"), ("a b", "#ops"), ("#a b", "#a_b"), ("#7דנה", "#דנה7")])
def test_the_name_that_is_proposed_for_a_room_would_do(text: str, hint: str) -> None:
    with pytest.raises(BadName) as refused:
        parse_name(text)
    assert str(refused.value).rstrip(".").endswith(hint)
    assert parse_name(hint)
