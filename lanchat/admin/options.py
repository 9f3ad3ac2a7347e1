"""The options of the command `lanchat-admin`, and its help."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import get_args

from lanchat import __version__
from lanchat.config.config_file import DEFAULT_FILE, NO_HOME, configured_data
from lanchat.protocol.dates import parse_date
from lanchat.protocol.packet import visible
from lanchat.service.requests import RoleName
from lanchat.system.printing import Parser, path_argument

ABOUT = "Look after a lanchat server: its accounts, its backups, and what it keeps. Run it on the server's machine."
MORE = """\
It does its work while the server runs, and while it does not; `restore`, `new-epoch` and
`salvage` need it to be stopped. Run it as the user that the server runs as, or with sudo:

    sudo lanchat-admin --data /var/lib/lanchat account add alice --role operator
    sudo lanchat-admin --data /var/lib/lanchat backup "/srv/backup/lanchat-$(date +%F)"

A password is never an argument: it is typed, or a line of stdin (--password-stdin). A new one has at least 8 characters.

exit codes:
    0  it is done
    1  it was refused; something was not found, or is there already; not all could be exported,
       salvaged or printed; a configuration has mistakes
    2  the options are wrong
    3  what the server keeps is not there, damaged, or in use; a disk failed; no answer came
  130  somebody pressed Ctrl-C
"""

_ROLES = get_args(RoleName)
_Adds = Callable[..., argparse.ArgumentParser]


def read(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Parse the arguments; `command` is the name of the command. Wrong ones end the program with a usage message."""
    parser = Parser("lanchat-admin", description=ABOUT, epilog=MORE, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--data",
        type=path_argument,
        default=(data := configured_data()),
        metavar="DIR",
        help=f"where the server keeps all (default: {data or 'none'}, as {DEFAULT_FILE}, systemd or your environment says)",
    )
    parser.add_argument(
        "--json",
        action="store_true",
        help="say how it ended as a line of JSON, for scripts: what was done, or `error` and `text` "
        "(on stdout; on stderr when a backup or an export goes to stdout)",
    )
    parser.add_argument("--version", action="version", version=f"lanchat {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    _add_accounts(commands.add_parser("account", help="make, change, list and remove accounts"))
    _add_files(commands.add_parser)
    _add_export(commands.add_parser)
    _add_purge(commands.add_parser)
    _add_configuration(commands.add_parser)
    options = parser.parse_args(arguments)
    if options.command == "account":
        options.command = options.account_command
    if options.data is None and options.command != "check-config":
        parser.error(NO_HOME)
    return options


def _add_accounts(parser: argparse.ArgumentParser) -> None:
    add = parser.add_subparsers(dest="account_command", required=True, metavar="COMMAND").add_parser
    added = add("add", help="make an account; a guest of that name is told, and closed")
    added.add_argument("name", metavar="NAME")
    added.add_argument("--role", choices=_ROLES, default="user", help="what it may do (default: user)")
    added.add_argument("--force", action="store_true", help="even if the name looks like another account's")
    changed = add("passwd", help="give an account another password; whoever is logged in with it is closed")
    changed.add_argument("name", metavar="NAME")
    for parser_ in (added, changed):
        parser_.add_argument("--password-stdin", action="store_true", help="read the password from a line of stdin")
    role = add("role", help="let an account do more, or less, at once")
    role.add_argument("name", metavar="NAME")
    role.add_argument("role", choices=_ROLES)
    add("list", help="all accounts, with their roles and when they were last there")
    removed = add("remove", help="remove an account; what was said with it stays (`purge` erases it too)")
    removed.add_argument("name", metavar="NAME")


def _add_files(add: _Adds) -> None:
    backup = add("backup", help="copy all that is kept to a new file, while the server runs or not")
    backup.add_argument("file", type=_output, metavar="FILE", help="a new file (-: stdout; a copy is made in TMPDIR first)")
    restore = add("restore", help="put a backup in the place of what is kept, which is moved aside; the server must not run")
    restore.add_argument("file", type=path_argument, metavar="FILE")
    add("new-epoch", help="go on with a log that lacks its end; clients are told that their places are worth nothing")
    add("salvage", help="without a backup: go on with what can be read of a damaged database, which is kept")
    add("check", help="see that every page, message and row can be used, count them, and name those that can't")


def _add_export(add: _Adds) -> None:
    export = add("export", help="write messages as lines of JSON")
    export.add_argument("--room", metavar="#ROOM", help="only what was said there")
    export.add_argument("--user", metavar="NAME", help="only what was said by, or to, this user")
    export.add_argument(
        "--since",
        type=_time,
        metavar="TIME",
        help="2026-11-20, or 2026-11-20T14:00+01:00, and what came after (without a zone, the time of this machine)",
    )
    export.add_argument("--until", type=_time, metavar="TIME", help="only what came before")
    export.add_argument("file", type=_output, nargs="?", metavar="FILE", help="a new file (default, and -: stdout)")


def _add_purge(add: _Adds) -> None:
    purge = add(
        "purge",
        help="erase an account with all that was said with it, for good; a removed one too",
        description="Erase an account: its devices, its tokens, where it belongs, what it said, why it banned or muted others, "
        "and its name where others said something to it alone. Topics go that it may have set: of rooms that it made or whose "
        "maker is gone; of all rooms, if it was a moderator. What accounts of that name said that were removed before goes, "
        "too; there need be no account any more. What guests of that name said, or were told, stays: a guest's name may be "
        "anybody's. What others wrote about it, names of rooms, older backups, what users have on their screens, and the "
        "system's log of who came and went are not touched either. While the file is rewritten, at the end, messages wait.",
    )
    purge.add_argument("name", metavar="USER")
    purge.add_argument("--yes", action="store_true", help="do not ask whether that is meant")


def _add_configuration(add: _Adds) -> None:
    check = add(
        "check-config",
        help="see that a server would start with this configuration; nothing is opened or changed",
        description="Check a configuration file, and the keys and certificates that it names, as a start would, and print "
        "every mistake. Run it as the user that the server runs as, who must be able to read them.",
    )
    files = check.add_mutually_exclusive_group()
    files.add_argument("file", type=path_argument, nargs="?", metavar="FILE", help=f"(default: {DEFAULT_FILE})")
    files.add_argument("--config", type=path_argument, metavar="FILE", help="the same, written as for `twistd lanchat`")
    add("status", help="how the server is that runs: version, ports, how many are online")
    add("reload", help="let a server that runs read again its limits, who may connect, certificates, and operators' keys")


def _output(text: str) -> Path | None:
    """The file to write to; None is stdout."""
    return None if text == "-" else path_argument(text)


def _time(text: str) -> int:
    """A time in milliseconds since the epoch; without a zone it is in this machine's."""
    try:
        return round(parse_date(text) * 1000)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{visible(text)!r} is no time; write 2026-11-20, or 2026-11-20T14:00+01:00") from None
