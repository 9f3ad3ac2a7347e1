"""Site: what all requests for the chat page are answered from."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, NamedTuple

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding

from lanchat.net.certificates import read_certificates
from lanchat.system.private_files import FileError
from lanchat.webchat.files import File, Files, make_file
from lanchat.webchat.hosts import Hosts

#: Where the page on how to trust the server has the fingerprint of its authority.
FINGERPRINT = b"<!-- fingerprint -->"


class Authority(NamedTuple):
    """The server's own authority, as browsers get it."""

    #: Its certificate (`/ca.pem`).
    certificate: bytes
    #: The page on how to trust it, with its fingerprint (`/trust`).
    page: File


class Site(NamedTuple):
    """What the requests are answered from."""

    files: Files
    hosts: Hosts
    #: What the page should know of the server, as JSON (`/server.json`).
    facts: Callable[[], dict[str, Any]]
    #: The server's own authority; None if it has none.
    authority: Callable[[], Authority | None]


def make_site(names: Iterable[str], *, plaintext: bool, https_ports: Callable[[], list[int]], authority: Path | None) -> Site:
    """What all ports of the chat page have in common.

    `names` are those of `--http-name`; `plaintext` says that passwords are accepted without TLS; `https_ports` returns the
    ports on which the page is served over TLS; `authority` is the file with the certificate of the server's own authority, if
    it has one.
    """
    files = Files()

    def facts() -> dict[str, Any]:
        return {"build": files.build, "https": https_ports(), "plaintext": plaintext, "ca": authority is not None}

    found = None if authority is None else AuthorityFile(authority, files.trust)
    return Site(files, Hosts(names), facts, (lambda: None) if found is None else found.read)


class AuthorityFile:
    """The certificate of the authority, read once and again when the file has changed."""

    def __init__(self, path: Path, page: bytes) -> None:
        """`page` is the page on how to trust it, with a place for the fingerprint."""
        self._path, self._template = path, page
        self._modified = -1
        self._authority: Authority | None = None

    def read(self) -> Authority | None:
        """The authority; None if the file can't be read."""
        try:
            if (modified := self._path.stat().st_mtime_ns) != self._modified:
                self._authority, self._modified = self._load(), modified
        except (OSError, FileError):
            return None
        return self._authority

    def _load(self) -> Authority:
        certificate = read_certificates(self._path)[0]
        shown = certificate.fingerprint(SHA256()).hex(":").upper()  # as browsers and systems show it
        page = make_file("trust.html", self._template.replace(FINGERPRINT, shown.encode()))
        return Authority(certificate.public_bytes(Encoding.PEM), page)
