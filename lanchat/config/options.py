"""The options of `twistd lanchat`, their defaults, and the conflicts between them."""

from __future__ import annotations

import math
import re
import select
import sys
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path

from twisted.internet.main import installReactor
from twisted.python import usage

from lanchat.config.config_file import NO_HOME, Conflict, OptionsWithFile, default_data, path_option
from lanchat.core.changes import EDIT_WITHIN
from lanchat.logs.server import parse_level
from lanchat.maintenance.removal import ENVELOPE
from lanchat.maintenance.retention import Rule, parse as parse_rule
from lanchat.model.room import parse_name as parse_room
from lanchat.model.room_rules import ACCOUNTS, ROOMS_BY
from lanchat.net import admission
from lanchat.net.endpoints import parse_port, shared
from lanchat.protocol.durations import parse_duration
from lanchat.protocol.errors import BadName, Usage
from lanchat.protocol.limits import LIMITS, Limits, format_value
from lanchat.protocol.packet import visible
from lanchat.protocol.spelling import caseless
from lanchat.service import process_stats
from lanchat.system.printing import print_text, run_command

DEFAULT_PORT = "5000"
#: The options that name ports to listen on.
PORTS = ("port", "tls", "telnet", "irc", "ircs", "http", "https", "manhole", "web")
#: The name of the server for IRC clients; how long it may be; and how many messages they are shown who enter a room.
IRC_NAME, MAX_IRC_NAME, IRC_HISTORY, MAX_IRC_HISTORY = "irc.lan", 63, 20, 200
#: Matches a host name (RFC 1123, 2.1).
_HOST_NAME = re.compile(r"(?=.{1,253}\Z)[A-Za-z0-9](?:[A-Za-z0-9-]{0,62})(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]{0,62}))*")

#: Matches the beginning of links: a host, perhaps a port and a path (RFC 3986, 3.2 and 3.3), nothing that links have after it.
_URL = re.compile(r"https?://[A-Za-z0-9.\-\[\]:]{1,253}(?:/[A-Za-z0-9._~/-]{0,100})?")


class Options(OptionsWithFile):
    """The options of `twistd lanchat`."""

    optFlags = (  # noqa: N815 (Twisted names it)
        ["ephemeral", None, "Store no messages: they are only relayed to users who are online."],
        ["accounts-only", None, "Admit users with an account only."],
        ["plaintext-passwords", None, "Accept passwords over unencrypted connections too."],
        ["log-json", None, "Log as lines of JSON."],
    )  # fmt: skip

    longdesc = (
        "A private chat server for a local network. PORT is a number (all addresses, IPv4 and IPv6), or a Twisted endpoint "
        "string such as tcp:5000:interface=192.168.1.7, taken as written. Options for ports may be given more than once. "
        f"For --retain, a stored message counts as the bytes of its text plus {ENVELOPE}. "
        "Limits, with their defaults: "
        + "; ".join(f"{name}={format_value(limit.default)} ({limit.unit})" for name, limit in LIMITS.items())
    )

    def __init__(self, directory: Path | None = None, file: Path | None = None) -> None:
        super().__init__(directory, file)
        self["port"], self["tls"], self["telnet"], self["manhole"] = [], [], [], []
        self["tls-key"] = self["tls-cert"] = self["tls-client-ca"] = None
        self["manhole-keys"] = None
        self["web"], self["http"], self["https"], self["http-name"] = [], [], [], []
        self["files-url"] = ""
        self["irc"], self["ircs"], self["irc-name"], self["irc-history"] = [], [], IRC_NAME, IRC_HISTORY
        self["data"] = None
        self["limit"], self["allow"] = [], []
        self["retain"], self["lobby"], self["rooms-by"] = [], None, ACCOUNTS
        self["log-level"], self["edit-within"] = None, EDIT_WITHIN

    def opt_port(self, port: str) -> None:
        """Listen for JSON clients on this port. [default: 5000, unless --tls is given]"""
        self["port"] += parse_port(port)

    def opt_tls(self, port: str) -> None:
        """Listen for JSON clients over TLS on this port. [default: off]"""
        self["tls"] += parse_port(port)

    def opt_tls_key(self, file: str) -> None:
        """The private key for TLS (PEM); key and certificate are read again when they change. [default: created]"""
        self["tls-key"] = path_option("tls-key", file)

    def opt_tls_cert(self, file: str) -> None:
        """The certificate for TLS, followed by its chain (PEM). [default: created, signed by a CA in --data]"""
        self["tls-cert"] = path_option("tls-cert", file)

    def opt_tls_client_ca(self, file: str) -> None:
        """Over TLS, accept only clients with a certificate from this CA, which gives them their name. [default: none]"""
        self["tls-client-ca"] = path_option("tls-client-ca", file)

    def opt_telnet(self, port: str) -> None:
        """Listen for telnet and nc (plain text) on this port. [default: off]"""
        self["telnet"] += parse_port(port)

    def opt_irc(self, port: str) -> None:
        """Listen for IRC clients on this port. [default: off]"""
        self["irc"] += parse_port(port)

    def opt_ircs(self, port: str) -> None:
        """Listen for IRC clients over TLS on this port, with the certificate of --tls. [default: off]"""
        self["ircs"] += parse_port(port)

    def opt_irc_name(self, name: str) -> None:
        """The name of this server for IRC clients, with a dot in it. [default: irc.lan]"""
        if _HOST_NAME.fullmatch(name) is None or "." not in name or len(name) > MAX_IRC_NAME:
            raise usage.UsageError(f"--irc-name {visible(name, 100)}: write a name with a dot in it, such as irc.lan.")
        self["irc-name"] = name

    def opt_irc_history(self, number: str) -> None:
        """How many messages of a room an IRC client is shown that enters it and can't ask for them. [default: 20]"""
        if not (number.isascii() and number.isdigit() and int(number[:9]) <= MAX_IRC_HISTORY):
            raise usage.UsageError(f"--irc-history {visible(number, 40)}: write a number from 0 to {MAX_IRC_HISTORY}.")
        self["irc-history"] = int(number)

    def opt_http(self, port: str) -> None:
        """Serve the chat page, files, webhooks and streams on this port. [default: off]"""
        self["http"] += parse_port(port)

    def opt_https(self, port: str) -> None:
        """Serve the same over TLS on this port, with the certificate of --tls. [default: off]"""
        self["https"] += parse_port(port)

    def opt_http_name(self, name: str) -> None:
        """One more host name under which browsers reach the page, such as chat.lan. [default: localhost and this machine's]"""
        if _HOST_NAME.fullmatch(name) is None:
            raise usage.UsageError(f"--http-name {visible(name, 100)}: write a host name, without a port, such as chat.lan.")
        self["http-name"].append(name)

    def opt_files_url(self, url: str) -> None:
        """The beginning of links to files, such as https://chat.lan behind a proxy. [default: the address that readers use]"""
        if _URL.fullmatch(url) is None:
            raise usage.UsageError(
                f"--files-url {visible(url, 100)}: write http:// or https:// and a host, as in https://chat.lan."
            )
        self["files-url"] = url.rstrip("/")

    def opt_manhole(self, port: str) -> None:
        """Listen for operators (a Python prompt over SSH); a number means loopback only. [default: off]"""
        self["manhole"] += parse_port(port, loopback=True)

    def opt_manhole_keys(self, file: str) -> None:
        """The public keys that may log in to the manhole, as in authorized_keys. [default: none]"""
        self["manhole-keys"] = path_option("manhole-keys", file)

    def opt_web(self, port: str) -> None:
        """Serve status pages over HTTP: /healthz, /readyz, /metrics; a number means loopback only. [default: off]"""
        self["web"] += parse_port(port, loopback=True)

    def opt_limit(self, limit: str) -> None:
        """Change a limit with NAME=VALUE, or remove it with NAME=off. [defaults: below]"""
        name, _, value = limit.partition("=")
        try:
            Limits().set(name, value)
        except ValueError as error:
            raise usage.UsageError(f"--limit {limit}: {error}.") from None
        self["limit"].append((name, value))

    def opt_allow(self, network: str) -> None:
        """Accept connections from this network only; `any` means everyone. [default: loopback and private networks]"""
        try:
            admission.parse_networks([network])
        except ValueError as error:
            raise usage.UsageError(f"--allow {network}: {error}. Write a network such as 192.168.0.0/16, or any.") from None
        self["allow"].append(network)

    def opt_retain(self, rule: str) -> None:
        """How long (90d) or how much (2G) to keep, overall or per room (#ops=30d). [default: everything, forever]"""
        try:
            self["retain"].append(parse_rule(rule))
        except ValueError as error:
            raise usage.UsageError(f"--retain {rule}: {error}") from None

    def opt_lobby(self, room: str) -> None:
        """A room that everyone is in, such as #lobby. [default: none]"""
        try:
            self["lobby"] = parse_room(room)
        except BadName as error:
            raise usage.UsageError(f"--lobby {room}: {error}") from None

    def opt_rooms_by(self, who: str) -> None:
        """Who makes rooms: accounts, operators, or anyone, by joining a room that is not there. [default: accounts]"""
        if who not in ROOMS_BY:
            raise usage.UsageError(f"--rooms-by {visible(who, 40)}: write {', '.join(ROOMS_BY)}.")
        self["rooms-by"] = who

    def opt_edit_within(self, time: str) -> None:
        """For how long users may edit and withdraw what they said: 15m, 2h, 7d, or off for no end. [default: 1d]"""
        try:
            self["edit-within"] = math.inf if time == "off" else parse_duration(time) or EDIT_WITHIN
        except Usage:
            raise usage.UsageError(f"--edit-within {time}: write 30s, 15m, 2h or 7d, or off for no end.") from None

    def opt_log_level(self, level: str) -> None:
        """The lowest level to log: debug, info, warn, error or critical. [default: info]"""
        try:
            parse_level(level)
        except ValueError as error:
            raise usage.UsageError(f"--log-level {level}: {error}.") from None
        self["log-level"] = level

    def opt_data(self, directory: str) -> None:
        """The data directory. [default: $STATE_DIRECTORY, else lanchat in your state home]"""
        self["data"] = path_option("data", directory)

    def opt_version(self) -> None:
        """Show the versions of lanchat, Twisted and Python, and exit."""
        raise SystemExit(run_command("twistd lanchat", lambda: print_text(process_stats.versions())))

    def opt_help(self) -> None:
        """Show this help, and exit."""
        raise SystemExit(run_command("twistd lanchat", lambda: print_text(str(self))))

    def parseArgs(self, *words: str) -> None:
        """Refuse arguments that are not options; raises `UsageError`."""
        if words:
            right = "Write --NAME VALUE, such as --port 5000; on/off options, such as --ephemeral, take no value."
            raise usage.UsageError(f"{visible(words[0], 100)!r} belongs to no option. {right}")

    def set_defaults(self) -> None:
        """Set the defaults, and install our reactor."""
        install_reactor()
        if self["data"] is None:
            self["data"] = default_data()
        if not self["port"] and not self["tls"]:
            self.opt_port(DEFAULT_PORT)

    def conflicts(self) -> Iterator[Conflict]:
        """The options that are wrong together: for each conflict the options, and a line of text that says what to do."""
        if self["data"] is None:
            yield Conflict({"data"}, NO_HOME)
        if (self["tls-key"] is None) != (self["tls-cert"] is None):
            text = "--tls-key and --tls-cert belong together: give both, or neither."
            yield Conflict({"tls-key", "tls-cert"}, text)
        over_tls = self["tls"] or self["https"] or self["ircs"]
        if not over_tls and (self["tls-key"] or self["tls-cert"] or self["tls-client-ca"]):
            text = "--tls-key, --tls-cert and --tls-client-ca need --tls PORT, --ircs PORT or --https PORT."
            yield Conflict({"tls", "ircs", "https"}, text)
        if self["http-name"] and not self["http"] and not self["https"]:
            yield Conflict({"http", "https"}, "--http-name needs --http PORT or --https PORT.")
        if self["files-url"] and not self["http"] and not self["https"]:
            yield Conflict({"http", "https"}, "--files-url needs --http PORT or --https PORT.")
        if self["ephemeral"] and self["retain"]:
            text = "--ephemeral stores no messages, so --retain has no effect: leave one of them out."
            yield Conflict({"ephemeral", "retain"}, text)
        yield from self._retain_conflicts()
        if self["manhole"] and self["manhole-keys"] is None:
            yield Conflict({"manhole-keys"}, "--manhole needs --manhole-keys FILE, the public keys that may log in.")
        if self["manhole-keys"] is not None and not self["manhole"]:
            yield Conflict({"manhole"}, "--manhole-keys needs --manhole PORT.")
        yield from self._shared_ports()

    def _retain_conflicts(self) -> Iterator[Conflict]:
        kept_rooms = {
            caseless(rule.room) for rule in self["retain"] if rule.room is not None and rule == Rule(rule.room, None, None)
        }
        for rule in self["retain"]:
            if rule.room is not None and caseless(rule.room) in kept_rooms and rule != Rule(rule.room, None, None):
                text = (
                    f"--retain {rule.room}=off keeps everything in that room, but another rule does not: leave one of them out."
                )
                yield Conflict({"retain"}, text)

    def _shared_ports(self) -> Iterator[Conflict]:
        found: dict[str, Conflict] = {}
        ports = [(name, port) for name in PORTS for port in self[name]]
        for (one, port), (other, other_port) in combinations(ports, 2):
            if what := shared(port, other_port):
                text = f"--{one} and --{other} can't both use {what}: give each its own port."
                if one == other:
                    text = f"--{one} can't use {what} twice: leave one of them out."
                found[text] = Conflict({one, other}, text)
        yield from found.values()


def install_reactor() -> None:
    """Install our reactor in this process, unless `--reactor` chose one or the system has no epoll."""
    if "twisted.internet.reactor" not in sys.modules and hasattr(select, "epoll"):
        from lanchat.net.reactor import Reactor  # noqa: PLC0415 (it can be imported only where there is epoll)

        installReactor(Reactor())
