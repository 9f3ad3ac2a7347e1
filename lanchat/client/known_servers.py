"""The keys of servers that were met before, in a file that people may edit (as OpenSSH's `known_servers`)."""

from __future__ import annotations

import re
from pathlib import Path

from lanchat.client.state_file import StateFile, UnsafeFile, make_line

#: The two words of a line: [HOST]:PORT and the key. (Empty lines and those that begin with # are skipped.)
_WHERE, _KEY = re.compile(r"\[.+\]:[0-9]+"), re.compile(r"SHA256:[A-Za-z0-9+/]{43}")


class KnownServers:
    """The public keys of servers, by their address `[host]:port`."""

    def __init__(self, file: Path | None) -> None:
        self._state = StateFile(file, secret=False)

    def keys(self, where: str) -> list[str]:
        """The keys that are stored for this server; raises `UnsafeFile`."""
        return self._keys(where, self._state.lines())

    def add(self, where: str, key: str) -> bool:
        """Store the key of a server and return true; false if one is stored already, as another client may have done.

        Raises `UnsafeFile`.
        """
        with self._state.changing() as lines:
            is_new = not self._keys(where, lines)
            if is_new:
                lines.append(make_line(where, key))
        return is_new

    def _keys(self, where: str, lines: list[str]) -> list[str]:
        """As `keys`. A damaged line may have been about this server, so it raises `UnsafeFile`."""
        keys = []
        for number, line in enumerate(lines, 1):
            words = line.split()
            if not words or words[0].startswith("#"):
                continue
            if len(words) != 2 or not (_WHERE.fullmatch(words[0]) and _KEY.fullmatch(words[1])):
                raise UnsafeFile(f"line {number} of {self._state.path} is damaged: a line is [HOST]:PORT and a key")
            if words[0] == where:
                keys.append(words[1])
        return keys
