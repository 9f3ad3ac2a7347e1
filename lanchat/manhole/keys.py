"""Keys: the file that says who may enter, and the server's own host keys. It reads and makes files, and knows no network."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable, Iterable
from hashlib import sha256
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from twisted.conch.checkers import IAuthorizedKeysDB
from twisted.conch.ssh.keys import Key
from zope.interface import implementer

from lanchat.safekeeping import Refused, check_directory, keep, read_safely

#: The types of keys that may be listed: none whose signatures are made with SHA-1 alone.
TYPES = ("ssh-ed25519", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521", "ssh-rsa")
#: Bits of an RSA key: of one that is listed at least, and of the one that is made here.
MIN_RSA, HOST_RSA = 2048, 3072

#: The host keys: a name for the file, what conch calls the type, and how one is made.
HOST_KEYS: tuple[tuple[str, str, Callable[[], Any]], ...] = (
    ("ed25519", "Ed25519", ed25519.Ed25519PrivateKey.generate),
    ("ecdsa", "EC", lambda: ec.generate_private_key(ec.SECP256R1())),
    ("rsa", "RSA", lambda: rsa.generate_private_key(65537, HOST_RSA)),
)


@implementer(IAuthorizedKeysDB)
class Listed:
    """The keys that may enter. The name that somebody logs in with is a label: the key decides."""

    def __init__(self, keys: Iterable[Key]) -> None:
        #: As they are now.
        self.keys = tuple(keys)

    def getAuthorizedKeys(self, username: bytes) -> tuple[Key, ...]:
        """The same for every name."""
        return self.keys


def authorized(path: Path) -> list[Key]:
    """The keys in a file in the format of authorized_keys; raises `Refused`."""
    text = _read(path, secret=False).decode("utf-8", "replace")
    lines = [(f"{path}, line {n}", line.strip()) for n, line in enumerate(text.split("\n"), 1)]
    for where, line in lines:
        _check_one_line(line, where)
    keys = [_public(line, where) for where, line in lines if line and not line.startswith("#")]
    if not keys:
        raise Refused(f"there is no key in {path}: put a line of a .pub file there for each operator.")
    return keys


def host_keys(directory: Path) -> list[Key]:
    """The server's own keys, of all types, made on the first occasion; raises `Refused`."""
    try:
        directory.mkdir(0o700, parents=True, exist_ok=True)
        check_directory(directory)
        for name, _, make in HOST_KEYS:
            if not (path := _host_file(directory, name)).exists():
                keep(path, make().private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()))
        return made_host_keys(directory)
    except OSError as error:
        raise Refused(f"can't keep host keys in {directory}: {error.strerror}.") from None


def made_host_keys(directory: Path) -> list[Key]:
    """Those of the server's own keys that were made already; raises `Refused`."""
    files = [(_host_file(directory, name), kind) for name, kind, _ in HOST_KEYS]
    return [_host_key(path, kind) for path, kind in files if path.exists()]


def fingerprint(key: Key) -> str:
    """As `ssh-keygen -l` shows it."""
    return "SHA256:" + b64encode(sha256(key.public().blob()).digest()).decode().rstrip("=")


def _check_one_line(line: str, where: str) -> None:
    """Refuse a line that an editor may show as two: a key that is seen there as one of its own would be part of a comment."""
    if len(line.splitlines()) > 1:
        raise Refused(f"{where}: there is a character in it that some programs take for the end of a line. Remove it.")


def _public(line: str, where: str) -> Key:
    kind = line.split(maxsplit=1)[0]
    if kind not in TYPES:
        # An option is a restriction as a rule, so to pass over it would let more in than was meant.
        raise Refused(f"{where}: a line must begin with {', '.join(TYPES[:-1])} or {TYPES[-1]}; options are not supported.")
    key = _parsed(line.encode(), where, type="public_openssh")
    if key.sshType() != kind.encode():
        raise Refused(f"{where}: that is not the {kind} key it says it is.")
    if key.type() == "RSA" and key.size() < MIN_RSA:
        raise Refused(f"{where}: an RSA key has at least {MIN_RSA} bits, and this one has {key.size()}.")
    return key


def _host_file(directory: Path, name: str) -> Path:
    return directory / f"ssh_host_{name}_key"


def _host_key(path: Path, kind: str) -> Key:
    key = _parsed(_read(path, secret=True), str(path))
    if key.isPublic() or key.type() != kind:
        raise Refused(f"{path} is no private key of the type {kind}. Remove it, and a new one is made.")
    return key


def _parsed(content: bytes, where: str, **how: Any) -> Key:
    try:
        key: Key = Key.fromString(content, **how)
    except Exception:  # noqa: BLE001 (conch raises whatever the bytes lead it to)
        raise Refused(f"{where}: that is no key that can be used; perhaps a part of it is missing.") from None
    return key


def _read(path: Path, secret: bool) -> bytes:
    """The bytes of a file that nobody else can change; raises `Refused`."""
    try:
        return read_safely(path, secret=secret)
    except (FileNotFoundError, IsADirectoryError):
        raise Refused(f"can't read {path}: there is no such file.") from None
    except OSError as error:
        raise Refused(f"can't read {path}: {error.strerror}.") from None
