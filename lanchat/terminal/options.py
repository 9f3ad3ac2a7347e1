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
from lanchat.protocol.typed_lines import UnclearLine, parse_target
from lanchat.system.printing import Parser, path_argument
from lanchat.system.private_files import user_state_directory
from lanchat.terminal.help_texts import ABOUT, MORE

DEFAULT_HOST, DEFAULT_PORT = "localhost", 5000
#: Characters in the name of a device, at most.
MAX_DEVICE = 32


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
    _add_files(parser)
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
    if options.send and options.to is None:
        parser.error("--send needs --to NAME or --to '#ROOM'")
    if options.send and (options.block or options.commands or options.text):
        parser.error(
            "--send does not read stdin, so --text, --commands and --block are not for it; --caption is the text of a file"
        )
    if options.caption and not options.send:
        parser.error("--caption needs --send FILE")
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


def _add_files(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--send",
        type=path_argument,
        action="append",
        default=[],
        metavar="FILE",
        help="send this file, and end; may be repeated",
    )
    parser.add_argument("--caption", default="", metavar="TEXT", help="with --send: a text that goes with each file")
    parser.add_argument(
        "--files-host",
        action="append",
        default=[],
        metavar="HOST",
        help="the server's files may also be on this host, as behind a proxy; may be repeated",
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
