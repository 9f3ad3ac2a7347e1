"""The configuration file: what it can say, that the command line wins, and that every mistake is told at once."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from twisted.python import usage

from lanchat.admin import configuration
from lanchat.admin.main import main
from lanchat.config import config_file
from lanchat.config.config_file import MAX_BYTES, ConfigErrors, default_data, option_names
from lanchat.config.options import Options
from lanchat.config.preflight import CheckedOptions
from lanchat.maintenance.retention import parse as rule
from lanchat.protocol.limits import LIMITS
from tests.certs import Authority
from tests.live import LOOPBACK, PATIENCE, SCRIPTS, Peer, Server, login, twistd

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

EXAMPLE = Path(__file__).parents[2] / "deploy" / "lanchat.toml"
#: One mistake each, with the key and a word of what would be right.
MISTAKES = [
    ("prot = 5", "prot", "did you mean port?"),
    ('tls_key = "x"', "tls_key", "did you mean tls-key?"),
    ("zzzzz = 1", "zzzzz", "there are accounts-only"),
    ('config = "x"', "config", "unknown option"),
    ("help = true", "help", "unknown option"),
    ("port = 1.5", "port", "a string, a number, or a list"),
    ("port = true", "port", "a string, a number, or a list"),
    ("port = [[1]]", "port", "a string, a number, or a list"),
    ("port = 99999", "port", "up to 65535"),
    (f"port = '{'5' * 5000}'", "port", "up to 65535"),
    (r"port = '\'", "port", "neither a port nor an endpoint"),
    ('port = "ssl:443:privateKey=/dev/null:certKey=/dev/null"', "port", "neither a port nor an endpoint"),
    ("port = [5000, 5000]", "port", "write it once"),
    (f"port = 0x{'f' * 5000}", "port", "5000"),
    ('port = "tcp:0:interface=192.168.1.777"', "port", "is no address. Write one of this machine's"),
    ('web = "haproxy:tcp:0:interface=a..b"', "web", "is no address. Write one of this machine's"),
    (f"telnet = 'unix:/{'x' * 107}'", "telnet", "up to 107 bytes"),
    ("port = 2026-11-21", "port", "a date or a time is wrong"),
    ('ephemeral = "yes"', "ephemeral", "true or false"),
    ("ephemeral = 1", "ephemeral", "true or false"),
    ("data = 7", "data", "in quotes"),
    ('data = ["a"]', "data", "a string"),
    ('data = ""', "data", "empty"),
    (r'data = "a\u0000b"', "data", "invisible characters"),
    ("lobby = 5", "lobby", "begins with #"),
    ('rooms-by = "guests"', "rooms-by", "write accounts, anyone, operators"),
    ('allow = "everyone"', "allow", "192.168.0.0/16"),
    ('retain = ["90d", "9x"]', "retain", "write 90d"),
    ('edit-within = "a day"', "edit-within", "write 30s"),
    ('files-url = "chat.lan"', "files-url", "write http:// or https://"),
    ('files-url = "https://chat.lan/?a=b"', "files-url", "write http:// or https://"),
    ("limit = 5", "limit", "[limit]"),
    ("limit.packts = 5", "limit.packts", "did you mean packets?"),
    ("[limit]\nport = 5000", "limit.port", "write port above [limit]"),
    ("limit.packets = -1", "limit.packets", "above 0"),
    ("limit.rooms = 1.5", "limit.rooms", "a whole number above 0"),
    ("limit.packets = nan", "limit.packets", "above 0"),
    ("limit.packets = true", "limit.packets", 'or "off"'),
    ('limit.packets = "many"', "limit.packets", "above 0"),
    ("[tls]\nkey = 5", "tls", "a table is wrong"),
]
#: Files that can't be read at all.
UNREADABLE = [
    (b"port = \n", "line 1"),
    (b"port = 1\nport = 2\n", "line 2"),
    (b"# h\xe9\n", "line 1 is not UTF-8"),
    (b"port = " + b"[" * 20_000, "nested too deeply"),
    (b"port = " + b"9" * 5_000, "not TOML"),
    (b"#" * (MAX_BYTES + 1), str(MAX_BYTES)),
]


def written(directory: Path, text: str | bytes, name: str = "chat.toml") -> Path:
    """A file that nobody else can write."""
    file = directory / name
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    file.chmod(0o644)
    return file


def read(file: Path, *words: str) -> Options:
    """What a file and a command line say."""
    options = Options()
    options.parseOptions(["--config", str(file), *words])
    return options


def wrong(file: Path, *words: str) -> list[str]:
    """What is wrong with them."""
    with pytest.raises(ConfigErrors) as caught:
        read(file, *words)
    return caught.value.lines


def test_it_says_what_the_options_say(tmp_path: Path) -> None:
    file = written(
        tmp_path,
        'port = [5000, "tcp:5001"]\ntls = "5002"\nallow = ["10.0.0.0/8"]\nretain = "90d"\nlobby = "#hall"\n'
        'data = "/srv/chat"\naccounts-only = true\nephemeral = false\n[limit]\npackets = 50\nbad = "off"\nopening = 2.5\n',
    )
    words = ["--port=5000", "--port=tcp:5001", "--tls=5002", "--allow=10.0.0.0/8", "--retain=90d", "--lobby=#hall"]
    words += ["--data=/srv/chat", "--accounts-only", "--limit=packets=50", "--limit=bad=off", "--limit=opening=2.5"]
    told = Options()
    told.parseOptions(words)
    assert {**read(file), "config": None} == {**told, "config": None}


def test_the_command_line_wins_for_what_it_names(tmp_path: Path) -> None:
    file = written(tmp_path, 'port = 5000\ntelnet = 5023\ndata = "/srv/chat"\n[limit]\npackets = 50\nbad = 7\n')
    options = read(file, "--port", "6000", "--limit", "packets=60", "--data", str(default_data()))
    assert "6000" in options["port"][0]
    assert len(options["port"]) == 1
    assert "5023" in options["telnet"][0]
    assert options["data"] == default_data()
    assert sorted(options["limit"]) == [("bad", "7"), ("packets", "60")]


def test_what_the_command_line_overrides_must_be_right_all_the_same(tmp_path: Path) -> None:
    assert wrong(written(tmp_path, 'port = "abc"'), "--port", "6000")


def test_paths_are_relative_to_the_file(tmp_path: Path) -> None:
    options = read(written(tmp_path, 'data = "kept"\nmanhole = 2222\nmanhole-keys = "/etc/keys"\n'))
    assert (options["data"], options["manhole-keys"]) == (tmp_path / "kept", Path("/etc/keys"))


@pytest.mark.parametrize(("text", "key", "right"), MISTAKES, ids=[text[:30] for text, _, _ in MISTAKES])
def test_a_mistake_is_told_in_one_line_with_what_would_be_right(tmp_path: Path, text: str, key: str, right: str) -> None:
    file = written(tmp_path, text)
    (line,) = wrong(file)
    assert line.startswith(f"{file}: {key}: ")
    assert right in line
    assert line.isprintable()
    assert len(line) < len(str(file)) + 500


def test_every_mistake_is_told_at_once(tmp_path: Path) -> None:
    lines = wrong(written(tmp_path, 'prot = 5\nephemeral = 1\nretain = "9x"\ntls-key = "x"\n[limit]\npackts = 1\n'))
    assert [line.split(": ")[1] for line in lines[:4]] == ["prot", "ephemeral", "retain", "limit.packts"]
    assert "belong together" in lines[4]
    assert "need tls PORT" in lines[5]
    assert len(lines) == 6


def test_it_is_read_again_where_the_server_was_started_and_the_directory_is_gone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    started = tmp_path / "started"
    started.mkdir()
    monkeypatch.chdir(started)
    options = Options()
    options.parseOptions(["--config", str(written(tmp_path, "telnet = 5023"))])
    started.rmdir()
    assert options.reread()["telnet"] == options["telnet"]


@pytest.mark.parametrize("text", ["port = 5000\ntelnet = 5000", "telnet = 5000", "manhole = 5000\nweb = 5000\nport = 1"])
def test_two_cannot_have_one_port(tmp_path: Path, text: str) -> None:
    lines = wrong(written(tmp_path, f'{text}\nmanhole-keys = "keys"' if "manhole" in text else text))
    assert lines
    assert all("give each its own port" in line for line in lines)


def test_one_port_may_be_used_at_two_addresses_and_any_port_twice(tmp_path: Path) -> None:
    two = 'port = ["tcp:5000:interface=127.0.0.1", "tcp:5000:interface=127.0.0.2", "tcp6:5000:interface=\\\\:\\\\:1"]'
    assert len(read(written(tmp_path, f'{two}\ntelnet = ["tcp:0", "tcp6:0", "unix:/tmp/a", "unix:/tmp/b"]'))["port"]) == 3


@pytest.mark.parametrize(("code", "refused"), [(socket.EAI_NONAME, True), (socket.EAI_AGAIN, False)])
def test_a_name_for_an_address_is_wrong_if_there_is_none_but_not_if_nobody_can_be_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int, refused: bool
) -> None:
    def ask(*_: object, **__: object) -> None:
        raise socket.gaierror(code, "no")

    monkeypatch.setattr(socket, "getaddrinfo", ask)
    file = written(tmp_path, 'port = ["tcp:0:interface=chat.lan", "tcp:0:interface=127.0.0.1"]')
    if refused:
        assert "interface=chat.lan is no address" in wrong(file)[0]
    else:
        read(file)


def test_a_room_can_not_be_kept_and_not(tmp_path: Path) -> None:
    (line,) = wrong(written(tmp_path, 'retain = ["#ops=off", "#OPS=1d", "#dev=off", "30d", "#σίσυφος=off", "#σίσυφοσ=1d"]'))
    assert "#OPS=off keeps everything in that room" in line


def test_what_follows_from_a_mistake_is_no_mistake(tmp_path: Path) -> None:
    (line,) = wrong(written(tmp_path, 'manhole = "abc"\nmanhole-keys = "keys"\n'))
    assert "manhole: 'abc' is neither a port" in line


@pytest.mark.parametrize(("content", "why"), UNREADABLE, ids=[why for _, why in UNREADABLE])
def test_a_file_that_says_nothing_is_one_mistake(tmp_path: Path, content: bytes, why: str) -> None:
    (line,) = wrong(written(tmp_path, content), "--tls-key", "perhaps the file names the certificate")
    assert why in line
    assert line.isprintable()


def test_a_file_that_is_not_there_or_no_file_is_one_mistake(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe", 0o600)
    (none,) = wrong(tmp_path / "none")
    assert none.endswith("No such file or directory. Name another file.")
    assert "not a regular file" in wrong(tmp_path / "pipe")[0]
    assert "Is a directory" in wrong(tmp_path)[0]


@pytest.mark.parametrize("mode", [0o664, 0o646])
def test_a_file_that_others_can_write_is_refused(tmp_path: Path, mode: int) -> None:
    file = written(tmp_path, "port = 5000")
    file.chmod(mode)
    assert "chmod go-w" in wrong(file)[0]


def test_the_usual_file_is_read_if_it_is_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(config_file, "DEFAULT_FILE", tmp_path / "lanchat.toml")
    options = Options()
    options.parseOptions([])
    assert (options["lobby"], options["config"]) == (None, None)
    file = written(tmp_path, 'lobby = "#hall"', "lanchat.toml")
    options = Options()
    options.parseOptions([])
    assert (options["lobby"].shown, options["config"]) == ("#hall", file)


def test_read_afresh_it_is_the_same_file_which_must_still_be_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(config_file, "DEFAULT_FILE", written(tmp_path, 'retain = "90d"', "lanchat.toml"))
    options = Options()
    options.parseOptions(["--port", "6000"])
    written(tmp_path, 'retain = "30d"', "lanchat.toml")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    fresh = options.reread()
    assert (fresh["retain"], fresh["port"]) == ([rule("30d")], options["port"])
    (tmp_path / "lanchat.toml").unlink()
    with pytest.raises(ConfigErrors, match="No such file"):
        options.reread()


def test_a_relative_name_is_what_it_was_at_the_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written(tmp_path, 'lobby = "#hall"')
    monkeypatch.chdir(tmp_path)
    options = Options()
    options.parseOptions(["--config", "chat.toml"])
    monkeypatch.chdir("/")
    assert options.reread()["lobby"].shown == "#hall"


def test_paths_of_the_command_line_are_what_they_were_at_the_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    options = Options()
    options.parseOptions(["--data", "kept"])
    monkeypatch.chdir("/")
    assert options["data"] == options.reread()["data"] == tmp_path / "kept"


def test_who_looks_after_the_server_finds_its_data_through_the_usual_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(config_file, "DEFAULT_FILE", tmp_path / "lanchat.toml")
    assert config_file.configured_data() == default_data()
    for text, found in (('data = "kept"', tmp_path / "kept"), ("data = 5", default_data()), ("data =", default_data())):
        written(tmp_path, text, "lanchat.toml")
        assert config_file.configured_data() == found


def test_a_real_server_does_what_the_file_says(tmp_path: Path) -> None:
    file = written(tmp_path, f'port = 1\ntelnet = "{LOOPBACK}"\n[limit]\nusers = 1\n')
    with Server(tmp_path, "--config", str(file), "--port", LOOPBACK) as server, login(server.port(), "ann"):
        server.logged("listening for telnet")
        with Peer(server.port()) as bob:
            assert "full" in bob.packet()["msg"]


def test_a_real_server_does_not_start_with_mistakes_and_says_them_without_a_page_of_help(tmp_path: Path) -> None:
    file = written(tmp_path, "prot = 5\ntelnet = 99999\n")
    ended = subprocess.run(  # noqa: S603 (ours)
        twistd(tmp_path, "--config", str(file)), cwd=tmp_path, capture_output=True, text=True, timeout=PATIENCE, check=False
    )
    assert ended.returncode == os.EX_CONFIG
    assert (ended.stdout, len(ended.stderr.splitlines())) == ("", 2)
    assert all(line.startswith(f"lanchat: {file}: ") for line in ended.stderr.splitlines())
    assert not (tmp_path / "data").exists()


def test_what_a_file_can_say_is_what_a_command_line_can() -> None:
    said = option_names(Options())
    assert {"port", "tls", "limit", "allow", "data", "ephemeral"} <= said
    assert not said & {"help", "version", "config"}


# --- the example ---


def uncommented(text: str, *without: str) -> str:
    """The example with all that it says said, but for some options."""
    lines = [re.sub(r"^#(?=[a-z\[])", "", line) for line in text.splitlines()]
    return "\n".join(line for line in lines if line.partition(" ")[0] not in without)


def test_the_example_has_every_option_and_every_limit_and_nothing_else() -> None:
    said = tomllib.loads(uncommented(EXAMPLE.read_text()))
    assert said.keys() == option_names(Options())
    assert said["limit"] == {name: limit.default for name, limit in LIMITS.items()}


def test_the_example_changes_nothing_as_it_is_and_is_right_when_it_is_used(tmp_path: Path) -> None:
    assert tomllib.loads(EXAMPLE.read_text()) == {}
    read(written(tmp_path, uncommented(EXAMPLE.read_text())))


def test_what_the_example_says_is_the_default_where_it_does_not_say_example(tmp_path: Path) -> None:
    blocks = [block for block in EXAMPLE.read_text().split("\n\n") if "xample;" in block or "the default is" in block]
    examples = re.findall(r"^#([a-z-]+) =", "\n".join(blocks), re.MULTILINE)
    assert {"tls", "data", "allow"} <= set(examples)
    said, default = read(written(tmp_path, uncommented(EXAMPLE.read_text(), *examples))), Options()
    default.parseOptions([])
    changed = {name for name in said if said[name] != default[name]} - {"config", "limit"}
    assert changed <= {"log-level"}, "info is what None means"
    assert {name: float(value) for name, value in said["limit"]} == {name: limit.default for name, limit in LIMITS.items()}


# --- lanchat-admin check-config ---


def checked(*words: str) -> subprocess.CompletedProcess[str]:
    """How `lanchat-admin check-config` ends."""
    command = [str(SCRIPTS / "lanchat-admin"), *words]
    return subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False)  # noqa: S603 (ours)


def test_a_right_file_is_right(tmp_path: Path) -> None:
    file = written(tmp_path, 'port = 5000\ntls = 5001\ndata = "nowhere"\n')
    done = checked("check-config", str(file))
    assert (done.returncode, done.stdout, done.stderr) == (0, f"{file}: no mistakes found.\n", "")
    assert json.loads(checked("--json", "check-config", str(file)).stdout) == {"file": str(file)}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["chat.toml"], "nothing was made"


def test_what_is_wrong_in_other_files_is_told_too(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    key, other = authority.issue("one")[0], authority.issue("two")[1]
    written(tmp_path, "ssh-dss AAAA\n", "keys")
    rest = 'manhole = 2222\nmanhole-keys = "keys"\ntls-client-ca = "keys"\n'
    file = written(tmp_path, f'tls = 5001\ntls-key = "{key}"\ntls-cert = "{other}"\n{rest}')
    failed = checked("--json", "check-config", str(file))
    assert failed.returncode == 1
    told = json.loads(failed.stdout)
    assert told["error"] == "MISTAKES"
    for mistake, why in zip(
        told["mistakes"], ["does not match the certificate in", "no readable certificate", "keys, line 1"], strict=True
    ):
        assert why in mistake


def test_mistakes_in_the_file_hide_none_in_the_files_that_it_names(tmp_path: Path) -> None:
    lines = ['port = "tcp:99999"', 'lobby = "x"', "ephemeral = true", 'retain = "90d"', "tls = 5443", 'tls-key = "k"']
    lines += ['tls-cert = "c"', "manhole = 2222", 'manhole-keys = "ops"']
    file = written(tmp_path, "\n".join(lines))
    failed = checked("--json", "check-config", "--config", str(file))
    told = json.loads(failed.stdout)["mistakes"]
    assert told == [
        f"{file}: port: 'tcp:99999' is not an endpoint: a port is a number up to 65535.",
        f"{file}: lobby: The name of a room begins with #, as in #x.",
        f"{file}: ephemeral stores no messages, so retain has no effect: leave one of them out.",
        *(f"can't read {tmp_path / name}: No such file or directory." for name in "kc"),
        f"can't read {tmp_path / 'ops'}: there is no such file.",
    ]
    ended = subprocess.run(  # noqa: S603 (ours)
        twistd(tmp_path, "--config", str(file)), cwd=tmp_path, capture_output=True, text=True, timeout=PATIENCE, check=False
    )
    assert ended.returncode == os.EX_CONFIG
    assert ended.stderr.splitlines() == [f"lanchat: {line}" for line in told]


def test_what_contradicts_on_the_command_line_is_told_in_its_words(tmp_path: Path) -> None:
    file = written(tmp_path, "ephemeral = true\n")
    with pytest.raises(ConfigErrors) as raised:
        Options().parseOptions(["--config", str(file), "--manhole", "2222"])
    assert raised.value.lines == ["--manhole needs --manhole-keys FILE, the public keys that may log in."]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("manhole = 2222", "manhole needs manhole-keys FILE, the public keys that may log in."),
        ('manhole-keys = "keys"', "manhole-keys needs manhole PORT."),
        ('tls-client-ca = "ca"', "tls-key, tls-cert and tls-client-ca need tls PORT, ircs PORT or https PORT."),
        ('tls = 5001\ntls-key = "key"', "tls-key and tls-cert belong together: give both, or neither."),
        ('files-url = "https://chat.lan"', "files-url needs http PORT or https PORT."),
        ("telnet = 5000", "port and telnet can't both use port 5000: give each its own port."),
        ('port = [5000, "tcp:5000:interface=127.0.0.1"]', "port can't use port 5000 twice: leave one of them out."),
        ('port = "unix:/s"\nweb = "unix:/s:mode=600"', "port and web can't both use /s: give each its own port."),
    ],
)
def test_what_contradicts_or_is_missing_in_a_file_is_told_in_its_words(tmp_path: Path, text: str, told: str) -> None:
    file = written(tmp_path, text)
    assert f"{file}: {told}" in wrong(file)


def test_a_directory_that_a_file_names_is_refused_in_its_words(tmp_path: Path) -> None:
    (tmp_path / "open").mkdir()
    (tmp_path / "open").chmod(0o755)
    (tmp_path / "open" / "something").touch()
    file = written(tmp_path, 'data = "open"')
    for words, named in ([], "with data, such as"), (["--data", str(tmp_path / "open")], "with --data, such as"):
        with pytest.raises(ConfigErrors) as raised:
            CheckedOptions().parseOptions(["--config", str(file), *words])
        assert (raised.value.lines[0].startswith(f"{file}: "), named in raised.value.lines[0]) == (not words, True)


def test_every_mistake_is_printed_and_none_is_raised(tmp_path: Path) -> None:
    file = written(tmp_path, "prot = 1\ntelnt = 1\n")
    failed = checked("check-config", str(file))
    assert failed.returncode == 1
    assert [line.count("did you mean") for line in failed.stderr.splitlines()] == [0, 1, 1]
    assert "2 mistakes" in failed.stderr


def test_a_file_that_is_named_must_be_there_and_the_usual_one_need_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    failed = checked("check-config", str(tmp_path / "none"))
    assert (failed.returncode, "No such file" in failed.stderr) == (1, True)
    monkeypatch.setattr(configuration, "DEFAULT_FILE", tmp_path / "none")
    assert main(["check-config"]) == 0
    assert "uses its command line only" in capsys.readouterr().out
    monkeypatch.setattr(configuration, "DEFAULT_FILE", written(tmp_path, "prot = 1"))
    assert main(["check-config"]) == 1


def test_what_a_start_can_not_make_is_found_before(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    file = written(tmp_path, f'data = "file/data"\ntelnet = "unix:{tmp_path}/none/s"\nweb = "unix:{tmp_path}/file"\n')
    told = [
        f"{file}: {tmp_path}/file/data can't be used: Not a directory. Name another directory with data.",
        f"{file}: telnet: there is no directory {tmp_path}/none for the socket. Create it, or choose another.",
        f"{file}: web: {tmp_path}/file is there, and is not a socket. Move it away, or choose another path.",
    ]
    assert json.loads(checked("--json", "check-config", str(file)).stdout)["mistakes"] == told
    command = [str(SCRIPTS / "twistd"), "-n", "--pidfile=", "lanchat", "--config", str(file)]
    ended = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=PATIENCE, check=False)  # noqa: S603 (ours)
    assert (ended.returncode, ended.stderr.splitlines()) == (os.EX_CONFIG, [f"lanchat: {line}" for line in told])


def test_a_start_tells_every_mistake_in_other_files(tmp_path: Path) -> None:
    file = written(tmp_path, 'tls = 5001\ntls-key = "a"\ntls-cert = "b"\nmanhole = 2222\nmanhole-keys = "c"\n')
    ended = subprocess.run(  # noqa: S603 (ours)
        twistd(tmp_path, "--config", str(file)), cwd=tmp_path, capture_output=True, text=True, timeout=PATIENCE, check=False
    )
    assert ended.returncode == os.EX_CONFIG
    lines = [line for line in (ended.stdout + ended.stderr).splitlines() if "can't read" in line]
    assert [line.partition(":")[0] for line in lines] == ["lanchat"] * 3


@pytest.mark.parametrize("option", ["data", "config", "manhole-keys", "tls-key", "tls-cert", "tls-client-ca"])
def test_an_empty_name_is_not_the_current_directory(option: str) -> None:
    with pytest.raises(usage.UsageError, match=f"^--{option}: the name of the file or directory is missing.$"):
        Options().parseOptions([f"--{option}", ""])
