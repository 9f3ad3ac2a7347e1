"""A file of words in lines that the client keeps between runs. People may edit it, and several clients use it at once."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lanchat.protocol.packet import visible
from lanchat.system.private_files import FileError, check_directory, read_safely, write_private

#: The largest file, in bytes.
MAX_BYTES = 1 << 20


class UnsafeFile(Exception):
    """A file can't be used, or another user could change it, or read its secrets. The text is one line."""


class StateFile:
    """A file that is replaced as a whole: lines that are not changed stay as they were."""

    def __init__(self, path: Path | None, secret: bool) -> None:
        """A `secret` file is refused if others may read it. Without a path it is empty and can't be changed."""
        self.path = path
        self._secret = secret

    def lines(self) -> list[str]:
        """The lines of the file; [] if there is none. Raises `UnsafeFile`."""
        try:
            return _lines(read_text(self.path, self._secret)) if self.path is not None else []
        except FileNotFoundError:
            return []

    @contextmanager
    def changing(self) -> Iterator[list[str]]:
        """A context in which the list of lines can be changed, while no other client changes them.

        The lines are written when the block ends. Raises `UnsafeFile`, and then the file is as it was.
        """
        if self.path is None:
            raise UnsafeFile("you have no home directory, and XDG_STATE_HOME is not set")
        try:
            self.path.parent.mkdir(0o700, parents=True, exist_ok=True)
            check_directory(self.path.parent)
            descriptor = os.open(self.path.parent, os.O_RDONLY | os.O_DIRECTORY)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX)
                before = self.lines()
                after = before.copy()
                yield after
                if after != before:
                    self._write(self.path, after)
            finally:
                os.close(descriptor)
        except FileError as refused:
            raise UnsafeFile(visible(str(refused))) from None
        except OSError as error:
            raise UnsafeFile(f"can't write {visible(str(self.path))}: {error.strerror}") from None

    def _write(self, path: Path, lines: list[str]) -> None:
        content = "".join(f"{line}\n" for line in lines)
        encoded = content.encode("utf-8", "surrogateescape")
        if len(encoded) > MAX_BYTES or _lines(content) != lines:
            raise UnsafeFile(f"{visible(str(path))} would have more than {MAX_BYTES} bytes. Delete old lines in it")
        write_private(path, encoded)


def make_line(*words: str) -> str:
    """A line that is read back as these words; raises `UnsafeFile` if there is none."""
    line = " ".join(words)
    if line.split() != list(words) or not line.isprintable():
        raise UnsafeFile(f"this can't be stored in a line of words: {visible(line, 100)}")
    return line


def read_text(path: Path, secret: bool, or_pipe: bool = False) -> str:
    """The text of a file that nobody else may change, or read if it is `secret`. Raises `FileNotFoundError` or `UnsafeFile`."""
    try:
        content = read_safely(path, secret=secret, max_bytes=MAX_BYTES + 1, allow_pipe=or_pipe)
        text = content.decode()
    except FileNotFoundError:
        raise
    except FileError as refused:
        raise UnsafeFile(visible(str(refused))) from None
    except OSError as error:
        raise UnsafeFile(f"can't read {visible(str(path))}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise UnsafeFile(f"can't read {visible(str(path))}: it is not UTF-8") from None
    if len(content) > MAX_BYTES:
        raise UnsafeFile(f"{visible(str(path))} has more than {MAX_BYTES} bytes. Delete old lines in it")
    return text


def _lines(text: str) -> list[str]:
    """The lines of a text. Only a newline ends one; other characters that some programs take for an end of line are kept."""
    return text.removesuffix("\n").split("\n") if text else []
