"""Options that can also be set in a configuration file (TOML), checked as a whole: every error is reported in a line.

The names in the file are taken from the options themselves; there is no second list.
"""

from __future__ import annotations

import difflib
import getopt
import os
import re
import sys
from collections.abc import Collection, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias, TypeVar

from twisted.python import usage

from lanchat.protocol.limits import LIMITS
from lanchat.protocol.packet import is_visible, visible
from lanchat.system.exits import exit_with_errors
from lanchat.system.printing import NO_FILE
from lanchat.system.private_files import FileError, read_safely, user_state_directory

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

#: The file that is read if it exists and no other is named.
DEFAULT_FILE = Path("/etc/lanchat.toml")
#: The largest file in bytes, and how many characters of a wrong value are shown.
MAX_BYTES, MAX_SHOWN = 65_536, 40
#: The option that is a table in the file, with a line for each NAME=VALUE.
LIMIT_TABLE = "limit"
#: An option in an error about the command line, such as --port.
_OPTION = re.compile(r"\B--([a-z][a-z-]*)")
#: The error if `default_data` finds no directory.
NO_HOME = "You have no home directory, so there is no default data directory. Name one with --data DIR."
#: Options of the command line that a file can't set.
COMMAND_LINE_ONLY = {"config", "help", "version"}


#: Errors in the file by option, a line for each; "" are those of the file itself.
ErrorsByOption: TypeAlias = dict[str, list[str]]
#: The name and the value of a limit, as in `--limit NAME=VALUE`.
LimitSetting: TypeAlias = tuple[str, str]

C = TypeVar("C", bound="OptionsWithFile")


class ConfigErrors(usage.UsageError):
    """All errors of a configuration."""

    def __init__(self, lines: Sequence[str]) -> None:
        """Each line says what is wrong, and what would be right."""
        super().__init__("\n".join(lines))
        self.lines = list(lines)


class Conflict(NamedTuple):
    """Options that are valid by themselves but not together."""

    options: set[str]
    text: str


def path_option(option: str, file: str) -> Path:
    """The path that an option was given; raises `UsageError` if it is empty, as from a shell variable that is not set."""
    if not file:
        raise usage.UsageError(f"--{option}: {NO_FILE}.")
    return Path(file)


class OptionsWithFile(usage.Options):
    """Options of a command line and of a file. The command line takes precedence."""

    def __init__(self, directory: Path | None = None, file: Path | None = None) -> None:
        """`directory` is the base of relative paths; `file` is read if no other is named, and must exist."""
        super().__init__()
        self._directory = directory or Path.cwd()
        self._arguments: list[str] = []
        self._set_by_file: set[str] = set()
        self["config"] = file

    def opt_config(self, file: str) -> None:
        """A file that says what options can, in TOML; the command line wins. [default: /etc/lanchat.toml, if it is there]"""
        self["config"] = self._directory / path_option("config", file)

    def parseOptions(self, options: Sequence[str] | None = None) -> None:
        """Parse the command line and the file. Raises `UsageError`; under twistd it exits with the errors, without the help."""
        self._arguments = list(sys.argv[1:] if options is None else options)
        try:
            super().parseOptions(self._arguments)
        except usage.UsageError as error:
            if self.parent is None:
                raise
            lines = [*["All options: twistd lanchat --help"] * (not isinstance(error, ConfigErrors)), *str(error).splitlines()]
            exit_with_errors(lines)

    def postOptions(self) -> None:
        """Apply the file, set the defaults, and check everything together; raises `ConfigErrors`."""
        if self["config"] is None and DEFAULT_FILE.exists():
            self["config"] = DEFAULT_FILE
        errors = {} if self["config"] is None else self._apply_file(self["config"])
        self.set_defaults()
        for name in [name for name, value in self.items() if isinstance(value, Path)]:
            self[name] = self._directory / self[name]  # absolute: still right in another directory (--rundir)
        lines = [line for lines in errors.values() for line in lines]
        if "" not in errors:
            found = [one for one in self.conflicts() if not one.options & errors.keys()]
            told = [one.text for one in found]
            told += self.file_errors(errors.keys() | set().union(*(one.options for one in found)))
            lines += map(self._in_words_of_file, told)
        if lines:
            raise ConfigErrors(lines)

    def set_defaults(self) -> None:
        """Set the defaults of options that were not given."""

    def conflicts(self) -> Iterator[Conflict]:
        """The options that are wrong together, for subclasses: for each conflict the options, and a line of text about it."""
        yield from ()

    def file_errors(self, wrong: Collection[str]) -> list[str]:
        """The errors in files that options name, a line for each. Options in `wrong` are wrong themselves, and not checked."""
        return []

    def _in_words_of_file(self, text: str) -> str:
        """An error; if the file sets one of the options that it names, after the file's name and without their dashes."""
        if not self._set_by_file.intersection(_OPTION.findall(text)):
            return text
        names = option_names(self)  # twistd's own options keep their dashes
        return f"{self['config']}: {_OPTION.sub(lambda option: option[1] if option[1] in names else option[0], text)}"

    def reread(self: C) -> C:  # noqa: PYI019 (typing.Self is not in Python 3.10)
        """New options from the same command line and the current content of the file; raises `UsageError`."""
        options = type(self)(self._directory, self["config"])
        options.parseOptions(self._arguments)
        return options

    def set_option(self, name: str, text: str | None = None) -> None:
        """Set an option as the command line would; raises `UsageError`."""
        setter = self._dispatch[name]
        (setter.dispatch if isinstance(setter, usage.CoerceParameter) else setter)(name, text)

    def _apply_file(self, file: Path) -> ErrorsByOption:
        """Apply a file except for what the command line sets; returns its errors by option ("" is the file itself)."""
        try:
            table = load(file)
        except FileError as refused:
            return {"": [str(refused)]}
        from_file = type(self)(self._directory)
        errors = apply_table(from_file, table, file.parent)
        given, _ = getopt.getopt(self._arguments, self.shortOpt, self.longOpt)
        on_command_line = {name.lstrip("-") for name, _ in given} - {LIMIT_TABLE}
        self._set_by_file = table.keys() & option_names(self) - on_command_line
        for name in self._set_by_file:
            self[name] = _merged(from_file[name], self[name]) if name == LIMIT_TABLE else from_file[name]
        return {key: [f"{file}: {line}" for line in lines] for key, lines in errors.items()}


def _merged(file: list[LimitSetting], command_line: list[LimitSetting]) -> list[LimitSetting]:
    """The limits of the file that the command line does not set, followed by those of the command line."""
    return [limit for limit in file if limit[0] not in dict(command_line)] + command_line


def option_names(options: usage.Options) -> set[str]:
    """The names that a file can set."""
    return {name.removesuffix("=") for name in options.longOpt} - COMMAND_LINE_ONLY


def default_data() -> Path | None:
    """The usual data directory: systemd's, else one in the user's state directory; None if the user has no home."""
    if directory := os.environ.get("STATE_DIRECTORY"):
        return Path(directory.split(":")[0])
    return user_state_directory()


def configured_data() -> Path | None:
    """The data directory of a server without options: from the default file, as far as it can be read, else the usual one.

    None if there is no such place (`default_data`).
    """
    try:
        data = load(DEFAULT_FILE).get("data")
    except FileError:
        data = None
    return DEFAULT_FILE.parent / data if isinstance(data, str) else default_data()


def load(path: Path) -> dict[str, Any]:
    """The content of a configuration file as a table; raises `FileError`."""
    try:
        content = read_safely(path, max_bytes=MAX_BYTES + 1)
    except PermissionError as error:
        raise FileError(f"can't read {path}: {error.strerror}. The server's user must be able to read it.") from None
    except OSError as error:
        raise FileError(f"can't read {path}: {error.strerror}. Name another file.") from None
    if len(content) > MAX_BYTES:
        raise FileError(f"{path} has more than {MAX_BYTES} bytes, too large for a configuration: name another file.")
    return _parsed(path, content)


def _parsed(path: Path, content: bytes) -> dict[str, Any]:
    try:
        return tomllib.loads(content.decode())
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise FileError(f"{path}: line {line} is not UTF-8. Save the file as UTF-8.") from None
    except RecursionError:
        raise FileError(f"{path}: lists are nested too deeply. Write one list, as in deploy/lanchat.toml.") from None
    except ValueError as error:  # also raised for a number with thousands of digits
        raise FileError(f"{path} is not TOML: {visible(str(error), 200)}. Write lines such as: port = 5000") from None


def apply_table(options: OptionsWithFile, table: dict[str, Any], directory: Path) -> ErrorsByOption:
    """Set options from a table, with paths relative to `directory`; returns the errors by key, a line for each."""
    errors = {key: list(_set(options, key, value)) for key, value in table.items()}
    for key in table.keys() & option_names(options):
        if isinstance(options[key], Path):
            options[key] = directory / options[key]
    return {key: lines for key, lines in errors.items() if lines}


def _set(options: OptionsWithFile, key: str, value: Any) -> Iterator[str]:
    if key not in option_names(options):
        yield f"{_shown(key)}: unknown option; {_nearest(key, option_names(options))}"
    elif key == LIMIT_TABLE:
        yield from _table(options, value)
    elif key in options.longOpt:
        yield from _flag(options, key, value)
    else:
        yield from _values(options, key, value)


def _table(options: OptionsWithFile, value: Any) -> Iterator[str]:
    if not isinstance(value, dict):
        yield f"{LIMIT_TABLE}: {_kind(value)} is wrong here: write [{LIMIT_TABLE}], and below it lines such as packets = 200"
        return
    for name, number in value.items():
        where = f"{LIMIT_TABLE}.{_shown(name)}"
        if name not in LIMITS:
            meant = f"write {name} above [{LIMIT_TABLE}]" if name in option_names(options) else _nearest(name, LIMITS)
            yield f"{where}: unknown limit; {meant}"
        elif isinstance(number, bool) or not isinstance(number, (int, float, str)):
            yield f'{where}: {_kind(number)} is wrong here: write a number above 0, or "off"'
        else:
            yield from _set_option(options, LIMIT_TABLE, f"{name}={_text(number)}", where)


def _flag(options: OptionsWithFile, key: str, value: Any) -> Iterator[str]:
    if not isinstance(value, bool):
        yield f"{key}: {_kind(value)} is wrong here: write true or false"
    elif value:
        options.set_option(key)


def _values(options: OptionsWithFile, key: str, value: Any) -> Iterator[str]:
    several = isinstance(options[key], list)
    right = "a string, a number, or a list of these" if several else "a string"
    seen: set[str] = set()
    for one in value if several and isinstance(value, list) else [value]:
        if isinstance(one, bool) or not isinstance(one, (str, int)):
            yield f"{key}: {_kind(one)} is wrong here: write {right}"
        elif not (text := _text(one)) or not is_visible(text):
            yield f"{key}: {visible(repr(text), MAX_SHOWN)} is empty or has invisible characters: write {right}"
        elif text in seen:
            yield f"{key}: {_shown(text)} appears twice: write it once"
        else:
            seen.add(text)
            yield from _set_option(options, key, text, key)
            if isinstance(options[key], Path) and not isinstance(one, str):
                yield f"{key}: {_kind(one)} is wrong here: write the name of a file or directory, in quotes"


def _set_option(options: OptionsWithFile, key: str, text: str, where: str) -> Iterator[str]:
    try:
        options.set_option(key, text)
    except usage.UsageError as error:
        yield f"{where}: {visible(str(error).removeprefix(f'--{key} {text}: '), 300)}"


def _text(value: str | float) -> str:
    """A value as it would be on a command line. (Python refuses to write numbers of thousands of digits, except as hex.)"""
    return f"{hex(value)[:20]}..." if isinstance(value, int) and value.bit_length() > 64 else str(value)


def _shown(text: str) -> str:
    return visible(text, MAX_SHOWN)


def _kind(value: object) -> str:
    kinds = {bool: "true or false", int: "a number", float: "a number with a point", str: "a string", list: "a list"}
    return kinds.get(type(value), "a table" if isinstance(value, dict) else "a date or a time")


def _nearest(name: str, known: Iterable[str]) -> str:
    close = difflib.get_close_matches(name, known, 1, 0.5)
    return f"did you mean {close[0]}?" if close else f"there are {', '.join(sorted(known))}"
