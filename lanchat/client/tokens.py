"""Tokens: what logs in instead of a password, kept in a file that only its owner may read."""

from __future__ import annotations

import json
import re
from pathlib import Path

from lanchat.client.state_file import StateFile, Unsafe, line_of, read_text
from lanchat.client.zones import place
from lanchat.protocol.packet import visible
from lanchat.protocol.spelling import key

#: What servers make (`secrets.token_urlsafe`), of any sensible length.
_TOKEN = re.compile(r"[A-Za-z0-9_-]{1,512}")


class Tokens:
    """The tokens of one name on one server; each was given on a connection that was known to be with that server."""

    def __init__(self, file: Path | None, name: str, server: tuple[str, int]) -> None:
        self._state = StateFile(file, secret=True)
        self._owner = [place(server), key(name)]

    @property
    def file(self) -> Path:
        """Where they are kept; only for a user who has such a place, as one has for whom a token was kept."""
        assert self._state.path is not None  # noqa: S101 (see above)
        return self._state.path

    def get(self, proof: str) -> str:
        """The token for a server that is known in this way; "" if there is none. Raises `Unsafe`."""
        return next((words[3] for words in self._words() if self._is_mine(words, proof)), "")

    def any(self) -> bool:
        """Whether there is a token at all. Raises `Unsafe`."""
        return any(self._is_mine(words, words[2]) for words in self._words())

    def put(self, proof: str, token: str) -> None:
        """Keep a token ("": none) instead of the one that was kept. All else stays in the file. Raises `Unsafe`."""
        added = [line_of(*self._owner, proof, token)] if token else []
        with self._state.changing() as lines:
            lines[:] = [line for line in lines if not self._is_mine(line.split(), proof)] + added

    def _is_mine(self, words: list[str], proof: str) -> bool:
        """Whether these words are about this name, in any spelling of it, on this server, known in this way."""
        return len(words) > 2 and [words[0], key(words[1]), words[2]] == [*self._owner, proof]

    def _words(self) -> list[list[str]]:
        """Server, name, proof and token of each."""
        return [words for words in map(str.split, self._state.lines()) if len(words) == 4]


def is_token(text: str) -> bool:
    """Whether what a server gave is a token, which is one word."""
    return _TOKEN.fullmatch(text) is not None


def without_token(line: bytes) -> bytes:
    """A packet as it came, but for the token: what is printed may be read by others."""
    packet = json.loads(line)
    del packet["x"]["token"]
    return json.dumps(packet, ensure_ascii=False, separators=(",", ":")).encode()


def first_line(path: Path) -> str:
    """The password in a file, or from a pipe. Raises `Unsafe`."""
    try:
        password = read_text(path, secret=True, or_pipe=True).partition("\n")[0].rstrip("\r")
    except FileNotFoundError:
        raise Unsafe(f"there is no file {visible(str(path))}") from None
    if not password:
        raise Unsafe(f"the first line of {visible(str(path))} is the password, and it is empty")
    return password
