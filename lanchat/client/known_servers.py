"""Known servers: which key each server had when it was first met, in a file that people may edit."""

from __future__ import annotations

import re
from pathlib import Path

from lanchat.client.state_file import StateFile, Unsafe, line_of

#: What a line is made of. (Lines that are empty, or begin with #, are for people.)
_WHERE, _KEY = re.compile(r"\[.+\]:[0-9]+"), re.compile(r"SHA256:[A-Za-z0-9+/]{43}")


class KnownServers:
    """The keys of servers, each by where it is: `[host]:port`."""

    def __init__(self, file: Path | None) -> None:
        self._state = StateFile(file, secret=False)

    def keys(self, where: str) -> list[str]:
        """The keys that are remembered for this server; raises `Unsafe`."""
        return self._keys(where, self._state.lines())

    def add(self, where: str, key: str) -> bool:
        """Remember the key of a server, and return true, unless one is remembered already: another client may have met it.

        Raises `Unsafe`.
        """
        with self._state.changing() as lines:
            is_new = not self._keys(where, lines)
            if is_new:
                lines.append(line_of(where, key))
        return is_new

    def _keys(self, where: str, lines: list[str]) -> list[str]:
        """As `keys`. A damaged line may have been about this server, so nothing is known while there is one."""
        keys = []
        for number, line in enumerate(lines, 1):
            words = line.split()
            if not words or words[0].startswith("#"):
                continue
            if len(words) != 2 or not (_WHERE.fullmatch(words[0]) and _KEY.fullmatch(words[1])):
                raise Unsafe(f"line {number} of {self._state.path} is damaged: a line is [HOST]:PORT and a key")
            if words[0] == where:
                keys.append(words[1])
        return keys
