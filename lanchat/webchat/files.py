"""Files: what browsers are sent, read into memory at the start, with the headers that go with it."""

from __future__ import annotations

import gzip
import hashlib
import re
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

TYPES = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".json": "application/json",
    ".svg": "image/svg+xml",
    ".webmanifest": "application/manifest+json",
    ".txt": "text/plain; charset=utf-8",
}
STATIC = Path(__file__).parent / "static"
#: What a page may load and do: only what comes from this server, and no text becomes markup or script (CSP level 3, Trusted
#: Types). There is no `upgrade-insecure-requests`: with plain HTTP in a local network nothing would load.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; "
    "media-src 'self' data:; manifest-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'; trusted-types 'none'"
)
#: Headers of every answer, and those of documents besides; a script or a style has none of its own to keep.
COMMON_HEADERS = {"X-Content-Type-Options": "nosniff", "Cross-Origin-Resource-Policy": "same-origin"}
DOCUMENT_HEADERS = {"Content-Security-Policy": POLICY, "X-Frame-Options": "DENY", "Referrer-Policy": "no-referrer"}
#: Where index.html has the build, and where it names the modules that are loaded at once (not those that it may never need).
BUILD, MODULES = b"<!-- build -->", b"<!-- modules -->"
#: Matches what imports a module when it is loaded.
_IMPORT = re.compile(rb"""^(?:import|export)\b[^;]*?["'](\.[^"']+)["']""", re.MULTILINE)
#: Matches in Accept-Encoding that gzip is wanted (RFC 9110, 12.5.3).
_GZIP = re.compile(r"(?:^|,)\s*(?:x-)?(?:gzip|\*)\s*(?:;\s*q=(?!0(?:\.0*)?\s*(?:,|$))[0-9.]+\s*)?(?=,|$)", re.IGNORECASE)


class File(NamedTuple):
    """A file as it is sent: the body, plain and compressed."""

    body: bytes
    compressed: bytes
    content_type: str
    #: Changes with the content; it stands in quotes in the header ETag (RFC 9110, 8.8.3).
    tag: str

    def answer(self, accept_encoding: str) -> tuple[bytes, str, Mapping[str, str]]:
        """The body, its tag and its headers, for what the browser accepts."""
        headers = {"Content-Type": self.content_type, "Cache-Control": "no-cache", "Vary": "Accept-Encoding", **COMMON_HEADERS}
        if self.content_type == TYPES[".html"]:
            headers |= DOCUMENT_HEADERS
        if len(self.compressed) < len(self.body) and _GZIP.search(accept_encoding):
            return self.compressed, f"{self.tag}-gzip", {**headers, "Content-Encoding": "gzip"}
        return self.body, self.tag, headers


def make_file(name: str, body: bytes) -> File:
    """A file with this content; the end of its name says of what type it is."""
    kind = TYPES[Path(name).suffix]
    return File(body, gzip.compress(body, 9, mtime=0), kind, hashlib.sha256(body).hexdigest()[:16])


class Files:
    """The files of the chat page, by their path (`/` is index.html)."""

    def __init__(self) -> None:
        contents = {
            f"/{path.relative_to(STATIC).as_posix()}": path.read_bytes() for path in STATIC.rglob("*") if path.suffix in TYPES
        }
        everything = b"".join(b"%b\0%b\0" % (name.encode(), contents[name]) for name in sorted(contents))
        #: Changes with any of the files; a page compares it with its own to know that there is a newer one.
        self.build = hashlib.sha256(everything).hexdigest()[:16]
        index = contents.pop("/index.html").replace(BUILD, f'<meta name="build" content="{self.build}">'.encode())
        links = "".join(f'<link rel="modulepreload" href="{name}">' for name in _modules(contents, "/app.js"))
        contents["/"] = index.replace(MODULES, links.encode())
        self._files = {name: make_file("index.html" if name == "/" else name, body) for name, body in contents.items()}

    def get(self, path: str) -> File | None:
        """The file at a path; None if there is none. Paths are only looked up, and never lead to the disk."""
        return self._files.get(path)


def _modules(contents: Mapping[str, bytes], first: str) -> list[str]:
    """The paths of all modules that a module needs to run, itself included, in the order in which they are found."""
    found = [first] if first in contents else []
    for path in found:
        folder = path.rpartition("/")[0]
        for match in _IMPORT.finditer(contents[path]):
            name = match[1].decode().removeprefix("./")
            imported = f"{folder}/{name}"
            if imported in contents and imported not in found:
                found.append(imported)
    return found
