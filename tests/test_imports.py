"""Imports only go down: the house stays as it was drawn (docs/architecture.md)."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
#: From the bottom up; a module may import what is on a lower floor, and nothing else of ours.
FLOORS = [
    ["lanchat", "lanchat.places"],
    [
        "lanchat.addresses",
        "lanchat.errors",
        "lanchat.fold",
        "lanchat.printing",
        "lanchat.progress",
        "lanchat.safekeeping",
        "lanchat.spelling",
        "lanchat.unframed",
    ],
    ["lanchat.certificates", "lanchat.orthography"],
    ["lanchat.dates", "lanchat.entry", "lanchat.folding", "lanchat.names", "lanchat.packet"],
    ["lanchat.interfaces", "lanchat.conversations", "lanchat.history", "lanchat.listing", "lanchat.looks", "lanchat.typed"],
    [
        "lanchat.aim",
        "lanchat.counts",
        "lanchat.durations",
        "lanchat.journal",
        "lanchat.limits",
        "lanchat.receipts",
        "lanchat.refusals",
        "lanchat.search",
    ],
    ["lanchat.records", "lanchat.session"],
    ["lanchat.stored"],
    [
        "lanchat.accounts",
        "lanchat.doorstep",
        "lanchat.pulse",
        "lanchat.registry",
        "lanchat.targets",
        "lanchat.voice",
    ],
    ["lanchat.room"],
    ["lanchat.rooms"],
    ["lanchat.lobby", "lanchat.presence", "lanchat.reservations", "lanchat.sanction"],
    ["lanchat.sanctions"],
    ["lanchat.delivery"],
    ["lanchat.cursors", "lanchat.replay"],
    ["lanchat.house"],
    ["lanchat.router"],
    ["lanchat.command", "lanchat.moderation"],
    ["lanchat.commands"],
    ["lanchat.gateways.foreign", "lanchat.gateways.objects", "lanchat.gateways.sockets", "lanchat.gateways.tick"],
    ["lanchat.gateways.lines"],
    [
        "lanchat.gateways",
        "lanchat.gateways.deadlines",
        "lanchat.gateways.framing",
        "lanchat.gateways.outbox",
        "lanchat.store",
        "lanchat.config",
        "lanchat.edge",
        "lanchat.logs",
        "lanchat.notify",
        "lanchat.passwords",
        "lanchat.reactor",
        "lanchat.tls",
    ],
    ["lanchat.machine", "lanchat.requests"],
    ["lanchat.login", "lanchat.operations", "lanchat.realm"],
    ["lanchat.gateways.doorway", "lanchat.gateways.pacing"],
    ["lanchat.gateways.intake"],
    ["lanchat.gateways.connection", "lanchat.control", "lanchat.drain", "lanchat.identity", "lanchat.listener", "lanchat.web"],
    ["lanchat.gateways.factory", "lanchat.gateways.line", "lanchat.gateways.telnet", "lanchat.ports", "lanchat.service"],
    ["lanchat.manhole"],
    ["lanchat.options"],
    ["lanchat.preflight"],
    ["lanchat.reload"],
    ["lanchat.admin", "lanchat.tap"],
]
FLOOR = {module: number for number, floor in enumerate(FLOORS) for module in floor}
CORE = [module for floor in FLOORS[: FLOORS.index(["lanchat.commands"]) + 1] for module in floor]
MODULES = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path
    for path in (ROOT / "lanchat").rglob("*.py")
}


def imports(module: str) -> set[str]:
    """Every module that this one imports, wherever in it."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(MODULES[module].read_text())):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module}: write imports out"
            names = {f"{node.module}.{alias.name}" for alias in node.names}
            found.update(name if name in MODULES else str(node.module) for name in names)
    return found


def ours(module: str) -> set[str]:
    """What of ours it imports."""
    return {name for name in imports(module) if name.split(".")[0] == "lanchat"}


#: The programs of those who use a server: they know of it what goes over the wire, and how far they are.
USERS = ("lanchat.client", "lanchat.stress")


@pytest.mark.parametrize("module", sorted(name for name in MODULES if not name.startswith(USERS)))
def test_imports_only_go_down(module: str) -> None:
    above = FLOOR[next(name for name in (module, module.rpartition(".")[0]) if name in FLOOR)]
    for name in ours(module):
        known = next(place for place in (name, name.rpartition(".")[0]) if place in FLOOR)
        same_room = known == next(place for place in (module, module.rpartition(".")[0]) if place in FLOOR)
        assert FLOOR[known] < above or same_room, f"{module} may not import {name}"


@pytest.mark.parametrize("module", CORE)
def test_the_core_knows_no_reactor(module: str) -> None:
    assert not [name for name in imports(module) if name.startswith("twisted.internet")]


@pytest.mark.parametrize("module", sorted(name for name in MODULES if name.startswith(USERS)))
def test_of_the_server_its_users_import_hardly_more_than_packet(module: str) -> None:
    allowed = {
        "lanchat",
        "lanchat.aim",
        "lanchat.fold",
        "lanchat.packet",
        "lanchat.printing",
        "lanchat.progress",
        "lanchat.safekeeping",
        "lanchat.spelling",
        "lanchat.typed",
    }
    assert all(name in allowed or name.startswith(USERS) for name in ours(module))


@pytest.mark.parametrize("module", sorted(name for name in MODULES if name.startswith("lanchat.client")))
def test_the_client_does_without_the_load_tool(module: str) -> None:
    assert not [name for name in ours(module) if name.startswith("lanchat.stress")]


@pytest.mark.parametrize("module", sorted(MODULES))
def test_the_reactor_is_imported_only_where_programs_begin(module: str) -> None:
    if "twisted.internet.reactor" in imports(module) or "from twisted.internet import reactor" in MODULES[module].read_text():
        assert module == "lanchat.tap" or module.startswith(tuple(f"{room}." for room in USERS))
