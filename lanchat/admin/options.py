"""The options of the command `lanchat-admin`, and its help."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import get_args

from lanchat import __version__
from lanchat.commands.room_rights import RULES
from lanchat.config.config_file import DEFAULT_FILE, NO_HOME, configured_data
from lanchat.model.room_rules import RANKS
from lanchat.protocol.dates import parse_date
from lanchat.protocol.packet import visible
from lanchat.service.requests import RoleName
from lanchat.system.printing import Parser, path_argument

ABOUT = "Administer a lanchat server: accounts, rooms, backups and stored messages. Run it on the server's machine."
MORE = """\
Most commands work with and without a running server; `restore`, `new-epoch` and `salvage`
need the server to be stopped. Run it as the server's user, or with sudo:

    sudo lanchat-admin --data /var/lib/lanchat account add alice --role operator
    sudo lanchat-admin --data /var/lib/lanchat backup "/srv/backup/lanchat-$(date +%F)"

A password is never an argument: it is typed, or read from stdin (--password-stdin). A new one has at least 8 characters.

exit codes:
    0  done
    1  refused; not found, or exists already; some messages could not be exported,
       salvaged or printed; mistakes in a configuration
    2  wrong options
    3  the data is missing, damaged or in use; a disk failed; the server did not answer
  130  interrupted with Ctrl-C
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
        help=f"the server's data directory (default: {data or 'none'}, from {DEFAULT_FILE}, systemd or your environment)",
    )
    parser.add_argument(
        "--json",
        action="store_true",
        help=(
            "report the outcome as a line of JSON, for scripts: facts, or `error` and `text` (on stdout; on stderr if "
            "a backup or an export goes to stdout)"
        ),
    )
    parser.add_argument("--version", action="version", version=f"lanchat {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    _add_accounts(commands.add_parser("account", help="make, change, list and remove accounts"))
    _add_rooms(commands.add_parser("room", help="list rooms, give ranks in them, and change their rules"))
    _add_hooks(
        commands.add_parser("hook", help="make, change, list and remove webhooks, through which programs speak in rooms")
    )
    _add_files(commands.add_parser)
    _add_export(commands.add_parser)
    _add_purge(commands.add_parser)
    _add_say(commands.add_parser)
    _add_token(commands.add_parser)
    _add_configuration(commands.add_parser)
    options = parser.parse_args(arguments)
    if options.command == "account":
        options.command = options.account_command
    elif options.command in ("room", "hook"):
        options.command += f" {options.subcommand}"
    if options.data is None and options.command != "check-config":
        parser.error(NO_HOME)
    return options


def _add_accounts(parser: argparse.ArgumentParser) -> None:
    add = parser.add_subparsers(dest="account_command", required=True, metavar="COMMAND").add_parser
    added = add("add", help="make an account; a guest of that name is told and disconnected")
    added.add_argument("name", metavar="NAME")
    added.add_argument("--role", choices=_ROLES, default="user", help="the role (default: user)")
    added.add_argument("--force", action="store_true", help="even if the name looks like that of another account")
    changed = add("passwd", help="set a new password for an account; ends its sessions")
    changed.add_argument("name", metavar="NAME")
    for parser_ in (added, changed):
        parser_.add_argument("--password-stdin", action="store_true", help="read the password from a line of stdin")
    role = add("role", help="change the role of an account, with immediate effect")
    role.add_argument("name", metavar="NAME")
    role.add_argument("role", choices=_ROLES)
    add("list", help="list all accounts, with their roles and when they were last online")
    removed = add("remove", help="remove an account; its messages stay (`purge` erases them too)")
    removed.add_argument("name", metavar="NAME")


def _add_rooms(parser: argparse.ArgumentParser) -> None:
    add = parser.add_subparsers(dest="subcommand", required=True, metavar="COMMAND").add_parser
    add("list", help="list all rooms, with their members, messages, owners and rules")
    rank = add("rank", help="give an account a rank in a room, or take it away; also in a room without an owner")
    rank.add_argument("room", metavar="#ROOM", help="(in quotes, or without the #)")
    rank.add_argument("name", metavar="NAME")
    rank.add_argument("rank", choices=tuple(RANKS))
    rule = add("rule", help="change a rule of a room, as /rules does")
    rule.add_argument("room", metavar="#ROOM", help="(in quotes, or without the #)")
    rule.add_argument("rule", choices=tuple(RULES))
    rule.add_argument("value", metavar="VALUE", help="on or off; of topic operators or anyone, of limit a number or off")


def _add_hooks(parser: argparse.ArgumentParser) -> None:
    add = parser.add_subparsers(dest="subcommand", required=True, metavar="COMMAND").add_parser
    added = add("add", help="make a webhook for a room; prints its address (with --post its secret), which is not shown again")
    added.add_argument("name", metavar="NAME", help="the name under which it speaks; nobody else can have it")
    added.add_argument("--room", metavar="#ROOM", required=True, help="its room (in quotes, or without the #)")
    added.add_argument("--post", metavar="URL", help="post what is said in the room there, instead of taking posts")
    listed = add("list", help="list webhooks, with who made them and when they were used last")
    listed.add_argument("--room", metavar="#ROOM", help="only those of this room")
    for name, what in (
        ("rotate", "give a webhook a new address (or, with --post, a new secret), which is printed; the old one ends"),
        ("disable", "let a webhook take, or post, nothing until it is enabled again"),
        ("enable", "let a webhook take posts, or post, again"),
        ("remove", "remove a webhook; what it said stays"),
    ):
        add(name, help=what).add_argument("name", metavar="NAME")
    missed = add("undelivered", help="list the messages that a webhook with --post gave up posting")
    missed.add_argument("name", metavar="NAME")
    missed.add_argument("--forget", action="store_true", help="forget them")


def _add_files(add: _Adds) -> None:
    backup = add("backup", help="copy the whole database to a new file, and the files that users sent to FILE.files")
    backup.add_argument("file", type=_output, metavar="FILE", help="a new file (-: stdout; a copy is made in TMPDIR first)")
    restore = add("restore", help="replace the database, which is moved aside, by a backup; the server must be stopped")
    restore.add_argument("file", type=path_argument, metavar="FILE")
    restore.add_argument("--incomplete", action="store_true", help="even if files that users sent are missing or damaged in it")
    add("new-epoch", help="start a new epoch after restoring by other means; clients resynchronise")
    add("salvage", help="if there is no backup: make a new database from the readable parts of a damaged one, which is kept")
    check = add("check", help="check and count every page, message, row and file, and list the unusable ones")
    check.add_argument(
        "--mend", action="store_true", help="remove files that no message has, and rows of files without a message"
    )


def _add_export(add: _Adds) -> None:
    export = add("export", help="write messages as lines of JSON")
    export.add_argument("--room", metavar="#ROOM", help="only messages in this room")
    export.add_argument("--user", metavar="NAME", help="only messages by or to this user")
    export.add_argument(
        "--since",
        type=_time,
        metavar="TIME",
        help="only messages from this time on: 2026-11-20, or 2026-11-20T14:00+01:00 (without a zone, local time)",
    )
    export.add_argument("--until", type=_time, metavar="TIME", help="only messages before this time")
    export.add_argument("file", type=_output, nargs="?", metavar="FILE", help="a new file (default, and -: stdout)")


def _add_purge(add: _Adds) -> None:
    purge = add(
        "purge",
        help="erase an account and its messages forever; removed accounts too",
        description="Erase an account: its devices, tokens, memberships and messages, the reasons it gave for bans and mutes, "
        "and its name in messages that others sent to it alone. Topics that it may have set are erased too: those "
        "of rooms that "
        "it made or whose maker is gone, and of all rooms if it was a moderator. Messages of removed accounts of that name are "
        "erased as well, even if there is no account now. Not erased: messages of or to guests of that name, which may be "
        "somebody else; what others wrote about the account; names of rooms; older backups; what is on users' screens; and the "
        "system's log of arrivals and departures. While the file is rewritten at the end, new messages wait.",
    )
    purge.add_argument("name", metavar="USER")
    purge.add_argument("--yes", action="store_true", help="do not ask for confirmation")


def _add_say(add: _Adds) -> None:
    say = add("say", help="say something in a room, as the server; it is kept like any message there")
    say.add_argument("room", metavar="#ROOM", help="quote it, as a shell takes # for a comment")
    say.add_argument("text", metavar="TEXT", nargs="+")


def _add_token(add: _Adds) -> None:
    token = add(
        "token",
        help="make a token of an account, for programs that read streams or log in; it is shown once",
        description=(
            "Make a token, with which a program logs in to an account instead of with its password (docs/automation.md). With "
            "--json it is the member `token`. An account has at most 32; with one more, the oldest ends. A new password ends "
            "all of them, as --revoke does."
        ),
    )
    token.add_argument("name", metavar="NAME")
    token.add_argument("--revoke", action="store_true", help="make none, but end all tokens of the account, and its logins")


def _add_configuration(add: _Adds) -> None:
    check = add(
        "check-config",
        help="check whether a server would start with this configuration; opens and changes nothing",
        description=(
            "Check a configuration file, and the keys and certificates that it names, as at a start, and print every "
            "mistake. Run it as the server's user, who must be able to read them."
        ),
    )
    files = check.add_mutually_exclusive_group()
    files.add_argument("file", type=path_argument, nargs="?", metavar="FILE", help=f"(default: {DEFAULT_FILE})")
    files.add_argument("--config", type=path_argument, metavar="FILE", help="the same, written as for `twistd lanchat`")
    add("status", help="show the running server's version, ports and number of users")
    add("reload", help="make the running server reload limits, allowed networks, certificates and operators' keys")


def _output(text: str) -> Path | None:
    """The file to write to; None is stdout."""
    return None if text == "-" else path_argument(text)


def _time(text: str) -> int:
    """A time in milliseconds since the epoch; without a zone it is in this machine's."""
    try:
        return round(parse_date(text) * 1000)
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"{visible(text)!r} is not a time; write 2026-11-20, or 2026-11-20T14:00+01:00"
        ) from None
