"""What programs that read the server's log rely on stays: the namespaces of its lines."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

PACKAGE = Path(__file__).parents[2] / "lanchat"
#: The namespaces of all loggers. Filters and alerts name them, so they stay when a module moves; new ones may be added.
NAMESPACES = {
    f"lanchat.{name}"
    for name in (
        "commands.accounts", "control", "delivery", "drain", "edge", "gateways.connection", "gateways.intake", "gateways.tick",
        "journal", "listener", "login", "manhole.door", "manhole.login", "manhole.shell", "manhole.tap", "notify", "operations",
        "reactor", "realm", "reload", "replay", "router", "service", "store.anew", "store.keys", "store.retention",
        "store.store", "store.tidying", "store.writing", "stored", "tap", "tls", "web.door",
    )
}  # fmt: skip


def calls() -> Iterator[ast.Call]:
    """Every call in the modules of lanchat/."""
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call):
                yield node


def test_the_namespaces_of_the_log_are_written_out_and_stay() -> None:
    loggers = [call for call in calls() if isinstance(call.func, ast.Name) and call.func.id == "Logger"]
    assert {ast.literal_eval(call.args[0]) if call.args else "" for call in loggers} == NAMESPACES
