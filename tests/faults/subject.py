"""Subject: the server under test, a real `twistd lanchat` that always comes back on the same port and the same disk."""

from __future__ import annotations

import asyncio
import contextlib
import os
import resource
import shutil
import signal
import socket
import subprocess
from pathlib import Path
from typing import NoReturn

from tests.faults.wire import Connection, LostConnection
from tests.live import SCRIPTS, Server

#: The most that its disk may hold, in bytes: memory, which is taken only as it is filled.
ROOM = 2**30
#: A slow reader is soon one whose messages are held back.
OPTIONS = ("--limit", "outbox=32768")
#: Seconds that an administrator's command may take; and how a server says that it can't start because of one.
PATIENCE, IN_USE = 60.0, "is in use by another"


class Disk:
    """A small file system of the server's own, where this process may make one; else just a directory."""

    def __init__(self, path: Path) -> None:
        self._path = path
        path.mkdir(mode=0o700)
        may = os.geteuid() == 0 and shutil.which("mount") is not None
        self.own = may and self._mount(f"size={ROOM},mode=0700", "-t", "tmpfs", "none")

    def fill(self) -> None:
        """Leave no room on it. Only where it is its own."""
        seen = os.statvfs(self._path)
        self._mount(f"remount,size={(seen.f_blocks - seen.f_bfree) * seen.f_frsize}")

    def free(self) -> None:
        """Give it room again."""
        if self.own:
            self._mount(f"remount,size={ROOM}")

    def close(self) -> None:
        """Take it away, with what it holds."""
        if self.own:
            subprocess.run(["umount", "--lazy", str(self._path)], check=False)  # noqa: S603, S607 (ours; where it is differs)

    def _mount(self, options: str, *what: str) -> bool:
        command = ["mount", *what, "-o", options, str(self._path)]
        return subprocess.run(command, capture_output=True, check=False).returncode == 0  # noqa: S603 (ours)


class Subject:
    """The server, and the disk that it keeps its log on."""

    def __init__(self, directory: Path, retain: str = "") -> None:
        """Keep everything in this directory; `retain` is how large the log may become ("4M"), if there is a bound."""
        self._directory = directory
        self._options = (*OPTIONS, *(("--retain", retain) if retain else ()))
        #: Where the server keeps all.
        self.data = directory / "data"
        self.disk = Disk(self.data)
        with socket.create_server(("127.0.0.1", 0)) as listening:
            self.port: int = listening.getsockname()[1]
        self._server: Server | None = None
        self._changing = asyncio.Lock()  # it is being started, or ended
        #: All that it logged, until it was ended.
        self.log = ""

    async def start(self) -> None:
        """Start it and wait until it listens. Raises `AssertionError` with its log when it does not.

        It may still open its log then: `serving` tells when that is done.
        """
        async with self._changing:
            await self._start()

    async def _start(self) -> None:
        port = f"tcp:{self.port}:interface=127.0.0.1"
        while self._server is None:
            try:
                self._server = await asyncio.to_thread(Server, self._directory, "--port", port, *self._options)
            except AssertionError as error:  # noqa: PERF203 (it takes a second to start)
                self._check_in_use(str(error))

    def _check_in_use(self, log: str) -> None:
        """A server that ended by itself had to, if an administrator's command used the data; else raise `AssertionError`."""
        assert IN_USE in log, f"the server ended by itself: {log}"

    async def administrate(self, *words: str) -> tuple[int, str, str]:
        """Run an administrator's command beside the server, or while there is none: its status, and what it wrote."""
        pipe, command = asyncio.subprocess.PIPE, [str(SCRIPTS / "lanchat-admin"), "--data", str(self.data), *words]
        process = await asyncio.create_subprocess_exec(*command, stdout=pipe, stderr=pipe)
        try:
            out, error = await asyncio.wait_for(process.communicate(), PATIENCE)
        finally:
            if process.returncode is None:
                process.kill()
        return process.returncode or 0, out.decode(), error.decode()

    async def serving(self) -> None:
        """Wait until somebody is welcomed."""
        welcome = None
        while welcome is None:
            with contextlib.suppress(OSError, LostConnection, asyncio.TimeoutError):
                connection = await Connection.open(self.port, "visitor")
                welcome = await connection.welcomed()
                connection.close()

    async def end(self, number: int = signal.SIGKILL) -> None:
        """End it by a signal."""
        async with self._changing:
            if self._server is not None:
                server, self._server = self._server, None
                await asyncio.to_thread(server.stop, number)
                self.log += server.text()

    async def watch(self) -> NoReturn:
        """Raise `AssertionError`, with its log, when it ends by itself. Where it had to, start it again, as systemd does."""
        while True:
            await asyncio.sleep(0.1)
            async with self._changing:
                server = self._server
                if server is not None and server.process.poll() is not None:
                    self._check_in_use(server.text())
                    self._server = None
                    await self._start()

    def send(self, number: int) -> None:
        """Send it a signal, if it is there."""
        if self._server is not None:
            self._server.process.send_signal(number)

    def limit_files(self) -> None:
        """From now on no file of it grows: each write past the end of the log's newest part is an error."""
        if self._server is not None:
            sizes = [path.stat().st_size for path in self._directory.glob("data/lanchat.db*")]
            self._set_limit(max([self._server.log.stat().st_size + 4096, *sizes]))

    def unlimit_files(self) -> None:
        """Files may grow again."""
        self._set_limit(resource.RLIM_INFINITY)

    def _set_limit(self, size: int) -> None:
        if self._server is not None:
            with contextlib.suppress(ProcessLookupError):
                hard = resource.prlimit(self._server.process.pid, resource.RLIMIT_FSIZE)[1]
                resource.prlimit(self._server.process.pid, resource.RLIMIT_FSIZE, (size, hard))

    async def close(self) -> None:
        """End it, and take its disk away."""
        await self.end(signal.SIGKILL)
        self.disk.close()
