"""Starts lanchat for the tests of irctest: what that suite calls a controller.

The suite imports this module into its own Python, which has no lanchat: `LANCHAT_PYTHON` is the one that has it, and
`LANCHAT_DATA` is a data directory with the operator's account, of which each test gets a copy.
"""

from __future__ import annotations

import json
import os
import select
import shutil
import signal
import socket
import subprocess
import time
from functools import cache
from pathlib import Path
from typing import Any, ClassVar

from irctest.basecontrollers import BaseServerController, DirectoryBasedController
from irctest.runner import NotImplementedByController
from irctest.specifications import Capabilities, OptionalBehaviors

ROOT = Path(__file__).parents[2]
#: The name that the tests expect a server to have.
NAME = "My.Little.Server"
#: Rates are no part of the dialect, and the tests meet them.
LIFTED = ("packets", "bytes", "bad", "logins", "registrations", "renames", "creations", "owned", "invites")


class Server:
    """A server in a process of its own, which is another process's child."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        #: Not None after its end; what it exited with is not known here.
        self.returncode: int | None = None
        try:
            self._end = os.pidfd_open(pid)
        except ProcessLookupError:
            self.returncode = 1

    def poll(self) -> int | None:
        """Look whether it has ended."""
        return self.wait(0)

    def wait(self, timeout: float | None = None) -> int | None:
        """Wait until it has ended, for so many seconds at most."""
        if self.returncode is None and select.select([self._end], [], [], timeout)[0]:
            os.close(self._end)
            self.returncode = 1
        return self.returncode

    def kill(self) -> None:
        """End it, and wait for that."""
        if self.poll() is None:
            signal.pidfd_send_signal(self._end, signal.SIGKILL)
            self.wait()


class Servers:
    """Starts servers, faster than each of them could start by itself (tests/irc/twistd.py)."""

    def __init__(self, faketime: str | None) -> None:
        """With `faketime` their clock goes as that program is told (faketime(1)), except that timers are true."""
        under = ["faketime", "-f", faketime] if faketime else []
        command = [*under, os.environ["LANCHAT_PYTHON"], "-m", "tests.irc.twistd"]
        env = os.environ | {"FAKETIME_DONT_FAKE_MONOTONIC": "1"}
        self._process = subprocess.Popen(  # noqa: S603 (ours)
            command,
            cwd=ROOT,
            env=env,
            text=True,
            bufsize=1,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,
        )

    def start(self, arguments: list[str], log: Path) -> Server:
        """Start a server with these options."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps({"arguments": arguments, "log": str(log)}) + "\n")
        return Server(int(self._process.stdout.readline()))


@cache
def _servers(faketime: str | None) -> Servers:
    """What starts the servers of all tests in this process."""
    return Servers(faketime)


class LanchatController(BaseServerController, DirectoryBasedController):  # type: ignore[misc]  # the suite is not there for mypy
    """Starts a server for a test."""

    software_name = "lanchat"
    supports_sts = False
    supported_sasl_mechanisms: ClassVar = {"PLAIN"}
    #: What the tests may rely on: without it they fail, instead of being skipped.
    capabilities = frozenset(
        {
            Capabilities.ACCOUNT_NOTIFY,
            Capabilities.ACCOUNT_TAG,
            Capabilities.AWAY_NOTIFY,
            Capabilities.BATCH,
            Capabilities.ECHO_MESSAGE,
            Capabilities.EXTENDED_JOIN,
            Capabilities.EXTENDED_MONITOR,
            Capabilities.LABELED_RESPONSE,
            Capabilities.MESSAGE_TAGS,
            Capabilities.MULTI_PREFIX,
            Capabilities.READ_MARKER,
            Capabilities.SERVER_TIME,
            Capabilities.SETNAME,
        }
    )
    optional_behaviors = frozenset(
        {
            OptionalBehaviors.CAP_REQ_MINUS,
            OptionalBehaviors.ELIST_C,
            OptionalBehaviors.ELIST_M,
            OptionalBehaviors.ELIST_N,
            OptionalBehaviors.ELIST_T,
            OptionalBehaviors.ELIST_U,
            OptionalBehaviors.INVITE_OVERRIDES_LIMIT,
            OptionalBehaviors.MULTI_JOIN,
            OptionalBehaviors.MULTI_KICK,
            OptionalBehaviors.MULTI_NAMES_COMMAND,
            OptionalBehaviors.MULTI_PRIVMSG,
        }
    )
    isupport: ClassVar = {"BOT": "B", "CASEMAPPING": "ascii", "PREFIX": "(ov)@+", "UTF8ONLY": None, "WHOX": None}
    _port_wait_interval = 0.02

    def run(self, hostname: str, port: int, *, password: str | None, ssl: bool, faketime: str | None, **asked: Any) -> None:
        """Start a server that listens there."""
        for what, wanted in (
            ("TLS", ssl),
            ("a password for all", password),
            ("time without the program faketime", faketime and shutil.which("faketime") is None),
            ("mail", self.test_config.account_registration_requires_email),
            ("accounts before the registration", self.test_config.account_registration_before_connect),
        ):
            if wanted:
                raise NotImplementedByController(what)
        self.hostname, self.port, self.faketime_enabled = hostname, port, bool(faketime)
        self.create_config()
        shutil.copytree(os.environ["LANCHAT_DATA"], self.directory / "data")
        (self.directory / "log").touch()  # (a test may end before the server has begun)
        ports = {"--irc": f"tcp:{port}:interface={hostname}", "--port": "tcp:0:interface=127.0.0.1"}
        if asked["websocket_port"]:
            ports["--http"] = f"tcp:{asked['websocket_port']}:interface={asked['websocket_hostname']}"
        options = {"--data": str(self.directory / "data"), "--irc-name": NAME, "--irc-history": "0", "--rooms-by": "anyone"}
        limits = [word for name in LIFTED for word in ("--limit", f"{name}=off")]
        words = [word for option in (ports | options).items() for word in option]
        self.proc = _servers(faketime).start([*words, *limits], self.directory / "log")

    def check_is_alive(self) -> None:
        """Fail if the server has ended by itself, and say what its log says."""
        if self.proc.poll() is not None:
            raise AssertionError(f"the server has ended: {(self.directory / 'log').read_text().strip().rpartition(chr(10))[2]}")

    def kill_proc(self) -> None:
        """End the server at once, and leave its log in what is shown of the test."""
        self.proc.kill()
        self.proc = None  # type: ignore[assignment]  # (so the suite has it)
        print((self.directory / "log").read_text())  # noqa: T201 (pytest keeps it for tests that fail)

    def wait_for_services(self) -> None:
        """Accounts are the server's own."""

    def registerUser(self, case: Any, username: str, password: str | None = None) -> None:
        """Make an account, as lanchat-admin does."""
        self.wait_for_port()
        with self._control() as control:
            control.sendall(json.dumps({"do": "add", "name": username, "password": password}).encode() + b"\n")
            answer = control.makefile().read()
        assert '"done"' in answer, answer

    def _control(self) -> socket.socket:
        """A connection to the server's control socket, which is there soon after the port."""
        while True:
            control = socket.socket(socket.AF_UNIX)
            try:
                control.connect(str(self.directory / "data" / "control"))
            except (FileNotFoundError, ConnectionRefusedError):
                control.close()
                self.check_is_alive()
                time.sleep(self._port_wait_interval)
            else:
                return control


def get_irctest_controller_class() -> type[LanchatController]:
    """Called by the suite."""
    return LanchatController
