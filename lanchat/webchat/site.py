"""Site: what all requests for the chat page are answered from."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, NamedTuple

from cryptography.hazmat.primitives.hashes import SHA256

from lanchat.net.certificates import read_certificates
from lanchat.system.private_files import FileError
from lanchat.webchat.files import File, Files, make_file
from lanchat.webchat.hosts import Hosts

#: Where trust.html has the fingerprint of the authority.
FINGERPRINT = b"<!-- fingerprint -->"


class Site(NamedTuple):
    """What the requests are answered from."""

    files: Files
    hosts: Hosts
    #: What the page should know of the server, as JSON (`/server.json`).
    facts: Callable[[], dict[str, Any]]
    #: The certificate of the server's own authority (`/ca.pem`), and the page on how to trust it; None if it has none.
    authority: Callable[[], tuple[bytes, File] | None]


def make_site(names: Iterable[str], *, plaintext: bool, https_ports: Callable[[], list[int]], authority: Path | None) -> Site:
    """What all ports of the chat page have in common.

    `names` are those of `--http-name`; `plaintext` says that passwords are accepted without TLS; `https_ports` returns the
    ports on which the page is served over TLS; `authority` is the file with the certificate of the server's own authority, if
    it has one.
    """
    files = Files()

    def facts() -> dict[str, Any]:
        return {"build": files.build, "https": https_ports(), "plaintext": plaintext, "ca": authority is not None}

    def read_authority() -> tuple[bytes, File] | None:
        if authority is None:
            return None
        try:
            return authority.read_bytes(), _trust_page(files, authority)
        except (OSError, FileError):
            return None

    return Site(files, Hosts(names), facts, read_authority)


def _trust_page(files: Files, authority: Path) -> File:
    """The page on how to trust the authority, with the fingerprint of its certificate as browsers and systems show it."""
    digest = read_certificates(authority)[0].fingerprint(SHA256()).hex(":").upper()
    page = files.get("/trust.html")
    return make_file("trust.html", b"" if page is None else page.body.replace(FINGERPRINT, digest.encode()))
