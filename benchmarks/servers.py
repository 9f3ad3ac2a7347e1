"""The servers that are compared: how each is started, which dialect it speaks, and what its model cannot do."""

from __future__ import annotations

import os
import re
import resource
import shlex
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from benchmarks.works import IRC_ONLY, Load

HERE = Path(__file__).parent
PEERS = HERE / "peers"
ROOT = HERE.parent
#: Seconds a server has to listen, and to end.
PATIENCE = 20.0
#: Where Debian keeps servers; not every user's path has it.
_PATH = f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin"
_WHICH = (
    "import sys, lanchat, twisted; print(lanchat.__file__, lanchat.__version__, twisted.__version__, *sys.version.split()[:1])"
)
#: Like lanchat's own certificates: a key on P-256.
_CERTIFY = shlex.split("openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=localhost")
_TWISTD = "from twisted.scripts.twistd import run; run()"
#: What the peers' configurations do not limit, lanchat does not limit here either.
LIFTED = ("packets=off", "bytes=off", "outbox=67108864")


class Failed(Exception):
    """Something could not be measured; the text says what and why."""


class Server(msgspec.Struct, frozen=True):
    """A server under test, which runs in a directory of its own.

    In its words `@PORT@` is the port, `@TLS@` the one for TLS, and `@CONF@` its configuration file.
    """

    name: str
    dialect: str
    command: list[str]
    version: str
    #: The names of its configuration in peers/, and of what is added to that for TLS.
    conf: str = ""
    tls_conf: str = ""
    #: Added to its command for what is in the clear, and for TLS.
    plain: list[str] = []
    tls: list[str] = []
    #: Options of the generator that are for this server only.
    generator: list[str] = []
    env: dict[str, str] = {}
    #: The most users that its model can hold, and the most messages in flight from one; 0 is no limit.
    users: int = 0
    window: int = 0
    #: Whether it serves nobody, and is only there to show what the system itself takes.
    floor: bool = False

    def lacks(self, load: Load) -> str:
        """Why this load cannot be put on it; empty when it can."""
        if load.tls and not (self.tls or self.tls_conf):
            return "no TLS from the first byte"
        if load.work in IRC_ONLY and self.dialect != "irc":
            return "only IRC clients join as the generator does it"
        if self.users and load.users > self.users:
            return f"the model holds no more than {self.users:,} users"
        if self.window and (load.rate or load.window > self.window):
            return "without framing only one message may be in flight"
        return ""

    def shown(self) -> str:
        """Its command as one would type it, without the paths of one machine."""
        program, *rest = [*self.command, *self.plain]
        words = ["twistd", *rest[2:]] if _TWISTD in rest else [Path(program).name, *rest]
        line = shlex.join(words).replace(f"{ROOT}/", "")
        return line.replace("@PORT@", "PORT").replace("@CONF@", f"benchmarks/peers/{self.conf}")


def pinned(core: int | None, command: list[str]) -> list[str]:
    """The command, bound to one core when there is one to bind it to."""
    return command if core is None else ["taskset", "-c", str(core), *command]


def cores() -> tuple[int | None, int | None]:
    """One core for the server and one for the generator, or none of their own where the machine has not two."""
    usable = sorted(os.sched_getaffinity(0))
    return (usable[0], usable[1]) if len(usable) > 1 and shutil.which("taskset") else (None, None)


def raise_file_limit() -> None:
    """Every user takes a descriptor in the generator and in the server, which inherits this limit."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def free_port() -> int:
    """A port of the loopback address that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def running(server: Server, directory: Path, *, tls: bool = False) -> Iterator[tuple[int, int]]:
    """Start it in an empty directory, on a core of its own; its process id and port.

    Raises `Failed` when it does not listen.
    """
    words = _placed(server, directory, tls=tls)
    port = words["@TLS@" if tls else "@PORT@"]
    command = [_filled(word, words) for word in [*server.command, *(server.tls if tls else server.plain)]]
    with (directory / "output").open("wb") as output:
        process = subprocess.Popen(  # noqa: S603 (ours)
            pinned(cores()[0], command),
            cwd=directory,
            env=os.environ | server.env,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
        )
    try:
        _listens(process, int(port), server, directory)
        yield process.pid, int(port)
    finally:
        _end(process)


def _placed(server: Server, directory: Path, *, tls: bool) -> dict[str, str]:
    """Put into the directory what the server needs there, and tell what its command's words stand for."""
    conf = directory / "server.conf"
    words = {"@PORT@": str(free_port()), "@TLS@": str(free_port()), "@DIRECTORY@": str(directory), "@CONF@": str(conf)}
    parts = [server.conf, server.tls_conf if tls else ""]
    conf.write_text("".join(_filled((PEERS / part).read_text(), words) for part in parts if part))
    if tls and server.tls_conf:
        _said([*_CERTIFY, "-keyout", str(directory / "key.pem"), "-out", str(directory / "cert.pem")], {})
    return words


def _filled(text: str, words: dict[str, str]) -> str:
    for word, value in words.items():
        text = text.replace(word, value)
    return text


def _listens(process: subprocess.Popen[bytes], port: int, server: Server, directory: Path) -> None:
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline and process.poll() is None:
        with socket.socket() as probe:
            if not probe.connect_ex(("127.0.0.1", port)):
                return
        time.sleep(0.02)
    said = (directory / "output").read_text(errors="replace").strip().splitlines()
    raise Failed(f"{server.name} did not start: {said[-1] if said else 'it said nothing'}")


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(5)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def checkout(name: str, place: Path, lifted: tuple[str, ...] = LIFTED) -> Server:
    """A lanchat: as a checkout's directory has it, run by this Python, or as another Python has it installed; and its limits.

    Raises `Failed` when there is none at that place.
    """
    here = place.is_dir()
    python, env = (sys.executable, {"PYTHONPATH": str(place.resolve())}) if here else (str(place.absolute()), {})
    limits = [word for limit in lifted for word in ("--limit", limit)]
    command = [python, "-c", _TWISTD, "-n", "--pidfile=", "-l", "twistd.log", "lanchat", "--data", "data", *limits]
    plain, tls = ["--port", "tcp:@PORT@:interface=127.0.0.1"], ["--tls", "tcp:@TLS@:interface=127.0.0.1"]
    return Server(name, "json", command, _revision(place, python, env), plain=plain, tls=tls, env=env)


def over_websocket(server: Server) -> Server:
    """The same lanchat, with its port for browsers; that for programs is some other."""
    plain = ["--port", "tcp:0:interface=127.0.0.1", "--http", "tcp:@PORT@:interface=127.0.0.1"]
    return msgspec.structs.replace(server, dialect="ws", plain=plain, tls=[])


def over_irc(server: Server) -> Server:
    """The same lanchat, with its ports for IRC clients, where anyone may make rooms; as IRC servers, it keeps no messages."""
    command = [*server.command, "--rooms-by", "anyone", "--ephemeral", "--port", "tcp:0:interface=127.0.0.1"]
    plain, tls = ["--irc", "tcp:@PORT@:interface=127.0.0.1"], ["--ircs", "tcp:@TLS@:interface=127.0.0.1"]
    return msgspec.structs.replace(server, dialect="irc", command=command, plain=plain, tls=tls)


def ws_relay() -> Server | None:
    """The relay with npm's `ws`, which Node finds in peers/ and above, and in NODE_PATH; None where it does not."""
    node = shutil.which("node", path=_PATH)
    if node is None:
        return None
    program = str(PEERS / "ws_relay.mjs")
    said = "const {createRequire} = require('module');"
    said += "console.log(process.version, createRequire(process.argv[1])('ws/package.json').version)"
    versions = _said([node, "-e", said, program], {}).split()
    if len(versions) != 2:
        return None
    return Server("ws_relay", "ws", [node, program, "@PORT@"], f"ws {versions[1]}, Node {versions[0].lstrip('v')}")


def _revision(place: Path, python: str, env: dict[str, str]) -> str:
    words = _said([python, "-c", _WHICH], env).split()
    if len(words) != 4 or (place.is_dir() and not Path(words[0]).is_relative_to(place.resolve())):
        raise Failed(
            f"there is no lanchat that runs in {place}: give the directory of a checkout, or a Python that has it installed"
        )
    commit = _said(["git", "-C", str(Path(words[0]).parent), "describe", "--always", "--dirty"], {}).strip()
    return f"{words[1]} ({commit or 'no commit'}), Twisted {words[2]}, Python {words[3]}"


def _said(command: list[str], env: dict[str, str]) -> str:
    """What a command prints; nothing when it is not there."""
    try:
        done = subprocess.run(  # noqa: S603 (ours)
            command, cwd="/", env=os.environ | env, capture_output=True, text=True, timeout=PATIENCE, check=False
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout


def _installed(name: str, program: str, dialect: str, words: list[str], generator: tuple[str, ...] = ()) -> Server | None:
    """A program of the system's, with its configuration in peers/; None when it is not installed."""
    path = shutil.which(program, path=_PATH)
    if path is None:
        return None
    said = _said([path, "-h" if program == "mosquitto" else "--version"], {})
    version = re.search(r"\d+(\.\d+)+|\d+", said)
    added = f"{name}.tls.conf"
    tls_conf = added if (PEERS / added).exists() else ""
    number = version[0] if version else "unknown"
    return Server(name, dialect, [path, *words], number, conf=f"{name}.conf", tls_conf=tls_conf, generator=[*generator])


def _written_here(name: str, dialect: str = "json", users: int = 0, window: int = 0) -> Server:
    """One of the small peers in peers/."""
    command = [sys.executable, str(PEERS / f"{name}.py"), "@PORT@"]
    return Server(name, dialect, command, f"Python {sys.version.split()[0]}", users=users, window=window)


def _floor() -> Server:
    """A relay in C that looks at nothing, compiled where it runs."""
    version = re.search(r"\d+(\.\d+)+", _said(["cc", "--version"], {}))
    command = ["sh", "-c", f"cc -O2 -o relay {PEERS / 'relay.c'} && exec ./relay @PORT@"]
    return Server("c_relay", "json", command, f"cc {version[0] if version else 'unknown'}", floor=True)


def known() -> dict[str, Server | None]:
    """Every server there is a comparison with, by name; None where it is not installed."""
    root = ["--runasroot"] if os.geteuid() == 0 else []
    return {
        "lanchat": checkout("lanchat", ROOT),
        "lanchat-irc": over_irc(checkout("lanchat-irc", ROOT)),
        "inspircd": _installed("inspircd", "inspircd", "irc", ["--nofork", *root, "--config", "@CONF@"]),
        # Its backlog is short: more than a few connections at once are refused, so the generator opens four at a time.
        "ngircd": _installed("ngircd", "ngircd", "irc", ["-n", "-f", "@CONF@"], ("-C", "4")),
        "nats": _installed("nats", "nats-server", "nats", ["-c", "@CONF@"]),
        "mosquitto": _installed("mosquitto", "mosquitto", "mqtt", ["-c", "@CONF@"]),
        "threads": _written_here("threads", "seed", window=1),
        "select_loop": _written_here("select_loop", users=1010),
        "asyncio_streams": _written_here("asyncio_streams"),
        "plain_twisted": _written_here("plain_twisted"),
        "c_relay": _floor(),
    }
