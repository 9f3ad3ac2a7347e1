"""The file of login tokens, which only its owner may read, and what else the client does with secrets."""

from __future__ import annotations

import json
import re
from pathlib import Path

from lanchat.client.link_local import ServerAddress, server_id
from lanchat.client.state_file import StateFile, UnsafeFile, make_line, read_text
from lanchat.protocol.packet import visible
from lanchat.protocol.spelling import key

#: The tokens that servers make (`secrets.token_urlsafe`), of any sensible length.
_TOKEN = re.compile(r"[A-Za-z0-9_-]{1,512}")


class TokenFile:
    """The tokens for one name on one server: one for each identity by which the server was known when it gave it."""

    def __init__(self, file: Path | None, name: str, server: ServerAddress) -> None:
        self._state = StateFile(file, secret=True)
        self._owner = [server_id(server), key(name)]

    @property
    def file(self) -> Path:
        """The path of the file; only called where a token was saved, so there is one."""
        assert self._state.path is not None  # noqa: S101 (as the docstring says)
        return self._state.path

    def get(self, identity: str) -> str:
        """The token for a server with this identity; "" if there is none. Raises `UnsafeFile`."""
        return next((words[3] for words in self._words() if self._is_mine(words, identity)), "")

    def any(self) -> bool:
        """Whether any token is saved for this name on this server. Raises `UnsafeFile`."""
        return any(self._is_mine(words, words[2]) for words in self._words())

    def put(self, identity: str, token: str) -> None:
        """Save a token instead of the one before ("": only remove that). Other lines stay. Raises `UnsafeFile`."""
        added = [make_line(*self._owner, identity, token)] if token else []
        with self._state.changing() as lines:
            lines[:] = [line for line in lines if not self._is_mine(line.split(), identity)] + added

    def _is_mine(self, words: list[str], identity: str) -> bool:
        """Whether a line is about this name, in any spelling, on this server with this identity."""
        return len(words) > 2 and [words[0], key(words[1]), words[2]] == [*self._owner, identity]

    def _words(self) -> list[list[str]]:
        """The words of each line: server, name, identity, token."""
        return [words for words in map(str.split, self._state.lines()) if len(words) == 4]


def is_token(text: str) -> bool:
    """Whether a text can be a token: one word of letters, digits, `-` and `_`."""
    return _TOKEN.fullmatch(text) is not None


def without_token(line: bytes) -> bytes:
    """A packet's line without the token in it, as others may read what is printed."""
    packet = json.loads(line)
    del packet["x"]["token"]
    return json.dumps(packet, ensure_ascii=False, separators=(",", ":")).encode()


def read_password(path: Path) -> str:
    """The password in the first line of a file or pipe. Raises `UnsafeFile`."""
    try:
        password = read_text(path, secret=True, or_pipe=True).partition("\n")[0].rstrip("\r")
    except FileNotFoundError:
        raise UnsafeFile(f"there is no file {visible(str(path))}") from None
    if not password:
        raise UnsafeFile(f"the first line of {visible(str(path))} is the password, and it is empty")
    return password
