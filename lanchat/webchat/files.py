"""Files: what browsers are sent, read into memory at the start, with the headers that go with it."""

from __future__ import annotations

import gzip
import hashlib
import html
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from lanchat.webchat.bundle import bundle

TYPES = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript",  # (modules are always UTF-8)
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
#: Where index.html has the build and the languages; and the module that it loads.
META, FIRST = b"<!-- meta -->", "/app.js"
#: Matches the weight of a coding that is not wanted (RFC 9110, 12.4.2).
_REFUSED = re.compile(r"\s*q\s*=\s*0(?:\.0*)?\s*", re.IGNORECASE)
#: Match what scripts and styles are sent without: comments on lines of their own, behind the end of a statement, and that tell
#: a type; then indentation and empty lines. (What looks so in a text of the page would be lost, too.)
_COMMENT = re.compile(
    rb"^[ \t]*(?:/\*(?:(?!\*/).)*\*/|//[^\n]*)[ \t]*\n|(?<=[;{]) +// [^\n]*|/\*\* @(?:(?!\*/).)*\*/ ?", re.DOTALL | re.MULTILINE
)
_INDENTATION = re.compile(rb"^\s+", re.MULTILINE)
#: Matches the end of a line behind a statement or a brace, where no comment can be.
_LINE_END = re.compile(rb"^([^/\n]*[;{])\n", re.MULTILINE)
#: Matches blanks that mean nothing in a style; and an import of another style.
_STYLE_BLANKS = re.compile(rb"(?<=[:;,{}])\s+|\s+(?=[{}])")
_STYLE_IMPORT = re.compile(rb'^@import "\./([\w-]+\.css)";\n', re.MULTILINE)


#: Matches the key of a text in a script, or how keys begin that are made there.
_TEXT_KEY = re.compile(r'(["`])([a-z]+\.[\w.]*)')


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
        if len(self.compressed) < len(self.body) and accepts_gzip(accept_encoding):
            return self.compressed, f"{self.tag}-gzip", {**headers, "Content-Encoding": "gzip"}
        return self.body, self.tag, headers


def make_file(name: str, body: bytes) -> File:
    """A file with this content; the end of its name says of what type it is."""
    kind = TYPES[Path(name).suffix]
    return File(body, gzip.compress(body, 9, mtime=0), kind, hashlib.sha256(body).hexdigest()[:16])


def accepts_gzip(accept_encoding: str) -> bool:
    """Whether a header Accept-Encoding wants gzip (RFC 9110, 12.5.3); without one, nothing is compressed."""
    weights: dict[str, str] = {}
    for item in accept_encoding.split(","):
        coding, _, weight = item.partition(";")
        weights[coding.strip().lower()] = weight
    named = next((coding for coding in ("gzip", "x-gzip", "*") if coding in weights), None)
    return named is not None and _REFUSED.fullmatch(weights[named]) is None


def join_styles(contents: Mapping[str, bytes], path: str) -> bytes:
    """A style together with those of its folder that it imports, which a browser would fetch one after another."""
    folder = path.rpartition("/")[0]
    joined = _STYLE_IMPORT.sub(lambda match: contents[f"{folder}/{match[1].decode()}"], contents[path])
    return _STYLE_BLANKS.sub(b"", joined)


def shortened(content: bytes) -> bytes:
    """A script or a style without comments and indentation, which are a third of it."""
    return _INDENTATION.sub(b"", _COMMENT.sub(b"", content))


def split_texts(texts: bytes, script: str) -> tuple[bytes, bytes]:
    """The texts of a language (JSON) in two files: those that a script uses, and the others."""
    found = set(_TEXT_KEY.findall(script))
    keys = {key for quote, key in found if quote == '"'}
    beginnings = tuple(key for quote, key in found if quote == "`")
    parts: tuple[dict[str, object], dict[str, object]] = ({}, {})
    for key, text in json.loads(texts).items():
        parts[0 if key in keys or key.startswith(beginnings) else 1][key] = text
    first, later = (json.dumps(part, ensure_ascii=False, separators=(",", ":")).encode() for part in parts)
    return first, later


def _read(path: Path) -> bytes:
    """The content of a file, shortened where that changes nothing."""
    content = path.read_bytes()
    return shortened(content) if path.suffix in (".js", ".css") else content


class Files:
    """The files of the chat page, by their path (`/` is index.html)."""

    def __init__(self) -> None:
        paths = [path for path in STATIC.rglob("*") if path.suffix in TYPES]
        contents = {f"/{path.relative_to(STATIC).as_posix()}": _read(path) for path in paths}
        everything = b"".join(b"%b\0%b\0" % (name.encode(), contents[name]) for name in sorted(contents))
        #: Changes with any of the files; a page compares it with its own to know that there is a newer one.
        self.build = hashlib.sha256(everything).hexdigest()[:16]
        index = contents.pop("/index.html")
        languages = html.escape(contents["/lang/index.json"].decode().strip())
        meta = f'<meta name="build" content="{self.build}"><meta name="languages" content="{languages}">'
        contents["/"] = index.replace(META, meta.encode())
        #: The page on how to trust the server's own authority, which is not complete yet.
        self.trust = contents.pop("/trust.html")
        modules = {name: content.decode() for name, content in contents.items() if name.endswith(".js")}
        scripts = {name: script.encode() for name, script in bundle(modules, FIRST).items()}
        scripts = {name: _LINE_END.sub(rb"\1", script) for name, script in scripts.items()}
        styles = {name: join_styles(contents, name) for name in contents if name.endswith(".css")}
        everything_sent = {**contents, **scripts, **styles}
        for name in [name for name in contents if name.startswith("/lang/") and name != "/lang/index.json"]:
            parts = split_texts(contents[name], scripts[FIRST].decode())
            everything_sent[name], everything_sent[name.replace(".json", ".later.json")] = parts
        self._files = {name: make_file("index.html" if name == "/" else name, body) for name, body in everything_sent.items()}

    def get(self, path: str) -> File | None:
        """The file at a path; None if there is none. Paths are only looked up, and never lead to the disk."""
        return self._files.get(path)
