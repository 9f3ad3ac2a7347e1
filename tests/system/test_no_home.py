"""Users without a home, as in containers, and under `systemd-run --uid`: each program works, or says what to give."""

from __future__ import annotations

import pwd
from pathlib import Path

import pytest
from twisted.python import usage

from lanchat.admin.main import main as admin
from lanchat.client.credentials import PLAIN, Credentials
from lanchat.client.known_servers import KnownServers
from lanchat.client.state_file import UnsafeFile
from lanchat.client.tokens import TokenFile
from lanchat.config.options import Options
from lanchat.terminal import options as client

HOMELESS = "You have no home directory, so there is no default data directory. Name one with --data DIR."


@pytest.fixture(autouse=True)
def no_home(monkeypatch: pytest.MonkeyPatch) -> None:
    """There is no `HOME`, and the password database does not know this user."""

    def unknown(uid: int) -> pwd.struct_passwd:
        raise KeyError(uid)

    for name in ("HOME", "XDG_STATE_HOME", "STATE_DIRECTORY", "LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(pwd, "getpwuid", unknown)


def test_a_server_starts_where_it_is_told_to_keep_its_data_and_nowhere_else(tmp_path: Path) -> None:
    options = Options()
    options.parseOptions(["--data", str(tmp_path)])
    assert options["data"] == tmp_path
    (tmp_path / "chat.toml").write_text('data = "kept"')
    options = Options()
    options.parseOptions(["--config", str(tmp_path / "chat.toml")])
    assert options["data"] == tmp_path / "kept"
    with pytest.raises(usage.UsageError) as caught:
        Options().parseOptions([])
    assert str(caught.value) == HOMELESS


def test_an_administrator_is_asked_where_the_data_are(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for words, code in ((["--version"], 0), (["--help"], 0), (["check"], 2), (["--data", str(tmp_path), "check"], 3)):
        assert admin(words) == code
        error = capsys.readouterr().err
        assert (HOMELESS in error) == (words == ["check"])
    assert admin(["check-config"]) == 0


def test_a_client_talks_and_tells_what_can_not_be_kept(capsys: pytest.CaptureFixture[str]) -> None:
    assert client.read(["--name", "cron", "localhost:5000"]).state is None
    with pytest.raises(SystemExit):
        client.read(["localhost:5000"])
    assert capsys.readouterr().err.endswith("give your name with --name\n")
    credentials = Credentials(TokenFile(None, "cron", ("localhost", 5000)), "hunter2")
    assert credentials.auth(PLAIN) == {"mech": "PLAIN", "password": "hunter2"}
    credentials.set_token("token")
    assert credentials.save_token(PLAIN) == (
        "The token can't be stored: you have no home directory, and XDG_STATE_HOME is not set"
    )
    with pytest.raises(UnsafeFile, match="no home directory"):
        KnownServers(None).add("[localhost]:5000", "SHA256:x")
