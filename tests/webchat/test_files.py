"""What browsers are sent: every file that another one names, with its type, compressed if that is wanted."""

from __future__ import annotations

import gzip
import json
import re
from pathlib import Path

import pytest

from lanchat.webchat import files
from lanchat.webchat.files import STATIC, TYPES, Files, accepts_gzip, make_file, split_texts

ROOT = Path(__file__).parents[2]
#: What names another file: imports of modules, loads of them later, and links and scripts in HTML and CSS.
_NAMED = re.compile(
    rb"""(?:\bfrom\s*|\bimport\s*\(?\s*|(?<=\s)(?:href|src)=|\burl\(\s*)["']?(?P<name>\.{0,2}/[\w./-]+\.\w+)["']?""",
    re.IGNORECASE,
)
#: What is made when it is asked for.
MADE = {"/ca.pem", "/server.json"}


@pytest.fixture(scope="module")
def served() -> Files:
    return Files()


def contents() -> dict[str, bytes]:
    """All files by their path."""
    return {f"/{path.relative_to(STATIC).as_posix()}": path.read_bytes() for path in STATIC.rglob("*") if path.is_file()}


def without_comments(name: str) -> bytes:
    """A file's text, but for comments, in which anything may be named."""
    return re.sub(rb"/\*.*?\*/|^\s*//[^\n]*", b"", contents()[name], flags=re.DOTALL | re.MULTILINE)


def test_every_file_has_a_type_that_is_known_or_is_for_the_editor_only() -> None:
    assert {Path(name).suffix for name in contents()} <= {*TYPES, ".ts"}


@pytest.mark.parametrize("name", sorted(contents()))
def test_what_a_file_names_is_there(name: str) -> None:
    if name.endswith((".txt", ".ts")):
        return
    for match in _NAMED.finditer(without_comments(name)):
        named = match["name"].decode()
        path = named if named.startswith("/") else "/" + (Path(name).parent / named).resolve().relative_to("/").as_posix()
        assert path in contents() or path in MADE, f"{name} names {named}"


def test_every_file_is_served_but_for_what_is_completed_first(served: Files) -> None:
    missing = {name for name in contents() if served.get(name) is None}
    assert {name for name in missing if Path(name).suffix in TYPES} == {"/index.html", "/trust.html"}
    assert served.get("/") is not None


def test_the_page_has_the_build(served: Files) -> None:
    page = served.get("/")
    assert page is not None
    assert f'<meta name="build" content="{served.build}">'.encode() in page.body
    assert files.META not in page.body


def test_what_the_page_names_is_served(served: Files) -> None:
    page = served.get("/")
    assert page is not None
    named = [name.decode() for name in re.findall(rb'(?:src|href)="\.?(/[^"]+)"', page.body)]
    assert "/app.js" in named
    assert all(served.get(name) is not None for name in named)


def test_the_build_changes_with_any_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "lang").mkdir()
    for name in ("index.html", "trust.html", "app.js", "lang/index.json"):
        (tmp_path / name).write_text(name)
    monkeypatch.setattr(files, "STATIC", tmp_path)
    before = Files()
    (tmp_path / "app.js").write_text("newer")
    assert Files().build != before.build
    (tmp_path / "app.js").write_text("app.js")
    assert Files().build == before.build
    (tmp_path / "new.css").write_text("")
    assert Files().build != before.build
    (tmp_path / "notes.txt~").write_text("x")
    assert Files().get("/notes.txt~") is None


WANTED = [
    "gzip",
    "GZIP",
    "deflate, gzip;q=1.0, *;q=0.5",
    "gzip, deflate, br, zstd",
    "x-gzip",
    "*",
    "gzip;q=0.001",
    "gzip ; q = 1",
    "br, *;q=.1",
]
UNWANTED = ["", "identity", "br", "gzip;q=0", "gzip;q=0.000", "*;q=0", "gzip;q=0, *", "gzipped", "x gzip", ",;,="]


@pytest.mark.parametrize(("header", "wanted"), [*((text, True) for text in WANTED), *((text, False) for text in UNWANTED)])
def test_gzip_is_sent_to_who_wants_it(header: str, wanted: bool) -> None:
    assert accepts_gzip(header) is wanted


def test_a_file_is_compressed_where_that_makes_it_smaller() -> None:
    text = make_file("a.css", b"a{}" * 1000)
    body, tag, headers = text.answer("gzip")
    plain, plain_tag, plain_headers = text.answer("")
    assert gzip.decompress(body) == plain == text.body
    assert headers["Content-Encoding"] == "gzip"
    assert "Content-Encoding" not in plain_headers
    assert headers["Vary"] == plain_headers["Vary"] == "Accept-Encoding"
    assert tag != plain_tag  # (else a cache could mix them up)
    assert "Content-Encoding" not in make_file("a.css", b"a").answer("gzip")[2]


def test_a_tag_changes_with_the_content() -> None:
    assert make_file("a.css", b"a").tag == make_file("b.css", b"a").tag != make_file("a.css", b"b").tag


def test_all_languages_are_json_with_the_same_kinds_of_texts() -> None:
    for path in (STATIC / "lang").glob("*.json"):
        assert all(isinstance(text, (str, dict)) for text in json.loads(path.read_text("utf-8")).values()), path.name


def test_texts_that_the_first_script_does_not_use_are_in_a_file_of_their_own(served: Files) -> None:
    texts = {"nav.search": "Search", "status.closed": "Gone", "status.offline": "Off", "room.mute": {"other": "Mute"}}
    first, later = split_texts(json.dumps(texts).encode(), 't("nav.search") + t(`status.${phase}`)')
    assert list(json.loads(first)) == ["nav.search", "status.closed", "status.offline"]
    assert json.loads(later) == {"room.mute": {"other": "Mute"}}
    for code in json.loads((STATIC / "lang" / "index.json").read_text()):
        whole = json.loads((STATIC / "lang" / f"{code}.json").read_text())
        parts = [served.get(f"/lang/{code}{part}.json") for part in ("", ".later")]
        bodies = [json.loads(part.body) for part in parts if part is not None]
        assert {key: text for body in bodies for key, text in body.items()} == whole
        assert all(bodies)


def test_the_first_page_is_small(served: Files) -> None:
    page = served.get("/")
    assert page is not None
    named = [name.decode() for name in re.findall(rb'(?:src|href)="\.?(/[^"]+)"', page.body)]
    later = {"/manifest.webmanifest"}  # fetched by those who install the page
    first = {"/", "/vendor/preact.js", "/lang/en.json", *named} - later
    headers = 350 * (len(first) + 1)  # (and server.json)
    assert sum(len(file.compressed) for name in first if (file := served.get(name))) + headers <= 60_500


def test_what_is_vendored_has_its_licence_beside_it() -> None:
    assert (STATIC / "vendor" / "LICENSE.txt").read_text().strip()


def test_the_files_are_in_the_package() -> None:
    listed = (ROOT / "setup.cfg").read_text()
    depths = {len(path.relative_to(STATIC).parts) for path in STATIC.rglob("*") if path.is_file()}
    assert all(f"    static/{'*/' * (depth - 1)}*\n" in listed for depth in depths)
    assert "recursive-include lanchat/webchat/static *" in (ROOT / "MANIFEST.in").read_text()
