"""What the documents show is what happens: the transcripts of docs/protocol.md are played, links lead somewhere."""

from __future__ import annotations

import ast
import json
import re
import time
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from twisted.internet.task import Clock

from lanchat.config.config_file import option_names
from lanchat.config.options import Options
from lanchat.core.router import Router
from lanchat.gateways.websocket import WebSocketProtocol
from lanchat.protocol import errors, events
from lanchat.protocol.extensions import AnswerX
from lanchat.protocol.limits import LIMITS, format_value
from lanchat.tap import RESERVED_FILES
from tests.fakes import Wire, make_router
from tests.frames import CLOSE, SocketWire, ended, frame

ROOT = Path(__file__).parents[2]
PROTOCOL = ROOT / "docs" / "protocol.md"
SECURITY = ROOT / "docs" / "security.md"
BLOCK = re.compile(r"```(?:chat|websocket)\n(.*?)```", re.DOTALL)


class Page(SocketWire):
    """A WebSocket, whose close frames are written out."""

    def __init__(self, router: Router, clock: Clock) -> None:
        super().__init__(router, clock, WebSocketProtocol)

    def lines(self) -> list[str]:
        """What was written since the last look."""
        read = self.frames()
        return [f"! {' '.join(map(str, ended([one])))}" if one.opcode == CLOSE else f"< {one.data.decode()}" for one in read]


class Lines(Wire):
    """A connection to the JSON port."""

    def lines(self) -> list[str]:
        """What was written since the last look."""
        return [f"< {line}" for line in self.bytes().decode().splitlines()]


def played(block: str, kind: type[Page | Lines]) -> Iterator[str]:
    """The block as it goes: what is sent, and after each chunk of it what everyone reads."""
    router, clock = make_router()
    wires: dict[str, Page | Lines] = {}
    steps = [re.fullmatch(r"(\w+)([>~<!]) (.*)", step) for step in block.splitlines()]
    sent = [match.groups() for match in steps if match and match[2] in ">~"]
    for number, (name, how, text) in enumerate(sent):
        wire = wires.setdefault(name, kind(router, clock) if name not in wires else wires[name])
        yield f"{name}{how} {text}"
        chunk = frame(text) if kind is Page else text.encode() + (b"\n" if how == ">" else b"")
        glued = number + 1 < len(sent) and "/hello" in sent[number + 1][2]
        wire.pending = getattr(wire, "pending", b"") + chunk  # type: ignore[union-attr]  # only here
        if glued:
            continue
        wire.send(wire.pending)  # type: ignore[union-attr]
        wire.pending = b""  # type: ignore[union-attr]
        for _ in range(5):
            wire.wait(0.01)
            for reader, each in wires.items():
                for line in each.lines():
                    yield f"{reader}{line}"


@pytest.fixture
def _utc(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.usefixtures("_utc")
@pytest.mark.parametrize("block", BLOCK.findall(PROTOCOL.read_text()), ids=lambda block: block.splitlines()[-1][:40])
def test_the_transcripts_of_the_protocol_happen_as_they_are_printed(block: str) -> None:
    assert list(played(block, Page if "\nann! " in block else Lines)) == block.splitlines()


def test_every_command_is_in_the_protocol() -> None:
    from lanchat.commands import COMMANDS  # noqa: PLC0415 (only here)

    table = PROTOCOL.read_text().partition("\n## Commands\n")[2].partition("\n## ")[0]
    rows = dict(re.findall(r"^\| (`/\w+`) \| (.*)", table, re.MULTILINE))
    for name, command in COMMANDS.items():
        row = rows[f"`{name}`"]
        if name != "/hello":
            assert command.usage(name).removeprefix(name).strip() in row.replace("`", "")
        for member, called in zip(command.args, command.called, strict=False):  # where a member of `x` has another name
            assert member == called or f"`x.{member}`" in row, name


def test_every_code_capability_event_and_member_of_x_is_in_the_protocol() -> None:
    from lanchat.commands.hello import CAPS  # noqa: PLC0415 (only here)

    text = BLOCK.sub("", PROTOCOL.read_text())
    codes = {kind.code for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, errors.ChatError)}
    assert [name for name in codes - {errors.ChatError.code, ""} if f"`{name}`" not in text] == []
    assert [name for name in CAPS if f"| `{name}` |" not in text] == []
    named = {*re.findall(r"`(?:x\.)?([a-z_]+)`", text), *re.findall(r'"([a-z_]+)"', text)}
    assert {*AnswerX.__struct_encode_fields__} - named == set()
    happens = {value for name, value in vars(events).items() if name.isupper() and isinstance(value, str)}
    assert happens - named == set()


def test_every_option_is_in_the_table_of_the_readme() -> None:
    table = re.findall(r"(?m)^\| (`--.*?) \|", (ROOT / "README.md").read_text())
    assert set(re.findall(r"`--([a-z-]+)", " ".join(table))) == option_names(Options()) - {"help", "version"} | {"config"}


@pytest.mark.parametrize("document", [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")], ids=lambda path: path.name)
def test_links_between_the_documents_lead_somewhere(document: Path) -> None:
    for target, section in re.findall(r"\]\(([^)#]*)(?:#([^)]*))?\)", document.read_text()):
        if not target.startswith("http"):
            where = document.parent / target if target else document
            assert where.exists(), target
            assert not section or section in anchors(where), f"{target}#{section}"


def anchors(document: Path) -> set[str]:
    """The names that links use for the sections of a document."""
    headings = re.findall(r"^#+ (.*)", document.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("document", [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")], ids=lambda path: path.name)
def test_the_files_that_a_document_names_are_there(document: Path) -> None:
    named = re.findall(r"`((?:lanchat|tests|docs|deploy|benchmarks|\.ci)/[\w./-]*)", document.read_text())
    assert not [path for path in named if "NAME" not in path and not (ROOT / path).exists()]


def defined_in(path: str) -> set[str]:
    """The names that a file defines, or the files of a folder; `lanchat/gateways/NAME.py` stands for its folder."""
    place = ROOT / path.rpartition("NAME")[0].rpartition("/")[0] if "NAME" in path else ROOT / path
    text = "\n".join(file.read_text() for file in (place.glob("*.py") if place.is_dir() else [place]))
    names = re.findall(r"^ *(?:(?:class|def|async def) (\w+)|(\w+)(?:: [^=\n]*)? = )", text, re.MULTILINE)
    return {a or b for a, b in names}


def test_what_a_recipe_names_is_defined_in_the_files_of_that_step() -> None:
    known = {"FORMS"}.union(*(defined_in(f"lanchat/{wing.name}") for wing in (ROOT / "lanchat").iterdir() if wing.is_dir()))
    steps = re.findall(r"^\d+\. (.*(?:\n   .*)*)", (ROOT / "CONTRIBUTING.md").read_text(), re.MULTILINE)
    looked_for = 0
    for step in steps:
        paths = re.findall(r"`((?:lanchat|tests)/[\w./-]*)", step)
        names = set(re.findall(r"`([A-Z]\w*|_\w+)`", step)) & known  # (others are Python's or Twisted's)
        assert not paths or names <= set().union(*map(defined_in, paths)), step
        looked_for += len(names) * bool(paths)
    assert looked_for > 10


def test_the_sections_that_the_sources_refer_to_are_there() -> None:
    for source in (ROOT / "lanchat").rglob("*.py"):
        for document, sections in re.findall(r'docs/(\w+\.md), ("[^()]*")', source.read_text()):
            headings = re.findall(r"^#+ (.*)", (ROOT / "docs" / document).read_text().replace("`", ""), re.MULTILINE)
            assert set(re.findall(r'"([^"]*)"', sections)) <= set(headings), source


def test_the_examples_of_packets_are_packets() -> None:
    for example in re.findall(r"^    (\{.*\})$", PROTOCOL.read_text(), re.MULTILINE):
        assert set(json.loads(example)) == {"from", "to", "msg"}


def test_the_table_of_limits_is_the_one_that_holds() -> None:
    text = SECURITY.read_text()
    for name, limit in LIMITS.items():
        assert f"| `{name}` | {format_value(limit.default)} | {limit.unit} | {limit.consequence} |" in text
    assert f"minus {RESERVED_FILES};" in text


@cache
def named_tests() -> set[str]:
    """All the tests there are, named as in the documents: tests/wing/test_x.py::test_y."""
    return {
        f"{path.relative_to(ROOT).as_posix()}::{node.name}"
        for path in (ROOT / "tests").rglob("test_*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) and node.name.startswith("test_")
    }


@pytest.mark.parametrize("section", ["Limits", "What is defended against"])
def test_each_promise_of_security_names_tests_that_exist(section: str) -> None:
    text = SECURITY.read_text().partition(f"\n## {section}\n")[2].partition("\n## ")[0]
    tables = re.findall(r"(?:^\|.*\n)+", text, re.MULTILINE)
    assert len(tables) >= max(1, text.count("\n### "))  # each part has one
    exist = named_tests()
    for head, _, *rows in map(str.splitlines, tables):
        assert head.endswith("| tests |")
        for row in rows:
            tests = row.rsplit("|", 2)[1].strip().split(", ")
            assert {test.strip("`") for test in tests} <= exist, row
