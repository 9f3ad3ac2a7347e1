"""Tokens: what logs in instead of a password, kept in a file that only its owner may read."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lanchat.packet import visible
from lanchat.safekeeping import ANY, keep


class Unsafe(Exception):
    """A file with secrets can't be used, or others may read it. The text is one line."""


class Tokens:
    """The tokens of one name on one server; each was given on a connection that was known to be with that server."""

    def __init__(self, file: Path, name: str, server: tuple[str, int]) -> None:
        self.file = file
        host, port = server
        self._owner = [f"[{host.lower()}]:{port}", name.casefold()]

    def get(self, proof: str) -> str:
        """The token for a server that is known in this way; "" if there is none. Raises `Unsafe`."""
        return next((line[3] for line in self._lines() if line[:3] == [*self._owner, proof]), "")

    def any(self) -> bool:
        """Whether there is a token at all. Raises `Unsafe`."""
        return any(line[:2] == self._owner for line in self._lines())

    def put(self, proof: str, token: str) -> None:
        """Keep a token ("": none) instead of the one that was kept. Raises `OSError` or `Unsafe`."""
        mine = [*self._owner, proof]
        with self._locked():
            lines = [line for line in self._lines() if line[:3] != mine]
            if token:
                lines.append([*mine, token])
            keep(self.file, "".join(f"{' '.join(line)}\n" for line in lines).encode())

    def _lines(self) -> list[list[str]]:
        """Server, name, proof and token of each."""
        try:
            text = read_secret(self.file)
        except FileNotFoundError:
            return []
        return [line for line in map(str.split, text.splitlines()) if len(line) == 4]

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """No other client writes the file meanwhile."""
        self.file.parent.mkdir(0o700, parents=True, exist_ok=True)
        descriptor = os.open(self.file.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)


def read_secret(path: Path) -> str:
    """The text of a file that nobody else may read. Raises `FileNotFoundError` or `Unsafe`."""
    try:
        with path.open("rb") as file:
            if os.fstat(file.fileno()).st_mode & ANY:
                raise Unsafe(f"others may read {visible(str(path))}. Say: chmod 600 {visible(str(path))}")
            return file.read(1 << 20).decode()
    except FileNotFoundError:
        raise
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise Unsafe(f"can't read {visible(str(path))}: {why}") from None


def first_line(path: Path) -> str:
    """The password in a file. Raises `Unsafe`."""
    try:
        password = read_secret(path).partition("\n")[0].rstrip("\r")
    except FileNotFoundError:
        raise Unsafe(f"there is no file {visible(str(path))}") from None
    if not password:
        raise Unsafe(f"the first line of {visible(str(path))} is the password, and it is empty")
    return password
