"""The file of the keys that may log in, and the server's own host keys. It reads and makes files, and knows no network."""

from __future__ import annotations

import fnmatch
import ipaddress
import re
from base64 import b64encode
from collections.abc import Callable, Iterable
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from twisted.conch.checkers import IAuthorizedKeysDB
from twisted.conch.ssh.keys import Key
from zope.interface import implementer

from lanchat.protocol.packet import visible
from lanchat.system.private_files import FileError, check_directory, read_safely, write_private

#: The types of keys that may be listed: none that sign only with SHA-1. Those with `sk-` are in hardware.
KEY_TYPES = (
    "ssh-ed25519",
    "sk-ssh-ed25519@openssh.com",
    "ecdsa-sha2-nistp256",
    "ecdsa-sha2-nistp384",
    "ecdsa-sha2-nistp521",
    "sk-ecdsa-sha2-nistp256@openssh.com",
    "ssh-rsa",
)
#: Bits of an RSA key: the least of a listed key, and those of the host key that is made here.
MIN_RSA_BITS, HOST_RSA_BITS = 2048, 3072

#: The host keys: part of the file name, conch's name of the type, and how one is made.
HOST_KEYS: tuple[tuple[str, str, Callable[[], Any]], ...] = (
    ("ed25519", "Ed25519", ed25519.Ed25519PrivateKey.generate),
    ("ecdsa", "EC", lambda: ec.generate_private_key(ec.SECP256R1())),
    ("rsa", "RSA", lambda: rsa.generate_private_key(65537, HOST_RSA_BITS)),
)


#: Options before a key, separated by commas, with values in quotes (sshd(8), "AUTHORIZED_KEYS FILE FORMAT").
_OPTIONS = re.compile(r'((?:[^\s"]|"(?:[^"\\]|\\.)*")+)\s+(.*)')
_OPTION = re.compile(r'([A-Za-z0-9-]+)(?:="((?:[^"\\]|\\.)*)")?(?:,|$)')
#: Options without effect: what they forbid is never allowed here.
IGNORED_OPTIONS = frozenset({"no-port-forwarding", "no-agent-forwarding", "no-x11-forwarding", "no-user-rc"})
#: An address, a network, or a pattern of addresses; "!" negates it.
_SOURCE = re.compile(r"!?(?:[0-9a-f.:*?]+|[0-9a-f.:]+/[0-9]{1,3})", re.IGNORECASE)


class AuthorizedKey(NamedTuple):
    """A key that may log in, and the restrictions of its line."""

    key: Key
    #: The addresses from which it may log in, as in `from=`; () for any.
    sources: tuple[str, ...] = ()
    #: Whether it may have a prompt in a terminal; if not, only commands and scripts.
    terminal: bool = True
    #: For a key in hardware: whether it must be touched, and whether the user must be verified (by a PIN or finger).
    touch_required: bool = True
    user_verification_required: bool = False

    def allows(self, address: str) -> bool:
        """Whether it may log in from this address."""
        denied = [source[1:] for source in self.sources if source.startswith("!")]
        allowed = [source for source in self.sources if not source.startswith("!")]
        found = any(_matches(source, address) for source in allowed)
        return not self.sources or (found and not any(_matches(source, address) for source in denied))


@implementer(IAuthorizedKeysDB)
class AuthorizedKeys:
    """The keys that may log in. The name with which somebody logs in is only a label."""

    def __init__(self, entries: Iterable[AuthorizedKey]) -> None:
        #: The present entries; a reload replaces them.
        self.entries = tuple(entries)

    def getAuthorizedKeys(self, username: bytes) -> tuple[Key, ...]:
        """All keys, whatever the name (`IAuthorizedKeysDB`)."""
        return tuple(entry.key for entry in self.entries)

    def find(self, blob: bytes) -> AuthorizedKey | None:
        """The entry of a key, which is given in its wire format (RFC 4253, 6.6); None if it is not listed."""
        return next((entry for entry in self.entries if entry.key.blob() == blob), None)


def read_authorized_keys(path: Path) -> list[AuthorizedKey]:
    """The keys in a file in the format of authorized_keys; raises `FileError`."""
    text = _read(path, secret=False).decode("utf-8", "replace")
    lines = [(f"{path}, line {n}", line.strip()) for n, line in enumerate(text.split("\n"), 1)]
    for where, line in lines:
        _check_one_line(line, where)
    entries: dict[bytes, AuthorizedKey] = {}
    for where, line in lines:
        if line and not line.startswith("#"):
            entry = _parse_line(line, where)
            if entry.key.blob() in entries:  # it would be unclear which line holds
                raise FileError(f"{where}: that key is listed twice. Delete one of the two lines.")
            entries[entry.key.blob()] = entry
    if not entries:
        raise FileError(f"{path} contains no key: add a line of a .pub file for each operator.")
    return list(entries.values())


def host_keys(directory: Path) -> list[Key]:
    """The server's own keys, of all types; missing ones are made. Raises `FileError`."""
    try:
        directory.mkdir(0o700, parents=True, exist_ok=True)
        check_directory(directory)
        for name, _, make in HOST_KEYS:
            if not (path := _host_file(directory, name)).exists():
                write_private(path, make().private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()))
        return existing_host_keys(directory)
    except OSError as error:
        raise FileError(f"can't store host keys in {directory}: {error.strerror}.") from None


def existing_host_keys(directory: Path) -> list[Key]:
    """The server's own keys that exist already; raises `FileError`."""
    files = [(_host_file(directory, name), kind) for name, kind, _ in HOST_KEYS]
    return [_read_host_key(path, kind) for path, kind in files if path.exists()]


def fingerprint(key: Key) -> str:
    """The fingerprint of a key, as `ssh-keygen -l` shows it."""
    return "SHA256:" + b64encode(sha256(key.public().blob()).digest()).decode().rstrip("=")


def _check_one_line(line: str, where: str) -> None:
    """Refuse a line that an editor may show as two: a key that is on its own line there would be in a comment here."""
    if len(line.splitlines()) > 1:
        raise FileError(f"{where}: it contains a character that some programs treat as the end of a line. Delete it.")


def _parse_line(line: str, where: str) -> AuthorizedKey:
    if line.split(maxsplit=1)[0] in KEY_TYPES:
        return AuthorizedKey(_parse_public_key(line, where))
    found = _OPTIONS.fullmatch(line)
    if found is None or not found[2].startswith(tuple(f"{kind} " for kind in KEY_TYPES)):
        raise FileError(
            f"{where}: a line is options, if there are any, and a key: {', '.join(KEY_TYPES[:-1])} or {KEY_TYPES[-1]}."
        )
    return _with_options(AuthorizedKey(_parse_public_key(found[2], where)), found[1], where)


def _with_options(entry: AuthorizedKey, options: str, where: str) -> AuthorizedKey:
    """The entry with its options. An unknown one is refused: ignoring a restriction would allow more than was meant."""
    at = 0
    while at < len(options):
        option = _OPTION.match(options, at)
        name, value = (option[1].lower(), option[2]) if option else ("", None)
        if option is None or (value is not None) != (name == "from"):
            raise FileError(f'{where}: {visible(options, 60)} are not options; write them as in restrict,from="10.0.0.0/8".')
        at = option.end()
        if name == "from" and entry.sources:
            raise FileError(f"{where}: from= appears twice. Write one, with commas in it.")
        if name == "from":
            entry = entry._replace(sources=_sources(str(value), where))
        elif name in ("restrict", "no-pty", "pty"):
            entry = entry._replace(terminal=name == "pty")
        elif name == "no-touch-required":
            entry = entry._replace(touch_required=False)
        elif name == "verify-required":
            entry = entry._replace(user_verification_required=True)
        elif name not in IGNORED_OPTIONS:
            known = ["from", "restrict", "pty", "no-pty", "verify-required", "no-touch-required", *sorted(IGNORED_OPTIONS)]
            raise FileError(f"{where}: the option {visible(name, 40)} is not supported; there are {', '.join(known)}.")
    return entry


def _sources(value: str, where: str) -> tuple[str, ...]:
    sources = tuple(source.strip() for source in value.split(","))
    for source in sources:
        try:
            right = _SOURCE.fullmatch(source) is not None
            if not set(source) & set("*?"):
                ipaddress.ip_network(source.lstrip("!"), strict=False)
        except ValueError:
            right = False
        if not right:
            told = visible(source, 60)
            raise FileError(f"{where}: from= takes addresses, networks and patterns such as 10.1.*, not {told!r}.")
    return sources


def _matches(source: str, address: str) -> bool:
    if set(source) & set("*?"):
        return fnmatch.fnmatchcase(address.lower(), source.lower())
    return ipaddress.ip_address(address.partition("%")[0]) in ipaddress.ip_network(source, strict=False)


def _parse_public_key(line: str, where: str) -> Key:
    kind = line.split(maxsplit=1)[0]
    key = _parse_key(line.encode(), where, type="public_openssh")
    if key.sshType() != kind.encode():
        raise FileError(f"{where}: the key is not of the type {kind} as stated.")
    if key.type() == "RSA" and key.size() < MIN_RSA_BITS:
        raise FileError(f"{where}: an RSA key needs at least {MIN_RSA_BITS} bits, but this one has {key.size()}.")
    return key


def _host_file(directory: Path, name: str) -> Path:
    return directory / f"ssh_host_{name}_key"


def _read_host_key(path: Path, kind: str) -> Key:
    key = _parse_key(_read(path, secret=True), str(path))
    if key.isPublic() or key.type() != kind:
        raise FileError(f"{path} is not a private key of the type {kind}. Delete it, and a new one will be made.")
    return key


def _parse_key(content: bytes, where: str, **how: Any) -> Key:
    try:
        key: Key = Key.fromString(content, **how)
    except Exception:  # noqa: BLE001 (conch raises errors of any kind for bad bytes)
        raise FileError(f"{where}: the key can't be used; perhaps a part of it is missing.") from None
    return key


def _read(path: Path, secret: bool) -> bytes:
    """The bytes of a file that no other user can change; raises `FileError`."""
    try:
        return read_safely(path, secret=secret)
    except (FileNotFoundError, IsADirectoryError):
        raise FileError(f"can't read {path}: there is no such file.") from None
    except OSError as error:
        raise FileError(f"can't read {path}: {error.strerror}.") from None
