"""Configuration: options that a file can say too, checked as a whole, with every mistake told in a line of its own.

The file is TOML. What can be said in it is taken from the options themselves: there is no second list of names.
"""

from __future__ import annotations

import difflib
import getopt
import os
import re
import sys
from collections.abc import Collection, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from twisted.python import usage

from lanchat.protocol.limits import LIMITS
from lanchat.protocol.packet import is_visible, visible
from lanchat.system.printing import NO_FILE
from lanchat.system.private_files import FileError, exit_with_errors, read_safely, user_state_directory

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

#: Is read if it is there, and no other is named.
DEFAULT = Path("/etc/lanchat.toml")
#: Bytes of a file that is read, and characters of a wrong value that are shown.
MAX_BYTES, MAX_SHOWN = 65_536, 40
#: The option that is a table in the file: a line for each NAME=VALUE.
TABLE = "limit"
#: The dashes of options, which a file has not.
_DASHES = re.compile(r"\B--(?=[a-z])")
#: What is said where `default_data` finds no place.
NO_HOME = "You have no home directory, so there is no usual place for the server's data. Say where with --data DIR."
#: What only a command line can say.
COMMANDS = {"config", "help", "version"}


C = TypeVar("C", bound="Configured")


class Mistakes(usage.UsageError):
    """All that is wrong."""

    def __init__(self, lines: Sequence[str]) -> None:
        """Each line tells what is wrong, and what would be right."""
        super().__init__("\n".join(lines))
        self.lines = list(lines)


class Contradiction(NamedTuple):
    """What is wrong with options that are right by themselves."""

    options: set[str]
    text: str


def path(option: str, file: str) -> Path:
    """The name of a file or directory that an option has; raises `UsageError` if it is empty, as of an unset variable."""
    if not file:
        raise usage.UsageError(f"--{option}: {NO_FILE}.")
    return Path(file)


class Configured(usage.Options):
    """Options of a command line and of a file. The command line wins for what it names."""

    def __init__(self, directory: Path | None = None, file: Path | None = None) -> None:
        """`directory` is what the name of a file is relative to; `file` is read if no other is named, and must be there."""
        super().__init__()
        self._directory = directory or Path.cwd()
        self._words: list[str] = []
        self._from_file: set[str] = set()
        self["config"] = file

    def opt_config(self, file: str) -> None:
        """A file that says what options can, in TOML; the command line wins. [default: /etc/lanchat.toml, if it is there]"""
        self["config"] = self._directory / path("config", file)

    def parseOptions(self, options: Sequence[str] | None = None) -> None:
        """Take all that is said; raises `UsageError`, or under twistd ends it with what is wrong, and no page of help."""
        self._words = list(sys.argv[1:] if options is None else options)
        try:
            super().parseOptions(self._words)
        except usage.UsageError as error:
            if self.parent is None:
                raise
            lines = [*["All options: twistd lanchat --help"] * (not isinstance(error, Mistakes)), *str(error).splitlines()]
            exit_with_errors(lines)

    def postOptions(self) -> None:
        """Take what the file says, and see that all fits together; raises `Mistakes`."""
        if self["config"] is None and DEFAULT.exists():
            self["config"] = DEFAULT
        wrong = {} if self["config"] is None else self._take(self["config"])
        self.settle()
        for name in [name for name, value in self.items() if isinstance(value, Path)]:
            self[name] = self._directory / self[name]  # it is the same file when we are elsewhere (--rundir)
        lines = [line for lines in wrong.values() for line in lines]
        if "" not in wrong:
            found = [one for one in self.contradictions() if not one.options & wrong.keys()]
            lines += [self._in_file(*one) for one in found]
            lines += self.outside(wrong.keys() | set().union(*(one.options for one in found)))
        if lines:
            raise Mistakes(lines)

    def settle(self) -> None:
        """Give a default to what was not said."""

    def contradictions(self) -> Iterator[Contradiction]:
        """What does not fit together, with the options that it is about."""
        yield from ()

    def outside(self, wrong: Collection[str]) -> list[str]:
        """What is wrong in the files that options name, a line for each; `wrong` are options that are wrong themselves."""
        return []

    def _in_file(self, options: set[str], text: str) -> str:
        """A contradiction as the file's reader needs it, if the file alone says what is contradictory."""
        if self["config"] is None or not options & self._from_file:
            return text
        return f"{self['config']}: {_DASHES.sub('', text)}"

    def afresh(self: C) -> C:  # noqa: PYI019 (typing.Self is not in Python 3.10)
        """What the same words and the same file say now; raises `UsageError`."""
        fresh = type(self)(self._directory, self["config"])
        fresh.parseOptions(self._words)
        return fresh

    def tell(self, name: str, text: str | None = None) -> None:
        """Say one thing as the command line would; raises `UsageError`."""
        take = self._dispatch[name]
        (take.dispatch if isinstance(take, usage.CoerceParameter) else take)(name, text)

    def _take(self, file: Path) -> dict[str, list[str]]:
        """What is wrong with a file, by option ("" is the file itself); the rest of it is taken."""
        try:
            table = load(file)
        except FileError as refused:
            return {"": [str(refused)]}
        said = type(self)(self._directory)
        wrong = fill(said, table, file.parent)
        settled = {name.lstrip("-") for name, _ in getopt.getopt(self._words, self.shortOpt, self.longOpt)[0]} - {TABLE}
        self._from_file = table.keys() & names(self) - settled
        for name in self._from_file:
            self[name] = _merged(said[name], self[name]) if name == TABLE else said[name]
        return {key: [f"{file}: {line}" for line in lines] for key, lines in wrong.items()}


def _merged(file: list[tuple[str, str]], words: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """The limits of the file, but for those that the command line sets, and these."""
    return [limit for limit in file if limit[0] not in dict(words)] + words


def names(options: usage.Options) -> set[str]:
    """What a file can say."""
    return {name.removesuffix("=") for name in options.longOpt} - COMMANDS


def default_data() -> Path | None:
    """Where systemd says, else where the user's programs keep their state; None if they have no such place."""
    if directory := os.environ.get("STATE_DIRECTORY"):
        return Path(directory.split(":")[0])
    return user_state_directory()


def usual_data() -> Path | None:
    """Where a server keeps all that was told nothing else than the usual file says, as far as that can be read.

    None if there is no such place (`default_data`).
    """
    try:
        said = load(DEFAULT).get("data")
    except FileError:
        said = None
    return DEFAULT.parent / said if isinstance(said, str) else default_data()


def load(path: Path) -> dict[str, Any]:
    """What is in a file; raises `FileError`."""
    try:
        content = read_safely(path, max_bytes=MAX_BYTES + 1)
    except PermissionError as error:
        raise FileError(
            f"can't read {path}: {error.strerror}. The user that the server runs as must be able to read it."
        ) from None
    except OSError as error:
        raise FileError(f"can't read {path}: {error.strerror}. Name another file.") from None
    if len(content) > MAX_BYTES:
        raise FileError(f"{path} has more than {MAX_BYTES} bytes, which no configuration has: name another file.")
    return _parsed(path, content)


def _parsed(path: Path, content: bytes) -> dict[str, Any]:
    try:
        return tomllib.loads(content.decode())
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise FileError(f"{path}: line {line} is not UTF-8. Save the file in that encoding.") from None
    except RecursionError:
        raise FileError(f"{path}: there are lists in lists in lists. Write one list, as in deploy/lanchat.toml.") from None
    except ValueError as error:  # also of a number with thousands of digits
        raise FileError(f"{path} is not TOML: {visible(str(error), 200)}. Write lines such as: port = 5000") from None


def fill(options: Configured, table: dict[str, Any], directory: Path) -> dict[str, list[str]]:
    """Tell options what a table says, its paths relative to a directory; what is wrong, by key, in a line for each mistake."""
    wrong = {key: list(_told(options, key, value)) for key, value in table.items()}
    for key in table.keys() & names(options):
        if isinstance(options[key], Path):
            options[key] = directory / options[key]
    return {key: lines for key, lines in wrong.items() if lines}


def _told(options: Configured, key: str, value: Any) -> Iterator[str]:
    if key not in names(options):
        yield f"{_shown(key)}: there is no such option; {_nearest(key, names(options))}"
    elif key == TABLE:
        yield from _table(options, value)
    elif key in options.longOpt:
        yield from _flag(options, key, value)
    else:
        yield from _values(options, key, value)


def _table(options: Configured, value: Any) -> Iterator[str]:
    if not isinstance(value, dict):
        yield f"{TABLE}: {_kind(value)} is wrong here: write [{TABLE}], and below it lines such as packets = 200"
        return
    for name, number in value.items():
        where = f"{TABLE}.{_shown(name)}"
        if name not in LIMITS:
            meant = f"write {name} above [{TABLE}]" if name in names(options) else _nearest(name, LIMITS)
            yield f"{where}: there is no such limit; {meant}"
        elif isinstance(number, bool) or not isinstance(number, (int, float, str)):
            yield f'{where}: {_kind(number)} is wrong here: write a number above 0, or "off"'
        else:
            yield from _said(options, TABLE, f"{name}={_text(number)}", where)


def _flag(options: Configured, key: str, value: Any) -> Iterator[str]:
    if not isinstance(value, bool):
        yield f"{key}: {_kind(value)} is wrong here: write true or false"
    elif value:
        options.tell(key)


def _values(options: Configured, key: str, value: Any) -> Iterator[str]:
    several = isinstance(options[key], list)
    right = "a string, a number, or a list of these" if several else "a string"
    seen: set[str] = set()
    for one in value if several and isinstance(value, list) else [value]:
        if isinstance(one, bool) or not isinstance(one, (str, int)):
            yield f"{key}: {_kind(one)} is wrong here: write {right}"
        elif not (text := _text(one)) or not is_visible(text):
            yield f"{key}: {visible(repr(text), MAX_SHOWN)} is empty or has characters that can't be seen: write {right}"
        elif text in seen:
            yield f"{key}: {_shown(text)} is there twice: write it once"
        else:
            seen.add(text)
            yield from _said(options, key, text, key)
            if isinstance(options[key], Path) and not isinstance(one, str):
                yield f"{key}: {_kind(one)} is wrong here: write the name of a file or directory, in quotes"


def _said(options: Configured, key: str, text: str, where: str) -> Iterator[str]:
    try:
        options.tell(key, text)
    except usage.UsageError as error:
        yield f"{where}: {visible(str(error).removeprefix(f'--{key} {text}: '), 300)}"


def _text(value: str | float) -> str:
    """As somebody would write it on a command line. (Python writes no number of thousands of digits, but as a hex one.)"""
    return f"{hex(value)[:20]}..." if isinstance(value, int) and value.bit_length() > 64 else str(value)


def _shown(text: str) -> str:
    return visible(text, MAX_SHOWN)


def _kind(value: object) -> str:
    kinds = {bool: "true or false", int: "a number", float: "a number with a point", str: "a string", list: "a list"}
    return kinds.get(type(value), "a table" if isinstance(value, dict) else "a date or a time")


def _nearest(name: str, known: Iterable[str]) -> str:
    close = difflib.get_close_matches(name, known, 1, 0.5)
    return f"did you mean {close[0]}?" if close else f"there are {', '.join(sorted(known))}"
