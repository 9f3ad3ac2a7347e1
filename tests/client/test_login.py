"""How the client shows who it is: what it shows to whom, what it keeps, and when it asks."""

# ruff: noqa: S106 (the passwords of these tests)

from __future__ import annotations

import stat
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lanchat.client.credentials import PLAIN, Credentials
from lanchat.client.interfaces import NOT_DELIVERED, ConnectionState
from lanchat.client.state_file import MAX_BYTES, UnsafeFile
from lanchat.client.tokens import TokenFile, read_password
from tests.talk import Talk

PASSWORD = {"mech": "PLAIN", "password": "hunter2"}
SERVER = ("Chat.lan", 5000)


@pytest.fixture
def tokens(tmp_path: Path) -> TokenFile:
    return TokenFile(tmp_path / "state" / "tokens", "Alice", SERVER)


def token(text: str) -> dict[str, str]:
    return {"mech": "TOKEN", "token": text}


def again(talk: Talk) -> dict[str, Any]:
    """The next connection, up to the hello that shows who it is; `x` of that."""
    talk.connect()
    return talk.challenge()


def refuse(talk: Talk, code: str = "AUTH_FAILED") -> None:
    if code == "AUTH_FAILED" and "auth" not in talk.hello():
        talk.challenge()
    talk.hear("Not so.", op="fail", code=code)


def test_a_password_is_shown_in_the_hello_and_a_token_asked_for() -> None:
    talk = Talk(Credentials(password="hunter2"))
    assert "auth" not in talk.hello()
    hello = talk.challenge()
    assert (hello["auth"], hello["dev"], "token" in hello["caps"]) == (PASSWORD, "desk", True)
    assert talk.account().session.state is ConnectionState.CAPABLE


def test_a_token_is_shown_instead_of_the_password_from_then_on_and_no_other_asked_for() -> None:
    talk = Talk(Credentials(password="hunter2")).account(token="t1")
    talk.lose()
    talk.connect()
    hello = talk.challenge()
    assert (hello["auth"], "token" in hello["caps"]) == (token("t1"), False)
    refuse(talk)
    assert talk.hello()["auth"] == PASSWORD


@pytest.mark.parametrize("kept", [True, False])
def test_nothing_secret_goes_where_others_could_read_it(kept: bool, tokens: TokenFile) -> None:
    if kept:
        tokens.put(PLAIN, "hunter2")
    talk = Talk(Credentials(tokens, password="hunter2"), identity="")
    assert "auth" not in talk.hello()
    refuse(talk, "AUTH_REQUIRED")
    assert "--tls" in talk.endings[0].why
    assert b"hunter2" not in talk.transport.value()
    assert talk.screen.questions == []


@pytest.mark.parametrize(
    "x", [{"op": "fail", "code": "AUTH_REQUIRED"}, {}], ids=["to the hello", "in the words of a classic server"]
)
def test_a_name_that_is_an_account_asks_for_the_password(x: dict[str, Any]) -> None:
    talk = Talk()
    talk.hear("The name alice is an account's. Send /login PASSWORD.", **x)
    talk.hear("The name alice is an account's. Send /login PASSWORD.", **x)
    assert talk.screen.questions == ["Password for alice: "]
    talk.clock.advance(100)
    talk.screen.answered[0]("hunter2")
    assert talk.hello()["auth"] == PASSWORD
    talk.account()
    assert talk.session.state is ConnectionState.CAPABLE
    assert talk.endings == []


@pytest.mark.parametrize("name", ["alice", "already"])
def test_a_hello_that_comes_late_does_not_make_a_given_password_a_wrong_one(name: str) -> None:
    talk = Talk(Credentials(None, password="hunter2"), wait_for_server=True, name=name)
    talk.hear(f"The name {name} is an account's. Send /login PASSWORD.")  # the name was read before the hello
    assert talk.hello()["auth"] == PASSWORD
    refuse(talk, "AUTH_REQUIRED")
    assert (talk.endings, talk.screen.questions) == ([], [])
    talk.account()
    assert talk.session.state is ConnectionState.CAPABLE


def test_a_server_that_does_not_wait_for_the_answer_is_shown_it_on_the_next_connection() -> None:
    talk = Talk()
    refuse(talk, "AUTH_REQUIRED")
    talk.lose()
    assert talk.endings == []
    talk.screen.answered[0]("hunter2")
    assert again(talk)["auth"] == PASSWORD


def test_a_server_that_refuses_in_words_alone_is_understood_but_no_token_is_forgotten(tokens: TokenFile) -> None:
    tokens.put(PLAIN, "t1")
    talk = Talk(Credentials(tokens))
    talk.hear("The name alice is an account's. Send /login PASSWORD.")
    assert talk.screen.questions == []
    talk.hear("Wrong name, password or token.")
    talk.screen.answered[0]("wrong")
    talk.hear("Wrong name, password or token.")
    assert talk.screen.questions == ["Wrong name, password or token. Password for alice: "] * 2
    talk.screen.answered[1]("hunter2")
    assert talk.hello()["auth"] == PASSWORD
    assert tokens.get(PLAIN) == "t1"


def test_a_wrong_password_is_asked_for_again_but_not_for_ever() -> None:
    talk = Talk()
    refuse(talk, "AUTH_REQUIRED")
    for n in range(3):
        assert talk.endings == []
        talk.screen.answered[n](f"wrong {n}")
        refuse(talk)
    assert talk.screen.questions == ["Password for alice: ", *["Not so. Password for alice: "] * 2]
    assert talk.endings[0].why == "the server does not let alice in: Not so."


def test_without_anybody_to_ask_a_locked_name_is_the_end() -> None:
    locked, wrong = Talk(), Talk(Credentials(password="hunter2"))
    refuse(locked, "AUTH_REQUIRED")
    refuse(wrong)
    for talk in (locked, wrong):
        talk.screen.answered[0](None)
        assert talk.endings[0].status == NOT_DELIVERED
    assert "--password-file" in locked.endings[0].why
    assert "Not so." in wrong.endings[0].why


def test_another_refusal_of_the_hello_is_the_end_at_first() -> None:
    talk = Talk(Credentials(password="hunter2"))
    refuse(talk, "FORBIDDEN")
    assert talk.endings[0].why == "the server refused the name alice: Not so."


def test_one_who_wants_to_log_in_is_not_let_in_as_a_guest() -> None:
    guest, classic = Talk(Credentials(password="x", account_required=True)).welcome(), Talk(Credentials(account_required=True))
    classic.hear("Welcome alice!")
    classic.clock.advance(5)
    for talk in (guest, classic):
        assert "is not registered" in talk.endings[0].why


def test_a_token_is_kept_when_somebody_says_so(tokens: TokenFile) -> None:
    for answer, kept in (("n", ""), (None, ""), ("y", "t1")):
        talk = Talk(Credentials(tokens, password="hunter2")).account(token="t1")
        assert tokens.get(PLAIN) == ""
        talk.screen.answered[0](answer)
        assert tokens.get(PLAIN) == kept
    assert "hunter2" not in "".join(path.read_text() for path in tokens.file.parent.iterdir())
    assert stat.S_IMODE(tokens.file.stat().st_mode) == 0o600
    assert stat.S_IMODE(tokens.file.parent.stat().st_mode) == 0o700
    assert Talk(Credentials(tokens, password="hunter2")).challenge()["auth"] == token("t1")


def test_a_token_is_kept_without_asking_if_that_was_said_before(tokens: TokenFile) -> None:
    talk = Talk(Credentials(tokens, password="hunter2", save_tokens=True)).account(token="t1")
    assert tokens.get(PLAIN) == "t1"
    assert talk.screen.questions == []


def test_a_token_is_shown_only_to_the_server_that_gave_it(tokens: TokenFile) -> None:
    tokens.put("SHA256:one", "t1")
    assert Talk(Credentials(tokens), identity="SHA256:one").challenge()["auth"] == token("t1")
    assert "auth" not in Talk(Credentials(tokens), identity="SHA256:two").challenge()
    assert "auth" not in Talk(Credentials(tokens)).challenge()
    assert TokenFile(tokens.file, "ALICE", ("chat.LAN", 5000)).get("SHA256:one") == "t1"
    for name, server in (("bob", SERVER), ("alice", ("chat.lan", 5001)), ("alice", ("other.lan", 5000))):
        assert not TokenFile(tokens.file, name, server).any()


def test_a_token_that_is_refused_is_forgotten_and_asked_about(tokens: TokenFile) -> None:
    other = TokenFile(tokens.file, "bob", SERVER)
    other.put(PLAIN, "t2")
    tokens.put(PLAIN, "t1")
    talk = Talk(Credentials(tokens))
    refuse(talk)
    assert (tokens.get(PLAIN), other.get(PLAIN)) == ("", "t2")
    assert talk.screen.questions == ["Not so. Password for alice: "]


def test_a_token_that_is_refused_is_kept_if_another_client_has_put_a_better_one_there(tokens: TokenFile) -> None:
    tokens.put(PLAIN, "t1")
    talk = Talk(Credentials(tokens))
    talk.challenge()
    tokens.put(PLAIN, "t2")
    refuse(talk)
    assert tokens.get(PLAIN) == "t2"
    assert talk.hello()["auth"] == token("t2")


def test_a_token_that_was_kept_and_is_refused_on_a_later_connection_is_forgotten(tokens: TokenFile) -> None:
    talk = Talk(Credentials(tokens, password="hunter1", save_tokens=True)).account(token="t1")
    talk.lose()
    talk.connect()
    refuse(talk)
    assert tokens.get(PLAIN) == ""
    assert any("no longer valid" in notice for notice in talk.screen.notices)


@pytest.mark.parametrize(("command", "kept"), [("/password", ""), ("/register", ""), ("/login", "t1")])
def test_a_new_password_makes_the_token_that_is_kept_worthless(command: str, kept: str, tokens: TokenFile) -> None:
    tokens.put(PLAIN, "t1")
    talk = Talk(Credentials(tokens)).account()
    said = talk.session.send(command, "hunter1 hunter2")
    assert tokens.get(PLAIN) == "t1"
    talk.hear("Done.", op="ok", cid=said.cid)
    assert tokens.get(PLAIN) == kept


def test_a_token_that_can_not_be_forgotten_is_told(tokens: TokenFile) -> None:
    tokens.put(PLAIN, "t1")
    talk = Talk(Credentials(tokens))
    talk.challenge()
    tokens.file.chmod(0o644)
    refuse(talk)
    assert "can't be removed" in talk.screen.notices[0]


def test_tokens_that_others_could_have_read_are_not_shown_and_that_is_told(tokens: TokenFile) -> None:
    tokens.put(PLAIN, "t1")
    tokens.file.chmod(0o644)
    talk = Talk(Credentials(tokens))
    assert "auth" not in talk.hello()
    refuse(talk, "AUTH_REQUIRED")
    assert f"chmod go= {tokens.file}" in talk.screen.notices[0]
    assert Talk(Credentials(tokens)).welcome().screen.notices == [], "a guest needs none"


@pytest.mark.parametrize(
    "given", ["t1\n[chat.lan]:5000 alice plain t2", "two words", "t\u2028", "t\x00", "é", "t" * 513, "x\x1b[2J", " t"], ids=repr
)
def test_a_token_that_is_no_token_is_neither_kept_nor_shown(tokens: TokenFile, given: str) -> None:
    tokens.put("SHA256:one", "kept")
    talk = Talk(Credentials(tokens, password="hunter2", save_tokens=True)).account(token=given)
    assert (talk.session.state, "an invalid token" in talk.screen.notices[0]) == (ConnectionState.CAPABLE, True)
    assert tokens.file.read_text() == "[chat.lan]:5000 alice SHA256:one kept\n"
    talk.lose()
    assert again(talk)["auth"] == PASSWORD


def test_what_can_not_be_read_back_is_not_written(tokens: TokenFile) -> None:
    tokens.put(PLAIN, "t1")
    before = tokens.file.read_bytes()
    for owner, identity in ((TokenFile(tokens.file, "two words", SERVER), PLAIN), (tokens, "a\nproof"), (tokens, "")):
        with pytest.raises(UnsafeFile, match="can't be stored"):
            owner.put(identity, "t2")
    assert tokens.file.read_bytes() == before


def test_what_else_is_in_the_file_stays_there(tokens: TokenFile) -> None:
    tokens.put(PLAIN, "t1")
    others = "# by hand\n\n[other.lan]:1 bob plain t9\nhalf a line\r\n[last.lan]:1 bob plain t8"
    tokens.file.write_text(f"[chat.lan]:5000 alice plain t1\n{others}", newline="")
    tokens.put(PLAIN, "t2")
    assert tokens.file.read_bytes().decode() == f"{others}\n[chat.lan]:5000 alice plain t2\n"
    assert TokenFile(tokens.file, "bob", ("last.lan", 1)).get(PLAIN) == "t8"


def test_a_file_that_is_too_long_is_not_used_and_not_shortened(tokens: TokenFile) -> None:
    tokens.put(PLAIN, "t1")
    with tokens.file.open("a") as file:
        file.write("# x\n" * (MAX_BYTES // 4 - 10))
    assert tokens.get(PLAIN) == "t1"
    for identity in ("SHA256:one", "SHA256:two"):
        before = tokens.file.read_bytes()
        with pytest.raises(UnsafeFile, match="bytes"):
            tokens.put(identity, "t" * 500)
        assert tokens.file.read_bytes() == before
        with tokens.file.open("a") as file:
            file.write("# x\n" * 10)
    with pytest.raises(UnsafeFile, match="more than"):
        tokens.get(PLAIN)


def test_several_clients_keep_their_tokens_at_the_same_moment(tokens: TokenFile) -> None:
    start = threading.Barrier(8)

    def client(number: int) -> None:
        start.wait()
        for server in range(5):
            TokenFile(tokens.file, f"n{number}", ("lan", server)).put(PLAIN, "t")

    together(client, 8)
    assert len(tokens.file.read_text().splitlines()) == 40


def together(call: Callable[[int], None], many: int) -> None:
    """Call this in so many threads, each with its number."""
    threads = [threading.Thread(target=call, args=(number,)) for number in range(many)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def test_a_token_that_could_not_be_looked_at_is_not_forgotten(tokens: TokenFile) -> None:
    tokens.put(PLAIN, "t1")
    refuse(Talk(Credentials(tokens)), "RATE_LIMITED")
    assert tokens.get(PLAIN) == "t1"


def test_a_file_that_others_may_read_is_not_used(tokens: TokenFile) -> None:
    tokens.put(PLAIN, "hunter2")
    tokens.file.chmod(0o640)
    for use in (lambda: tokens.get(PLAIN), lambda: read_password(tokens.file)):
        with pytest.raises(UnsafeFile, match="chmod go="):
            use()
    tokens.file.chmod(0o600)
    tokens.file.write_text("\nsecond")
    for wrong in (tokens.file, tokens.file / "no", tokens.file.parent / "no"):
        with pytest.raises(UnsafeFile):
            read_password(wrong)
    tokens.file.write_text("pass word \r\nsecond")
    assert read_password(tokens.file) == "pass word "


@pytest.mark.parametrize(
    ("command", "msg"), [("/register", "hunter2"), ("/password", "hunter1 hunter2"), ("/password", " hunter1  hunter2 ")]
)
def test_a_password_that_was_set_is_shown_from_then_on(command: str, msg: str, tokens: TokenFile) -> None:
    tokens.put(PLAIN, "t1")
    talk = Talk(Credentials(tokens)).welcome()
    said = talk.session.send(command, msg)
    talk.hear("Done.", op="ok", cid=said.cid)
    talk.lose()
    assert again(talk)["auth"] == PASSWORD


def test_a_password_that_was_not_set_is_not_shown() -> None:
    talk = Talk().welcome()
    said = talk.session.send("/register", "hunter2")
    talk.hear("No.", op="fail", cid=said.cid, code="USAGE")
    talk.lose()
    assert "auth" not in talk.connect()


def test_a_login_that_is_typed_answers_the_question() -> None:
    talk = Talk()
    refuse(talk, "AUTH_REQUIRED")
    talk.session.log_in("hunter2")
    assert talk.hello()["auth"] == PASSWORD
    guest = Talk().welcome()
    guest.session.log_in("hunter2")
    assert guest.written()[0]["to"] == "/login"
