"""The options of the command `lanchat`, and its help."""

from __future__ import annotations

import argparse
import contextlib
import getpass
import re
import socket
import sys
from collections.abc import Sequence

from lanchat import __version__
from lanchat.client import zones
from lanchat.client.session import DEFAULT_TIMEOUT
from lanchat.protocol.packet import EVERYONE, MAX_MSG, is_visible, visible
from lanchat.protocol.typed_lines import UnclearLine, parse_target
from lanchat.system.printing import Parser, path_argument
from lanchat.system.private_files import user_state_directory

DEFAULT_HOST, DEFAULT_PORT = "localhost", 5000
#: Characters in the name of a device, at most.
MAX_DEVICE = 32

ABOUT = "Talk with the people on a lanchat server, at a terminal or from a script."
MORE = """\
at a terminal:
  TEXT                 say it to the target in the prompt: everyone, at first
  @bob TEXT            say it to bob alone
  #ops TEXT            say it in the room #ops; /join #ops enters it
  /to bob, /to #ops    make that the target; /to alone: everyone again
  /say TEXT            say any text; //TEXT says one that begins with a slash
  /edit                write several lines in $EDITOR
  /history #ops 20     what was said
  /search WORDS        where these words were said
  /more                the rest of a long message, or the page before
  /register, /login    make your name an account; log in (both ask for a password)
  /help, /list, ...    ask the server; TAB completes commands, names and rooms
  /quit, Ctrl-D        leave; Ctrl-C empties the line, and leaves when it is empty; Ctrl-Z suspends
  What you say is shown with its time once it has arrived. With TERM=dumb nothing
  but text is written, and there are no history and no completion.

in a script (stdin or stdout is not a terminal):
  With --to or --text each line of stdin is text, and is said as it is: use one of
  them wherever others may have written what you pipe. Without, lines are as at a
  terminal: /WORD is a command, and its answer is printed as it is. Blank lines are
  left out, and --to alone refuses what looks like a command with a password.
  Messages that come in meanwhile are printed with their time and sender, unless --quiet: use that, or
  --json, where a program reads the output. Arrivals and goings are printed with
  --json only. When stdin ends, lanchat waits for its acknowledgements and ends;
  a bot keeps stdin open, and is reconnected when the server goes away.

    echo "backup done" | lanchat chat.lan --name cron --to bob
    systemctl status nginx | lanchat chat.lan --name web --to '#ops' --block
    journalctl -f | lanchat chat.lan --name logs --to '#ops' --text
    echo /list | lanchat chat.lan --name cron --quiet
    echo /history '#ops' 20 | lanchat chat.lan --name cron --password-file ~/.cron
    tail -f /dev/null | lanchat chat.lan --name bot --json | ./bot

accounts:
  What you say with an account, and exit code 0, is on the server's disk. What is
  said to you while you are away is shown when you are back, on each device (--dev)
  once; with --quiet it is left for another time, and so is what could not be
  printed. Printed is what the terminal, file or pipe has taken. A password is never
  an argument: it is typed, or the first line of --password-file, or there is a
  token from an earlier login. Neither goes over a network without --tls.

exit codes:
  0  all went well      1  not delivered, not printed, refused, or sent away by the server
  2  wrong options      3  could not connect

Colours are used at a terminal unless NO_COLOR is set. In ~/.local/state/lanchat
are kept: the keys of servers met with --tls (known_servers), which are believed the
first time, and a server that comes with another is refused; and (tokens) what logs
you in without a password, if you wanted that. Messages are not kept on this machine.
"""


def read(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Parse the arguments; wrong ones end the program with a usage message."""
    parser = Parser("lanchat", description=ABOUT, epilog=MORE, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "server",
        nargs="?",
        type=_address,
        default=(DEFAULT_HOST, DEFAULT_PORT),
        metavar="HOST[:PORT]",
        help="the server; an IPv6 address with a port is [::1]:5000 or [fe80::1%%eth0]:5000 "
        f"(default: {DEFAULT_HOST}:{DEFAULT_PORT})",
    )
    parser.add_argument("--name", type=_name, default=None, help="the name to be known by (default: your login name)")
    parser.add_argument(
        "--to",
        type=_target,
        metavar="NAME",
        help="a user or a #ROOM that lines are said to (default: everyone; at a terminal the lobby, if there is one)",
    )
    _add_input(parser)
    _add_output(parser)
    _add_account(parser)
    _add_tls(parser)
    parser.add_argument("--version", action="version", version=f"lanchat {__version__}")
    words = sys.argv[1:] if arguments is None else list(arguments)
    if words[-1:] == ["--"]:  # a last `--` only says that no options follow
        words.pop()
    options = parser.parse_args(words)
    _complete(options, parser)
    return options


def _complete(options: argparse.Namespace, parser: argparse.ArgumentParser) -> None:
    """Fill in what follows from other options; contradictions are usage errors."""
    if options.name is None:
        options.name = _login_name(parser)
    if not options.tls and any((options.ca, options.fingerprint, options.cert)):
        parser.error("--ca, --fingerprint and --cert need --tls")
    if options.block and options.commands:
        parser.error("--block: a message of several lines is no command")
    options.text_only = options.text or options.block or (options.to is not None and not options.commands)
    options.to_lobby = options.to is None
    options.to = options.to or EVERYONE
    options.login = options.login or options.password_file is not None
    options.state = user_state_directory()


def _add_input(parser: argparse.ArgumentParser) -> None:
    lines = parser.add_mutually_exclusive_group()
    lines.add_argument("--text", action="store_true", help="in a script: stdin is text, whatever its lines begin with")
    lines.add_argument("--commands", action="store_true", help="in a script, with --to: lines may be commands all the same")
    parser.add_argument(
        "--block", action="store_true", help=f"in a script: all of stdin is one message, of up to {MAX_MSG} bytes"
    )


def _add_output(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="print packets as they come, one on a line")
    parser.add_argument("--quiet", action="store_true", help="in a script: print answers to commands only")
    parser.add_argument(
        "--timeout",
        type=_seconds,
        default=DEFAULT_TIMEOUT,
        metavar="SECONDS",
        help=f"how long an acknowledgement may take, and a script tries to get in (default: {DEFAULT_TIMEOUT:.0f})",
    )
    parser.add_argument(
        "--bell",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="ring for private messages, and for your name (default: yes)",
    )


def _add_account(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--login", action="store_true", help="log in to the account of that name; asks for the password")
    parser.add_argument(
        "--password-file",
        type=path_argument,
        metavar="FILE",
        help="log in with the first line of a file that only you may read",
    )
    parser.add_argument(
        "--keep-token", action="store_true", help="keep what the server gives to log in without a password, without asking"
    )
    parser.add_argument(
        "--dev",
        type=_device,
        default=_host_name(),
        metavar="NAME",
        help="this device, of those on which you read; each is shown what it missed (default: the name of this host)",
    )
    parser.add_argument(
        "--plaintext-passwords", action="store_true", help="send passwords without TLS too, where others may read them"
    )


def _add_tls(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--tls", action="store_true", help="the port speaks TLS; without --ca its key is remembered, as ssh does"
    )
    known = parser.add_mutually_exclusive_group()
    known.add_argument(
        "--ca", type=path_argument, metavar="FILE", help="believe the certificates of these authorities (PEM), and no key"
    )
    known.add_argument("--fingerprint", type=_fingerprint, metavar="SHA256:...", help="believe this key, and no other")
    parser.add_argument(
        "--cert", type=path_argument, metavar="FILE", help="your own certificate, with its key in the same file (PEM)"
    )


def _address(text: str) -> zones.ServerAddress:
    try:
        host, port = address(text)
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"{visible(text)!r} is no HOST[:PORT]; an IPv6 address with a port is [::1]:5000"
        ) from None
    if why := zones.zone_error(host):
        raise argparse.ArgumentTypeError(visible(why))
    return host, port


def _name(text: str) -> str:
    """Check a name roughly: only what would break the handshake is refused here, the server decides the rest."""
    name = text.strip()
    if not is_visible(name) or "{" in name or not name:
        raise argparse.ArgumentTypeError(f"{visible(text)!r} can't be a name")
    return name


def _target(text: str) -> str:
    try:
        name = parse_target(text)
    except UnclearLine:
        name = ""
    if not name or not text.strip():
        raise argparse.ArgumentTypeError(f"{visible(text)!r} is no NAME and no #ROOM")
    return name


def _device(text: str) -> str:
    """Check the name of a device by the server's rules."""
    if not is_visible(text) or not 0 < len(text) <= MAX_DEVICE:
        raise argparse.ArgumentTypeError(f"the name of a device has 1 to {MAX_DEVICE} characters")
    return text


def _host_name() -> str:
    """The name of this host without its domain; "lanchat" if it is not printable."""
    name = socket.gethostname().partition(".")[0][:MAX_DEVICE]
    return name if name.isprintable() and name else "lanchat"


def _fingerprint(text: str) -> str:
    """Check a fingerprint, in the form in which the server logs it; the padding of base64 is optional."""
    if not re.fullmatch(r"SHA256:[A-Za-z0-9+/]{43}=?", text):
        raise argparse.ArgumentTypeError("a fingerprint is SHA256: and 43 letters and digits, as in the server's log")
    return text.rstrip("=")


def _seconds(text: str) -> float:
    with contextlib.suppress(ValueError):
        if 0 < (seconds := float(text)) < 86400:
            return seconds
    raise argparse.ArgumentTypeError(f"{visible(text, 40)!r} is no number of seconds above 0, up to a day")


def _login_name(parser: argparse.ArgumentParser) -> str:
    try:
        return _name(getpass.getuser())
    except (OSError, KeyError, argparse.ArgumentTypeError):
        parser.error("say who you are with --name")


def address(text: str) -> zones.ServerAddress:
    """The host and port in `HOST`, `HOST:PORT`, `[::1]:PORT` or a bare IPv6 address; raises `ValueError`."""
    host, port = text, ""
    if text.startswith("["):
        host, _, port = text[1:].partition("]")
        if port and not port.startswith(":"):
            raise ValueError(text)
        port = port[1:]
    elif text.count(":") == 1:
        host, _, port = text.partition(":")
    number = int(port) if port else DEFAULT_PORT
    if not text or not 0 < number < 65536 or text.endswith(":"):
        raise ValueError(text)
    return host or DEFAULT_HOST, number
