"""The options of the command `lanchat-stress`, and its help."""

from __future__ import annotations

import importlib.util
import ipaddress
import math
import os
import re
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

from twisted.python import usage

from lanchat import __version__
from lanchat.client import link_local
from lanchat.protocol.packet import visible
from lanchat.system.printing import print_text
from lanchat.terminal import options as client

#: Open files of a worker process that are not connections of its users.
FILES_RESERVED = 64
#: Most actions of a user per second: the server allows 200 packets.
MAX_RATE = 100.0
#: The same for an unframed user, who can be sent 100 packets a second, answers and messages together.
MAX_UNFRAMED_RATE = 20.0


def _number(name: str, most: float, what: str = "number", least: float = 0.0) -> Callable[[str], float]:
    """A parser for the value of `--name`: a number above `least`, up to `most`."""

    def read(text: str) -> float:
        try:
            found = float(text)
        except ValueError:
            found = math.nan
        if not least < found <= most:
            raise usage.UsageError(f"--{name} {visible(text)}: that is not a {what} above {max(0.0, least):g}, up to {most:g}.")
        return found

    return read


def _seconds(name: str) -> Callable[[str], float]:
    return _number(name, 86400, "number of seconds")


def _count(name: str, most: int = 1_000_000) -> Callable[[str], int]:
    """A parser for the value of `--name`: a whole number above 0, up to `most`."""

    def read(text: str) -> int:
        found = int(text) if text.isascii() and text.isdigit() else 0
        if not 0 < found <= most:
            raise usage.UsageError(f"--{name} {visible(text)}: that is not a whole number above 0, up to {most}.")
        return found

    return read


class Load(usage.Options):
    """The options that every kind of load has."""

    optFlags = [  # noqa: N815, RUF012 (its name and type in Twisted)
        ["tls", None, "Use TLS. On this machine the server's key is verified only with --ca or --fingerprint."],
        ["insecure", None, "With --tls: do not verify the key of a server on another machine."],
        ["unframed", None, "Behave like the first clients: no newlines, and packets arrive 10 ms apart."],
        ["json", None, "Print one JSON object instead of the table."],
    ]
    optParameters = [  # noqa: N815, RUF012 (its name and type in Twisted)
        ["server", "s", "localhost:5000", "The server, HOST[:PORT].", str],
        ["i-own", None, None, "HOST again, if it is not this machine: confirms that the server is yours.", str],
        ["ca", None, None, "With --tls: trust certificates signed by these CAs (PEM).", str],
        ["fingerprint", None, None, "With --tls: trust this key, SHA256:..., as shown in the server's log.", str],
        ["processes", None, None, "Worker processes. [default: one for each core, at least 2]", _count("processes", 64)],
        [
            "opens",
            None,
            None,
            "Connections opened per second. [default: 200; 50 to another machine]",
            _number("opens", 10_000),
        ],
        [
            "max-latency",
            None,
            None,
            "Bound for the 99th percentile, in milliseconds. [default: 1000]",
            _number("max-latency", 3_600_000),
        ],
        [
            "max-errors",
            None,
            0.0,
            "Percent of messages and commands that may fail.",
            _number("max-errors", 100, "percentage", -1e-9),
        ],
        [
            "patience",
            None,
            10.0,
            "Seconds after which a missing answer or welcome counts as lost.",
            _seconds("patience"),
        ],
        [
            "pid",
            None,
            None,
            "The server's process id on this machine, to show its CPU time and memory.",
            _count("pid", 2**22),
        ],
        ["plot", None, None, "Draw the latencies to this file (PNG). Needs: pip install 'lanchat[plot]'.", str],
    ]
    #: The name of the subcommand.
    kind = ""
    #: The default of --max-latency, in milliseconds.
    usual_latency = 1000.0

    @property
    def users(self) -> int:
        """The largest number of users that will be online."""
        return int(self["bots"])

    def opt_version(self) -> None:
        """Print the version, and exit."""
        _show_version()

    def getSynopsis(self) -> str:
        """The first line of the help."""
        return f"Usage: lanchat-stress {self.kind} [options]"

    def parseArgs(self, *arguments: str) -> None:
        """Raise `UsageError` for an argument: there are only options."""
        if arguments:
            raise usage.UsageError(
                f"unexpected argument {visible(arguments[0], 100)!r}. Name the server with --server HOST[:PORT]."
            )

    def postOptions(self) -> None:
        """Check options that depend on each other, and fill in defaults; raises `UsageError`."""
        try:
            self["host"], self["port"] = client.address(self["server"])
        except ValueError:
            raise usage.UsageError(f"--server {visible(self['server'])}: that is not HOST[:PORT].") from None
        if why := link_local.zone_error(self["host"]):
            raise usage.UsageError(f"--server: {visible(why)}.")
        self["addresses"] = _addresses(self["host"], self["port"])
        self["loopback"] = all(ipaddress.ip_address(address.partition("%")[0]).is_loopback for _, address in self["addresses"])
        self._check_owner()
        self._check_tls()
        self._check_rate()
        _check_plot(self["plot"])
        if self["pid"] is not None and not (Path("/proc") / str(self["pid"]) / "stat").exists():
            raise usage.UsageError(f"--pid {self['pid']}: there is no such process in /proc.")
        self["max-latency"] = self["max-latency"] or self.usual_latency
        self["opens"] = self["opens"] or (200.0 if self["loopback"] else 50.0)
        self["processes"] = self["processes"] or max(2, os.cpu_count() or 2)

    def _check_owner(self) -> None:
        host, owned = self["host"], self["i-own"]
        if not self["loopback"] and (owned or "").lower() != host.lower():
            shown = visible(host, 100)
            raise usage.UsageError(f"{shown} is not this machine. If that server is yours, confirm it with --i-own {shown}.")

    def _check_tls(self) -> None:
        chosen = [name for name in ("ca", "fingerprint", "insecure") if self[name]]
        if chosen and not self["tls"]:
            raise usage.UsageError(f"--{chosen[0]} needs --tls.")
        if len(chosen) > 1:
            raise usage.UsageError(f"--{chosen[0]} and --{chosen[1]} exclude each other.")
        if self["tls"] and not chosen and not self["loopback"]:
            raise usage.UsageError(
                "--tls needs to know which server to trust. Add --ca FILE, --fingerprint SHA256:... or --insecure."
            )
        if self["fingerprint"] and not re.fullmatch(r"SHA256:[A-Za-z0-9+/]{43}=?", self["fingerprint"]):
            raise usage.UsageError("a fingerprint is SHA256: and 43 letters and digits, as in the server's log.")

    def _check_rate(self) -> None:
        if self["unframed"] and self.get("rate", 0) > MAX_UNFRAMED_RATE:
            raise usage.UsageError(
                f"--rate is at most {MAX_UNFRAMED_RATE:g} with --unframed, because packets arrive 10 ms apart."
            )


class Stress(Load):
    """The options of `stress`: random users who talk, use commands, leave and come back, for a while."""

    kind = "stress"
    longdesc = "Random users chat with each other and with everyone, use commands, leave and come back, for a given time."
    optParameters = [  # noqa: N815, RUF012 (its name and type in Twisted)
        ["bots", "b", 50, "Users.", _count("bots")],
        ["for", None, 30.0, "Seconds.", _seconds("for")],
        ["rate", None, 1.0, "Actions of each user per second.", _number("rate", MAX_RATE)],
    ]


class Breakpoint(Load):
    """The options of `breakpoint`: more and more users, until a limit is exceeded."""

    kind = "breakpoint"
    longdesc = "More and more users chat, step by step, until a bound is exceeded; then reports which limit was reached."
    optParameters = [  # noqa: N815, RUF012 (its name and type in Twisted)
        ["to", None, 19_000, "Maximum number of users.", _count("to")],
        ["step", None, 500, "Users added by each step.", _count("step")],
        ["hold", None, 5.0, "Duration of each step, in seconds.", _seconds("hold")],
        ["rate", None, 0.1, "Messages of each user per second.", _number("rate", MAX_RATE)],
    ]

    @property
    def users(self) -> int:
        """The largest number of users that will be online."""
        return int(self["to"])


class Storm(Load):
    """The options of `storm`: all users connect at once."""

    kind = "storm"
    longdesc = "All users connect at the same moment, as after a restart. The bound for the welcome is 10000 ms by default."
    usual_latency = 10_000.0
    optParameters = [["bots", "b", 1000, "Users.", _count("bots")]]  # noqa: N815, RUF012 (its name and type in Twisted)


class Options(usage.Options):
    """The command line: one subcommand for each kind of load."""

    synopsis = "Usage: lanchat-stress {stress|breakpoint|storm} [options]"
    longdesc = (
        "Load tests for your own lanchat server. `lanchat-stress stress --help` lists the options. Exit codes: 0 "
        "all within bounds; 1 the server lost something or exceeded a bound; 2 wrong options; 3 no connection; 4 "
        "the load tool itself was the limit, or failed; 130 interrupted."
    )
    subCommands = [  # noqa: N815, RUF012 (its name and type in Twisted)
        ["stress", None, Stress, "Random users, for a given time."],
        ["breakpoint", None, Breakpoint, "More and more users, until a limit is reached."],
        ["storm", None, Storm, "All connect at once."],
    ]

    def opt_version(self) -> None:
        """Print the version, and exit."""
        _show_version()

    def postOptions(self) -> None:
        """Raise `UsageError` if there is no subcommand."""
        if self.subCommand is None:
            raise usage.UsageError("which test? Choose stress, breakpoint or storm; see --help.")


def _show_version() -> None:
    print_text(f"lanchat-stress {__version__}")
    raise SystemExit(0)


def _addresses(host: str, port: int) -> list[tuple[int, str]]:
    """The addresses of a host, IPv4 first, as only there a machine has many loopback addresses. Raises `UsageError`."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        why = getattr(error, "strerror", None) or "that is not a valid host name"
        raise usage.UsageError(f"can't find {visible(host, 100)}: {why}.") from None
    return sorted(((family, _host(address)) for family, _, _, _, address in found), key=lambda at: at[0] != socket.AF_INET)


def _host(address: tuple[Any, ...]) -> str:
    """The host of a socket address; for a link-local IPv6 address with the number of its interface."""
    host, _, *more = address
    return f"{host}%{more[1]}" if more and more[1] else str(host)


def _check_plot(file: str | None) -> None:
    """Check before the load, which may take long, that a plot can be made; raises `UsageError`."""
    if file is None:
        return
    if importlib.util.find_spec("matplotlib") is None:
        raise usage.UsageError("--plot needs matplotlib: pip install 'lanchat[plot]'.")
    path = Path(file)
    if path.suffix.lower() != ".png" or not os.access(path.parent, os.W_OK):
        raise usage.UsageError(f"--plot {visible(file, 200)}: give a file name that ends in .png, in a writable folder.")
