"""The wings of lanchat/ (docs/architecture.md): imports only go down, there are no circles, and nothing grows too large."""

from __future__ import annotations

import ast
import re
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
#: The packages of lanchat/, from the bottom up, and tap.py, as docs/architecture.md lists them from the top down. A module may
#: import from its own wing and from those before it in this list.
WINGS = re.findall(r"^      (\w+)(?:/|\.py) ", (ROOT / "docs" / "architecture.md").read_text(), re.MULTILINE)[::-1]
#: The programs of those who use a server, and what they may import besides one another: what goes over the wire, and what they
#: ask of the system.
PROGRAMS = ("client", "transfers", "terminal", "stress")
#: Wings in which nothing knows the reactor: time is a `Clock`, and what waits is a coroutine.
PURE = ("protocol", "model", "history", "state", "core", "commands")
#: The size of a wing: modules, and lines of all of them; lines of a module, and of a function.
MAX_MODULES, MAX_WING, MAX_MODULE, MAX_FUNCTION = 25, 3500, 300, 40

MODULES = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path
    for path in (ROOT / "lanchat").rglob("*.py")
}


def wing(module: str) -> str:
    """The wing of a module; "" for the package `lanchat` itself."""
    return module.split(".")[1] if "." in module else ""


@cache
def tree(module: str) -> ast.Module:
    """What its text says."""
    return ast.parse(MODULES[module].read_text())


@cache
def imports(module: str) -> set[str]:
    """Every module that this one imports, wherever in it."""
    found: set[str] = set()
    for node in ast.walk(tree(module)):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module}: write imports out"
            names = {f"{node.module}.{alias.name}" for alias in node.names}
            found.update(name if name in MODULES else str(node.module) for name in names)
    return found


def ours(module: str) -> set[str]:
    """The modules of lanchat/ that this one imports."""
    return {name for name in imports(module) if name.split(".")[0] == "lanchat"}


def test_there_are_only_wings() -> None:
    there = {path.name for path in (ROOT / "lanchat").iterdir() if path.name != "__pycache__"}
    assert there == {*WINGS[:-1], "tap.py", "__init__.py", "py.typed"}


@pytest.mark.parametrize("module", sorted(name for name in MODULES if wing(name)))
def test_imports_only_go_down(module: str) -> None:
    below = {"", *WINGS[: WINGS.index(wing(module)) + 1]}
    assert not [name for name in ours(module) if wing(name) not in below]


def test_there_is_no_circle() -> None:
    try:
        TopologicalSorter({module: ours(module) - {module} for module in MODULES}).prepare()
    except CycleError as error:
        pytest.fail(f"a circle of imports: {' imports '.join(error.args[1])}")


@pytest.mark.parametrize("module", sorted(name for name in MODULES if wing(name) in PURE))
def test_the_chat_knows_no_reactor(module: str) -> None:
    assert not [name for name in imports(module) if name.startswith("twisted.internet")]


@pytest.mark.parametrize("module", sorted(name for name in MODULES if wing(name) in ("protocol", "model")))
def test_what_goes_over_the_wire_knows_no_database(module: str) -> None:
    assert "sqlite3" not in imports(module)


@pytest.mark.parametrize("module", sorted(name for name in MODULES if wing(name) in PROGRAMS))
def test_programs_for_users_know_of_the_server_what_goes_over_the_wire(module: str) -> None:
    assert {wing(name) for name in ours(module)} <= {"", "system", "protocol", *PROGRAMS}


@pytest.mark.parametrize("module", sorted(MODULES))
def test_the_reactor_is_imported_only_where_programs_begin(module: str) -> None:
    if "twisted.internet.reactor" in imports(module) or "from twisted.internet import reactor" in MODULES[module].read_text():
        assert wing(module) in ("tap", *PROGRAMS)


@pytest.mark.parametrize("name", WINGS[:-1])
def test_a_wing_has_one_sentence_and_is_not_too_large(name: str) -> None:
    modules = [path for module, path in MODULES.items() if wing(module) == name]
    lines = [path.read_text().count("\n") for path in modules]
    assert len(modules) <= MAX_MODULES
    assert sum(lines) <= MAX_WING
    assert max(lines) <= MAX_MODULE
    assert ast.get_docstring(ast.parse(MODULES[f"lanchat.{name}"].read_text()))


@pytest.mark.parametrize("module", sorted(MODULES))
def test_no_function_is_too_long(module: str) -> None:
    for node in ast.walk(tree(module)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            lines = (node.end_lineno or 0) - node.lineno + 1
            assert lines <= MAX_FUNCTION, f"{node.name} has {lines} lines"
