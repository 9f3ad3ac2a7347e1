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
from lanchat.client import link_local
from lanchat.client.session import DEFAULT_TIMEOUT
from lanchat.protocol.packet import EVERYONE, MAX_MSG, is_visible, visible
from lanchat.protocol.typed_lines import TYPING_HELP, UnclearLine, parse_target
from lanchat.system.printing import Parser, path_argument
from lanchat.system.private_files import user_state_directory

DEFAULT_HOST, DEFAULT_PORT = "localhost", 5000
#: Characters in the name of a device, at most.
MAX_DEVICE = 32

ABOUT = "Chat on a lanchat server, at a terminal or from a script."
MORE = """\
at a terminal:
  TEXT                 send to the target in the prompt: at first the lobby, if the
                       server has one, or everyone
  @bob TEXT            send to bob only
  #ops TEXT            send to the room #ops; /join #ops enters it
  /to bob, /to #ops    change the target; /to alone: everyone
  /shout TEXT          send to everyone; this is not stored
  /say TEXT            send any text; //TEXT sends one that begins with a slash
  /edit                write several lines in $EDITOR
  /history #ops 20     show earlier messages
  /search WORDS        search earlier messages
  /more                show the rest of a long message, or the previous page
  /register, /login    make your name an account; log in (both ask for a password)
  /help, /list, ...    commands of the server; TAB completes commands, names and rooms
  /quit, Ctrl-D        leave; Ctrl-C clears the line, or leaves if it is empty;
                       Ctrl-Z suspends
  Your own message appears, with its time, once the server has accepted it. With
  TERM=dumb the client writes plain text only, without history and completion.

in a script (stdin or stdout is not a terminal):
  With --to or --text each line of stdin is sent as text: use one of them whenever
  others may have written what you pipe. Without them, lines work as at a terminal:
  /WORD is a command, and its answer is printed. Blank lines are skipped, and --to
  alone refuses lines that look like a command with a password.
  Messages that arrive meanwhile are printed with their time and sender. Use --quiet
  or --json if a program reads the output; arrivals and departures are printed with
  --json only. When stdin ends, lanchat waits for its acknowledgements and exits; a
  bot keeps stdin open, and is reconnected when the server goes away.

    echo "backup done" | lanchat chat.lan --name cron --to bob
    systemctl status nginx | lanchat chat.lan --name web --to '#ops' --block
    journalctl -f | lanchat chat.lan --name logs --to '#ops' --text
    echo /list | lanchat chat.lan --name cron --quiet
    echo /history '#ops' 20 | lanchat chat.lan --name cron --password-file ~/.cron
    tail -f /dev/null | lanchat chat.lan --name bot --json | ./bot

accounts:
  If you send with an account and the exit code is 0, the messages are on the
  server's disk. Messages to you while you are away are shown when you are back, once
  on each device (--dev). With --quiet they are left for another time, and so are
  messages that could not be printed: accepted by the terminal, file or pipe counts
  as printed. A password is never an argument: it is typed, or is the first line of
  --password-file, or a token from an earlier login takes its place. Neither is sent
  over a network without --tls.

exit codes:
  0  all went well      1  not delivered, not printed, refused, or disconnected by the server
  2  wrong options      3  could not connect

Colours are used at a terminal unless NO_COLOR is set. ~/.local/state/lanchat contains
the keys of servers met with --tls (known_servers), and tokens that log you in without
a password, if you chose that (tokens). A new server's key is trusted the first time; a
server that later shows another key is refused. Messages are not stored on this machine.
"""

#: What `/help` at a terminal tells besides the server's help.
TYPED_HELP = (
    f"{TYPING_HELP}; /edit writes several lines in your $EDITOR, and /edit TEXT changes your last message; "
    "/reply TEXT and /react TEXT answer the last message of others, and /withdraw takes back your last one; "
    "/more shows the rest of a long message, or the page before in /history or /search; /login, /register and /password "
    "ask for the password. Ctrl-C clears the line, or leaves if it is empty; Ctrl-Z suspends."
)


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
    parser.add_argument("--name", type=_name, default=None, help="your name in the chat (default: your login name)")
    parser.add_argument(
        "--to",
        type=_target,
        metavar="NAME",
        help="send to this user or #ROOM (default: everyone; at a terminal the lobby, if there is one)",
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
        parser.error("--block and --commands exclude each other: a message of several lines is not a command")
    options.text_only = options.text or options.block or (options.to is not None and not options.commands)
    options.to_lobby = options.to is None
    options.to = options.to or EVERYONE
    options.login = options.login or options.password_file is not None
    options.state = user_state_directory()


def _add_input(parser: argparse.ArgumentParser) -> None:
    lines = parser.add_mutually_exclusive_group()
    lines.add_argument("--text", action="store_true", help="in a script: send stdin as text, whatever its lines begin with")
    lines.add_argument("--commands", action="store_true", help="in a script, with --to: lines may also be commands")
    parser.add_argument(
        "--block", action="store_true", help=f"in a script: send all of stdin as one message, of up to {MAX_MSG} bytes"
    )


def _add_output(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="print packets as they arrive, one per line")
    parser.add_argument("--quiet", action="store_true", help="in a script: print answers to commands only")
    parser.add_argument(
        "--timeout",
        type=_seconds,
        default=DEFAULT_TIMEOUT,
        metavar="SECONDS",
        help=f"how long to wait for an acknowledgement, and in a script for a connection (default: {DEFAULT_TIMEOUT:.0f})",
    )
    parser.add_argument(
        "--bell",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="ring the bell for private messages and for your name (default: yes)",
    )


def _add_account(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--login", action="store_true", help="log in to the account with that name; asks for the password")
    parser.add_argument(
        "--password-file",
        type=path_argument,
        metavar="FILE",
        help="log in with the password in the first line of FILE, which only you may read",
    )
    parser.add_argument(
        "--keep-token", action="store_true", help="stay logged in on this machine, without asking: store a token"
    )
    parser.add_argument(
        "--dev",
        type=_device,
        default=_host_name(),
        metavar="NAME",
        help="a name for this device; each device gets the messages it missed (default: the name of this host)",
    )
    parser.add_argument(
        "--plaintext-passwords", action="store_true", help="send passwords even without TLS, where others may read them"
    )


def _add_tls(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--tls", action="store_true", help="use TLS; without --ca the server's key is remembered, as ssh does")
    known = parser.add_mutually_exclusive_group()
    known.add_argument(
        "--ca",
        type=path_argument,
        metavar="FILE",
        help=("trust certificates signed by these CAs (PEM) instead of a remembered key"),
    )
    known.add_argument("--fingerprint", type=_fingerprint, metavar="SHA256:...", help="trust only this key")
    parser.add_argument(
        "--cert", type=path_argument, metavar="FILE", help="your own certificate, with its key in the same file (PEM)"
    )


def _address(text: str) -> link_local.ServerAddress:
    try:
        host, port = address(text)
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"{visible(text)!r} is not HOST[:PORT]; write an IPv6 address with a port as [::1]:5000"
        ) from None
    if why := link_local.zone_error(host):
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
        raise argparse.ArgumentTypeError(f"{visible(text)!r} is neither a NAME nor a #ROOM")
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
    raise argparse.ArgumentTypeError(f"{visible(text, 40)!r} is not a number of seconds above 0, up to a day")


def _login_name(parser: argparse.ArgumentParser) -> str:
    try:
        return _name(getpass.getuser())
    except (OSError, KeyError, argparse.ArgumentTypeError):
        parser.error("give your name with --name")


def address(text: str) -> link_local.ServerAddress:
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
