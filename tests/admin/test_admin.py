"""`lanchat-admin`: real commands, beside a real server and without one."""

from __future__ import annotations

import io
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from sqlite3 import Connection
from typing import Any

import pexpect
import pytest

from lanchat.admin.main import LOCAL_COMMANDS, main
from lanchat.maintenance import backup
from lanchat.model.names import parse
from lanchat.store import erasure, open_db
from tests.live import PATIENCE, SCRIPTS, Peer, Server, environment, login, until
from tests.stores import Desk, entry, raw

ADMIN = str(SCRIPTS / "lanchat-admin")
PASSWORD = "correct horse battery"  # noqa: S105 (of accounts that are made here)
NOBODY = 65534
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can be somebody else")


def admin(data: Path, *arguments: str, stdin: str = "", **how: Any) -> subprocess.CompletedProcess[str]:
    """Run the command to its end."""
    command = [ADMIN, "--data", str(data), *arguments]
    return subprocess.run(command, input=stdin, capture_output=True, text=True, timeout=PATIENCE, check=False, **how)  # noqa: S603 (ours)


def done(data: Path, *arguments: str, stdin: str = "") -> str:
    """What the command says when it went well; one that asks no server is run in this process, which is soon done."""
    if LOCAL_COMMANDS.keys() & set(arguments):
        with redirect_stdout(io.StringIO()) as out:
            assert main(["--data", str(data), *arguments]) == 0
        return out.getvalue()
    result = admin(data, *arguments, stdin=stdin)
    assert result.returncode == 0, result.stderr
    return result.stdout


def refused(data: Path, *arguments: str, code: int = 1, **how: Any) -> str:
    """What it says when it did not: one line."""
    result = admin(data, *arguments, **how)
    assert (result.returncode, result.stdout) == (code, "")
    assert result.stderr.startswith("lanchat-admin: ")
    assert result.stderr.count("\n") == 1
    return result.stderr


@pytest.fixture
def declined(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    """What it says when it did not, as `refused` has it, and as JSON; in this process, which is soon done."""

    def run(data: Path, *arguments: str, code: int = 1, stdin: str = "", error: str = "USAGE") -> str:
        monkeypatch.setattr(sys, "stdin", io.StringIO(stdin))
        assert main(["--data", str(data), "--json", *arguments]) == code
        out, err = capsys.readouterr()
        assert json.loads(out) == {"error": error, "text": err.removeprefix("lanchat-admin: ").removesuffix("\n")}
        assert "\n" not in json.loads(out)["text"]
        return err

    return run


def add(data: Path, *arguments: str) -> str:
    return done(data, "account", "add", *arguments, "--password-stdin", stdin=PASSWORD + "\n")


def enter(server: Server, name: str, **x: Any) -> tuple[Peer, dict[str, Any]]:
    """Log in to an account; the peer, and the answer to its hello."""
    return _hello(server, name, **{"dev": "test", "auth": {"mech": "PLAIN", "password": PASSWORD}, **x})


def registered(server: Server, *names: str) -> list[Peer]:
    """People who have just made their names accounts."""
    peers = [_hello(server, name)[0] for name in names]
    for peer in peers:
        assert ask(peer, "/register", PASSWORD)["op"] == "ok"
    return peers


def _hello(server: Server, name: str, **x: Any) -> tuple[Peer, dict[str, Any]]:
    peer = Peer(server.port())
    peer.send(name.encode() + b"\n")
    peer.say("/hello", "test", v=1, caps=["ack", "id", "resume", "history", "room", "token"], **x)
    answer = peer.packet()
    while answer.get("x", {}).get("op") not in ("welcome", "fail"):
        answer = peer.packet()
    return peer, answer["x"]


def ask(peer: Peer, to: str, msg: str, cid: str = "asked") -> dict[str, Any]:
    """Say something, or give a command; what it is answered."""
    peer.say(to, msg, cid=cid)
    x: dict[str, Any] = {}
    while x.get("cid") != cid or x.get("op") not in ("ack", "ok", "end", "fail"):
        x = peer.packet().get("x", {})
    return x


def say(peer: Peer, to: str, msg: str, cid: str) -> dict[str, Any]:
    """Say something that is taken; its acknowledgement."""
    x = ask(peer, to, msg, cid)
    assert x["op"] != "fail", x
    return x


@pytest.fixture
def data(shared_server: Server) -> Path:
    """Where the server of this module keeps all."""
    return shared_server.log.parent / "data"


def test_the_first_account_may_be_there_before_the_first_start(tmp_path: Path) -> None:
    data = tmp_path / "data"
    assert add(data, "ann", "--role", "operator") == "ann is an account now, as an operator.\n"
    assert json.loads(done(data, "--json", "account", "list"))["accounts"][0] | {"created": ""} == {
        "name": "ann", "role": "operator", "created": "", "seen": None,
    }  # fmt: skip
    assert sorted(os.listdir(data)) == ["lanchat.db", "lock"]  # noqa: PTH208 (names, not paths)
    with Server(tmp_path) as server:
        peer, x = enter(server, "ann")
        assert (x["op"], x["account"]) == ("welcome", True)
        peer.close()


def test_a_guest_who_has_the_name_is_closed_and_the_account_is_there_at_once(shared_server: Server, data: Path) -> None:
    with login(shared_server.port(), "guest1") as guest:
        add(data, "Guest1")
        assert "has been registered" in guest.packet()["msg"]
        assert guest.at_end()
    peer, x = enter(shared_server, "guest1")
    assert x["op"] == "welcome"
    peer.close()
    assert "administrator (uid" in shared_server.logged("Guest1 is an account now, as a user")


def test_a_role_counts_at_once(shared_server: Server, data: Path) -> None:
    rolf, olga = registered(shared_server, "rolf", "olga")
    say(olga, "/create", "#secret private", "1")
    assert ask(rolf, "/join", "#secret")["op"] == "fail"
    assert done(data, "account", "role", "rolf", "moderator") == "rolf is a moderator now.\n"
    rolf.wait_for("made you a moderator")
    assert ask(rolf, "/join", "#secret")["op"] == "ok"
    assert "moderator" in done(data, "account", "list")
    for peer in (rolf, olga):
        peer.close()


def test_whoever_is_logged_in_is_closed_when_the_password_is_changed_or_the_account_removed(
    shared_server: Server, data: Path
) -> None:
    add(data, "pat")
    peer, x = enter(shared_server, "pat")
    token = x["token"]
    assert "; 1 login ended." in done(data, "account", "passwd", "pat", "--password-stdin", stdin="another one\n")
    peer.wait_for("password was changed")
    assert peer.at_end()
    assert enter(shared_server, "pat", auth={"mech": "TOKEN", "token": token})[1]["code"] == "AUTH_FAILED"
    peer, x = enter(shared_server, "pat", auth={"mech": "PLAIN", "password": "another one"})
    assert x["op"] == "welcome"
    removed = done(data, "account", "remove", "pat")
    assert "1 login ended" in removed
    assert "lanchat-admin purge pat" in removed
    peer.wait_for("removed by the administrator")
    assert peer.at_end()
    login(shared_server.port(), "pat").close()  # the name is free


def test_what_is_said_as_the_server_is_read_in_the_room_and_kept(
    shared_server: Server, data: Path, declined: Callable[..., str]
) -> None:
    (sven,) = registered(shared_server, "sven")
    say(sven, "/create", "#backups", "1")
    assert "takes nothing from bots" in declined(data, "say", "#backups", "hi", error="FORBIDDEN")
    say(sven, "/rules", "#backups bots on", "2")
    facts = json.loads(done(data, "--json", "say", "#backups", "backup", "at six"))
    assert facts["room"] == "#backups"
    told = sven.packet()
    assert (told["from"]["name"], told["msg"], told["x"]["bot"]) == ("SERVER", "backup at six", True)
    assert told["x"]["seq"] == facts["seq"]
    assert ask(sven, "/history", "#backups", "3")["op"] == "end"
    assert "no room #nope" in declined(data, "say", "#nope", "hi", error="NO_SUCH_TARGET")
    assert "administrator (uid" in shared_server.logged("Said in #backups: backup at six")
    sven.close()


def test_a_password_is_typed_twice_and_shown_nowhere(tmp_path: Path) -> None:
    command = ["--data", str(tmp_path / "data"), "account", "add", "tina"]
    child = pexpect.spawn(ADMIN, command, env=environment(TERM="xterm"), encoding="utf-8", timeout=PATIENCE)
    child.expect("Password for tina: ")
    child.sendline(PASSWORD)
    child.expect("Once more: ")
    asked = Path(f"/proc/{child.pid}/cmdline").read_bytes() + Path(f"/proc/{child.pid}/environ").read_bytes()
    assert PASSWORD.encode() not in asked
    child.sendline(PASSWORD)
    child.expect("tina is an account now")
    child.expect(pexpect.EOF)
    assert PASSWORD not in child.before
    child.close()
    assert child.exitstatus == 0


def test_two_different_passwords_are_none(tmp_path: Path) -> None:
    command = ["--data", str(tmp_path / "data"), "account", "add", "tina"]
    child = pexpect.spawn(ADMIN, command, env=environment(TERM="xterm"), encoding="utf-8", timeout=PATIENCE)
    for prompt, typed in (("Password for tina: ", "one"), ("Once more: ", "two")):
        child.expect(prompt)
        child.sendline(typed)
    child.expect("passwords differ, so nothing was changed")
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 1
    assert not (tmp_path / "data").exists()


def test_ctrl_c_is_told_from_what_was_refused(tmp_path: Path) -> None:
    child = pexpect.spawn(ADMIN, ["--data", str(tmp_path / "data"), "account", "add", "tina"], timeout=PATIENCE)
    child.expect("Password for tina: ")
    child.sendintr()
    child.expect("Interrupted")
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 130


def test_what_can_not_be_done_is_said_in_one_line_and_as_json(
    shared_server: Server, data: Path, tmp_path: Path, declined: Callable[..., str]
) -> None:
    add(data, "zoe")
    taken = declined(data, "account", "add", "zoe", "--password-stdin", stdin="password-1\n", error="NAME_TAKEN")
    assert "The account zoe exists already" in taken
    assert "no account nobody" in declined(data, "account", "role", "nobody", "user", error="NO_SUCH_TARGET")
    assert "no account nobody" in declined(data, "purge", "nobody", "--yes", error="NO_SUCH_TARGET")
    assert "no terminal" in declined(data, "account", "passwd", "zoe")
    assert "No password" in declined(data, "account", "passwd", "zoe", "--password-stdin", stdin="\n")
    raw: dict[str, Any] = {"stdin": "\udcff\n", "errors": "surrogateescape"}
    assert "not in UTF-8" in refused(data, "account", "passwd", "zoe", "--password-stdin", **raw)
    assert "--yes" in declined(data, "purge", "zoe")
    nowhere = declined(tmp_path / "typo", "account", "remove", "zoe", code=3, error="UNUSABLE")
    assert "with --data DIR" in nowhere
    assert not (tmp_path / "typo").exists()


def test_an_account_that_looks_like_another_is_made_only_if_that_is_meant(
    shared_server: Server, data: Path, declined: Callable[..., str]
) -> None:
    add(data, "coco")
    for name in ("сосо", "СОСО"):  # Cyrillic letters
        told = declined(data, "account", "add", name, "--password-stdin", stdin="password-1\n", error="NAME_TAKEN")
        assert f"{name} looks like the account coco" in told
    with login(shared_server.port(), "scope") as guest:
        add(data, "ѕсоре")  # Cyrillic, too
        assert "has been registered" in guest.packet()["msg"]
        assert guest.at_end()
    assert "сосо is an account now" in add(data, "сосо", "--force")
    for name in ("coco", "сосо"):
        assert enter(shared_server, name)[1]["op"] == "welcome"


def test_what_is_not_there_or_there_already_is_told(
    shared_server: Server, data: Path, tmp_path: Path, declined: Callable[..., str]
) -> None:
    there, new, nowhere = tmp_path / "there", str(tmp_path / "new"), str(tmp_path / "nope" / "x.db")
    there.touch()
    assert "no room" in declined(data, "export", "--room", "#none", new, error="NO_SUCH_TARGET")
    assert "no account none" in declined(data, "export", "--user", "none", new, error="NO_SUCH_TARGET")
    for command in ("backup", "export"):
        assert "exists already" in declined(data, command, str(there), error="EXISTS")
        assert f"no directory {tmp_path / 'nope'}." in declined(data, command, nowhere, error="NO_SUCH_TARGET")
    assert f"there is no file {nowhere}" in declined(data, "restore", nowhere, error="NO_SUCH_TARGET")
    assert list(tmp_path.iterdir()) == [there]
    result = admin(data, "--json", "export", "--room", "#none")
    assert (result.returncode, result.stdout) == (1, "")  # that is where messages go, and nothing else
    assert json.loads(result.stderr.splitlines()[1])["error"] == "NO_SUCH_TARGET"


def test_while_a_server_runs_nothing_is_put_in_the_place_of_its_data(
    shared_server: Server, data: Path, tmp_path: Path, declined: Callable[..., str]
) -> None:
    done(data, "backup", str(tmp_path / "copy"))
    for command in (["restore", str(tmp_path / "copy")], ["new-epoch"], ["salvage"]):
        assert f"A server is running in {data}. Stop it first" in declined(data, *command, code=3, error="UNUSABLE")
    assert "administrator (uid" in shared_server.logged(f"backup to {tmp_path / 'copy'}")


def test_a_backup_made_while_others_write_is_whole_and_begins_a_new_epoch(tmp_path: Path) -> None:
    data, copy = tmp_path / "data", tmp_path / "copy"
    acknowledged: list[int] = []
    with Server(tmp_path) as server:
        ann, bob = registered(server, "ann", "bob")
        bob.close()
        bob, x = enter(server, "bob")
        bob.close()
        epoch = x["epoch"]
        ending = threading.Event()

        def write() -> None:
            number = 0
            while not ending.is_set():
                acknowledged.append(say(ann, "bob", f"number {number}", f"c{number}")["seq"])
                number += 1

        writing = threading.Thread(target=write)
        writing.start()
        until(lambda: len(acknowledged) >= 50, "messages")
        before = list(acknowledged)
        done(data, "backup", str(copy))
        ending.set()
        writing.join()
        assert len(acknowledged) > len(before)
        ann.close()
    assert copy.stat().st_mode & 0o777 == 0o600
    assert "The previous database is in lanchat.db." in done(data, "restore", str(copy))
    checked = json.loads(done(data, "--json", "check"))
    assert checked["epoch"] != epoch
    kept = [json.loads(line) for line in done(data, "export").splitlines()]
    assert {line["seq"] for line in kept} >= set(before)
    assert [line["msg"] for line in kept] == [f"number {n}" for n in range(len(kept))]
    with Server(tmp_path) as server:
        bob, x = enter(server, "bob", resume={"epoch": epoch, "seq": before[-1]})
        assert (x["resumed"], x["epoch"]) == (False, checked["epoch"])
        bob.close()


@pytest.mark.parametrize("beside", [True, False], ids=["beside a server", "without one"])
def test_a_backup_leaves_the_files_beside_the_database_as_they_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, beside: bool
) -> None:
    desk, closing = Desk(tmp_path / "data"), open_db.closing
    desk.say(entry("hello"))
    if not beside:
        desk.close()
    seen: list[set[str]] = []

    @contextmanager
    def outliving(path: Path, mode: str = "rw") -> Iterator[Connection]:
        with closing(path, mode) as connection:
            yield connection
            if path.parent == tmp_path / "data" and beside:
                desk.close()  # the server ends first
                seen.append(_names(tmp_path / "data"))

    monkeypatch.setattr(open_db, "closing", outliving)
    backup.copy_out(tmp_path / "data", tmp_path / "copy")
    whole = {"lanchat.db", "lock"}
    assert _names(tmp_path / "data") == (seen[0] if beside else whole)
    assert not beside or seen[0] > whole
    monkeypatch.undo()
    with Desk(tmp_path / "data") as again:
        assert again.ask("SELECT msg FROM log") == [("hello",)]


def _names(directory: Path) -> set[str]:
    return {file.name for file in directory.iterdir()}


def test_a_new_epoch_is_told_to_programs(tmp_path: Path) -> None:
    add(tmp_path, "ann")
    told = json.loads(done(tmp_path, "--json", "new-epoch"))
    assert told == {"epoch": json.loads(done(tmp_path, "--json", "check"))["epoch"]}


def test_export_writes_what_was_asked_for(shared_server: Server, data: Path, tmp_path: Path) -> None:
    eva, fred, gus = registered(shared_server, "eva", "fred", "gus")
    say(eva, "/create", "#exports", "1")
    say(eva, "#exports", "to the room", "2")
    say(eva, "fred", "to fred", "3")
    say(fred, "gus", "to gus \u202e", "4")
    file = tmp_path / "lines"
    assert done(data, "export", "--user", "eva", str(file)) == "2 messages exported.\n"
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    assert [(line["from"], line["to"], line["msg"]) for line in lines] == [
        ("eva", "#exports", "to the room"),
        ("eva", "fred", "to fred"),
    ]
    assert file.stat().st_mode & 0o777 == 0o600
    in_room = [json.loads(line) for line in done(data, "export", "--room", "#Exports").splitlines()]
    assert [line["msg"] for line in in_room if "kind" not in line] == ["to the room"]
    for again in ("5", "6"):  # of a room that was closed, and of all that had the name
        say(eva, "/close", "#exports", again)
        assert '"to the room"' in done(data, "export", "--room", "#exports")
        say(eva, "/create", "#exports", f"{again}.")
    assert "to gus" in done(data, "export", "--user", "GUS", "--since", lines[0]["ts"])
    assert done(data, "export", "--user", "gus", "--until", lines[0]["ts"]) == ""
    assert "\u202e" not in done(data, "export", "--user", "gus")  # nothing that turns a terminal's line round
    for peer in (eva, fred, gus):
        peer.close()


@pytest.mark.parametrize("beside", [True, False], ids=["beside a server", "without one"])
def test_a_room_whose_owner_was_removed_is_given_another_and_other_rules(tmp_path: Path, beside: bool) -> None:
    data = tmp_path / "data"
    with Server(tmp_path) as server:
        olga, bob = registered(server, "olga", "bob")
        say(olga, "/create", "#pumps", "1")
        say(bob, "/join", "#pumps", "2")
        say(bob, "#pumps", "hello", "3")
        if beside:
            _give_away(data)
            assert "administrator (uid" in server.logged("Rules of #pumps: limit 20")
        for peer in (olga, bob):
            peer.close()
    if not beside:
        _give_away(data)
    (room,) = json.loads(done(data, "--json", "room", "list"))["rooms"]
    assert (room["owners"], room["members"], room["messages"], room["rules"]["limit"]) == (["bob"], 1, 1, 20)
    assert done(data, "room", "list") == "#pumps  1 member, 1 message  owned by bob  (limit 20)\n"
    with Server(tmp_path) as server:
        bob, _ = enter(server, "bob")
        assert ask(bob, "/rank", "#pumps bob none")["code"] == "FORBIDDEN"
        assert ask(bob, "/close", "#pumps")["op"] == "ok"
        bob.close()
    assert done(data, "room", "list") == "There are no rooms.\n"
    with Desk(data) as desk:
        told = desk.ask("SELECT msg FROM log WHERE kind = 'event' AND name = 'the operator' ORDER BY seq")
    assert [json.loads(msg)["text"] for (msg,) in told] == ["owner", "limit 20"]


def _give_away(data: Path) -> None:
    """Remove the owner of #pumps, make bob one, and let there be 20 people."""
    assert "No owner is left in #pumps: lanchat-admin room rank '#pumps'" in done(data, "account", "remove", "olga")
    assert "  no owner\n" in done(data, "room", "list")
    assert done(data, "room", "rank", "#pumps", "bob", "owner") == "bob is an owner in #pumps now.\n"
    facts = json.loads(done(data, "--json", "room", "rule", "pumps", "limit", "20"))
    assert (facts["room"], facts["rules"]["limit"]) == ("#pumps", 20)


def test_ranks_and_rules_that_can_not_be_are_refused(shared_server: Server, data: Path, declined: Callable[..., str]) -> None:
    (rita,) = registered(shared_server, "rita")
    say(rita, "/create", "#rita", "1")
    rita.close()
    for words, told, error in (
        ("rank #nowhere rita owner", "There is no room #nowhere.", "NO_SUCH_TARGET"),
        ("rank #rita nobody owner", "no account nobody", "NO_SUCH_TARGET"),
        ("rank #rita rita none", "A room keeps its last owner.", "FORBIDDEN"),
        ("rule #rita moderated maybe", "The rule moderated is on or off.", "USAGE"),
        ("rule #rita key swordfish", "A key is not an argument", "USAGE"),
    ):
        assert told in declined(data, "room", *words.split(), error=error)
    assert "Rules of #rita: key off." in done(data, "room", "rule", "#rita", "key", "off")
    assert "owned by rita" in done(data, "room", "list")


@pytest.fixture(scope="module", params=["beside a server", "without one"])
def erased(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with the words of somebody who is erased: "zebra" and "quagga" were theirs."""
    place = tmp_path_factory.mktemp("erased")
    data = place / "data"
    with Server(place) as server:
        victor, wanda = registered(server, "victor", "wanda")
        say(victor, "/create", "#zoo", "0")
        say(wanda, "/join", "#zoo", "0")
        say(victor, "/topic", "#zoo zebra crossing", "t")
        say(victor, "/mute", "#zoo gus 9d quagga at home", "m")
        gus = login(server.port(), "gus")
        gus.say("/join", "#zoo")
        for number in range(30):
            victor.say("#zoo", f"zebra{number} of mine")
            wanda.say("#zoo", f"okapi{number} of hers")
        say(victor, "wanda", "quagga for her alone", "q")
        say(wanda, "victor", "gnu for him alone", "g")
        if request.param == "beside a server":
            assert _traces(data)
            told = json.loads(done(data, "--json", "purge", "victor", "--yes"))
            assert told == {"name": "victor", "messages": 31, "addressed": 1, "topics": 1}
            victor.wait_for("removed by the administrator")
            assert _traces(data) == []
            assert say(wanda, "#zoo", "still here", "s")["state"] == "stored"
            assert ask(wanda, "/topic", "#zoo")["topic"] == ""
            gus.say("#zoo", "let me")
            assert re.search(r"muted in #zoo by \(erased\) for [89]d( 23h)?\.$", gus.wait_for("Nobody got that")["msg"])
        for peer in (victor, wanda, gus):
            peer.close()
    if request.param == "without one":
        done(data, "account", "remove", "victor")
        done(data, "purge", "Victor", "--yes")
    return data


def _traces(data: Path) -> list[str]:
    words = (b"zebra", b"quagga", b"victor")
    return [
        f"{word!r} in {file.name}" for file in data.glob("lanchat.db*") for word in words if word in file.read_bytes().lower()
    ]


def test_who_is_erased_leaves_no_byte(erased: Path, tmp_path: Path) -> None:
    assert _traces(erased) == []
    done(erased, "check")
    done(erased, "backup", str(tmp_path / "copy"))
    assert b"zebra" not in (tmp_path / "copy").read_bytes()
    assert "no account victor" in refused(erased, "purge", "victor", "--yes")


def test_what_others_said_to_who_is_erased_stays_without_their_name(erased: Path) -> None:
    kept = [json.loads(line) for line in done(erased, "export").splitlines()]
    assert [line["to"] for line in kept if "gnu" in line["msg"]] == ["(erased)"]
    assert [line["msg"] for line in kept if line["from"] == "wanda" and "okapi" in line["msg"]] == [
        f"okapi{number} of hers" for number in range(30)
    ]


def test_an_erasure_that_was_cut_off_is_gone_on_with(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with Server(tmp_path) as server:
        victor, wanda = registered(server, "victor", "wanda")
        say(victor, "wanda", "zebra", "1")
        victor.close()
        wanda.close()
    with Desk(data) as desk:
        assert desk.write(erasure.BeginErasure(parse("victor"))).account
    assert "victor" not in done(data, "account", "list")
    assert "zebra" in done(data, "export")
    assert "sent: 1 message, and the name in 0 messages" in done(data, "purge", "victor", "--yes")
    assert _traces(data) == []


def test_to_erase_somebody_their_name_must_be_typed(tmp_path: Path) -> None:
    data = tmp_path / "data"
    add(data, "victor")
    for typed, told, code in (("yes", "Nothing was erased", 1), ("victor", r"\[#+\.+\] rewriting the file.*Erased what", 0)):
        child = pexpect.spawn(ADMIN, ["--data", str(data), "purge", "victor"], encoding="utf-8", timeout=PATIENCE)
        child.expect("Type the name to confirm: ")
        child.sendline(typed)
        child.expect(told)
        child.expect(pexpect.EOF)
        child.close()
        assert child.exitstatus == code


def test_check_finds_what_the_disk_changed(tmp_path: Path) -> None:
    data = tmp_path / "data"
    add(data, "ann")
    file = data / "lanchat.db"
    file.write_bytes(file.read_bytes()[:5000] + bytes(5000) + file.read_bytes()[10000:])
    assert "damaged" in refused(data, "check", code=3)


#: A server without doors in which something goes wrong: what it is to do never ends, or a mistake of ours is met.
OFFLINE = """
import sys
from pathlib import Path
from lanchat.admin import offline
from lanchat.service.operations import Operations
from lanchat.service.requests import Remove
from lanchat.service.service import ChatService
from twisted.internet.defer import Deferred

async def do(self, request, who, tell):
    from twisted.internet import reactor
    reactor.callLater(0, print, "begun", flush=True)  # Ctrl-C is the reactor's by then
    await Deferred()

def fail(self):
    raise ValueError("a mistake")

Operations.do = do
if sys.argv[2] == "a mistake":
    ChatService.startService = fail
try:
    offline.do(Path(sys.argv[1]), Remove("ann"), print)
except BaseException as error:
    print(type(error).__name__, error)
"""


@pytest.mark.parametrize(("how", "told"), [("a mistake", "ValueError a mistake"), ("Ctrl-C", "KeyboardInterrupt ")])
def test_an_end_is_told_for_what_it_is_and_what_is_kept_is_closed(tmp_path: Path, how: str, told: str) -> None:
    command = [sys.executable, "-c", OFFLINE, str(tmp_path), how]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:  # noqa: S603 (ours)
        assert process.stdout is not None
        if how == "Ctrl-C":
            assert process.stdout.readline() == "begun\n"
            process.send_signal(signal.SIGINT)
        try:
            out, err = process.communicate(timeout=PATIENCE)
        finally:
            process.kill()
    assert (out.rstrip("\n"), err) == (told, "")
    assert _names(tmp_path) <= {"lanchat.db", "lock"}, "no -wal is left"


#: `lanchat-admin` as another user, who may not be able to read where it is installed.
AS_NOBODY = f"""
import os, sys
from lanchat.admin.main import main
os.setgroups([]), os.setgid({NOBODY}), os.setuid({NOBODY})
sys.exit(main(sys.argv[1:]))
"""


@as_root
def test_others_on_the_machine_are_refused(shared_server: Server, data: Path, tmp_path: Path) -> None:
    _open_way(data)
    for command in (["account", "role", "ivy", "operator"], ["account", "list"], ["backup", str(tmp_path / "copy")]):
        run = [sys.executable, "-c", AS_NOBODY, "--data", str(data), *command]
        result = subprocess.run(run, capture_output=True, text=True, timeout=PATIENCE, check=False)  # noqa: S603 (ours)
        assert (result.returncode, result.stdout) == (3, "")
        assert result.stderr.startswith(f"lanchat-admin: {data / 'lanchat.db'} can't be used: Permission denied. Use sudo")


def _open_way(data: Path) -> None:
    """Let everybody as far as the directory."""
    for directory in data.parents:
        if directory.stat().st_uid == os.geteuid() and directory != Path("/"):
            directory.chmod(directory.stat().st_mode | 0o055)


@as_root
def test_what_root_makes_belongs_to_who_owns_the_directory(tmp_path: Path) -> None:
    data, copy = tmp_path / "data", tmp_path / "copy"
    data.mkdir(0o700)
    shutil.chown(data, NOBODY, NOBODY)
    _open_way(data)
    add(data, "ann")
    done(data, "backup", str(copy))
    done(data, "restore", str(copy))
    done(data, "check")
    assert {(file.name, file.stat().st_uid) for file in data.iterdir()} > {("lanchat.db", NOBODY), ("lock", NOBODY)}
    assert {file.stat().st_uid for file in data.iterdir()} == {NOBODY}
    assert copy.stat().st_uid == 0


def test_what_can_be_read_of_a_damaged_database_is_saved(tmp_path: Path) -> None:
    data = tmp_path / "data"
    add(data, "ann")
    file = data / "lanchat.db"
    ((page,),) = raw(data, "SELECT rootpage FROM sqlite_master WHERE name = 'kept_conv'")  # (an index)
    content = bytearray(file.read_bytes())
    content[(page - 1) * 4096 : page * 4096] = os.urandom(4096)
    file.write_bytes(content)
    assert "lanchat-admin salvage" in refused(data, "check", code=3)
    assert "Saved 1 account (0 lost), 0 rooms (0 lost) and 0 messages (0 lost)" in done(data, "salvage")
    assert json.loads(done(data, "--json", "check"))["accounts"] == 1
