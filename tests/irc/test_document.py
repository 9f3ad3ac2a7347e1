"""The tables of docs/irc.md are those of the code. `python -m tests.irc.test_document` writes them anew."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from lanchat.irc.caps import CAPS, SASL, STS
from lanchat.irc_commands import COMMANDS

MANUAL = Path(__file__).parents[2] / "docs" / "irc.md"
#: Those that are offered only sometimes, and when.
SOMETIMES = {
    SASL: "logging in: over TLS, and on the server's own machine",
    STS: "where TLS is: without TLS, if the server has `--ircs` and a certificate of yours",
}


def table(heads: str, rows: Mapping[str, str]) -> str:
    """A table of two columns, sorted, with the first one as code."""
    return "\n".join([heads, "|---|---|", *(f"| {_code(left)} | {right} |" for left, right in sorted(rows.items()))])


def _code(text: str) -> str:
    return f"`{text}`".replace("|", r"\|")


def tables() -> dict[str, str]:
    """The tables as the code has them, by the headings of their sections."""
    commands = {f"{name} {command.usage}".strip(): command.help for name, command in COMMANDS.items()}
    return {
        "Capabilities": table("| capability | gives you |", CAPS | SOMETIMES),
        "Commands": table("| command | does |", commands),
    }


def with_tables(text: str) -> str:
    """The text of the manual, with these tables."""
    for heading, made in tables().items():
        before, mark, section = text.partition(f"\n## {heading}\n")
        found = re.search(r"(?:^\|.*\n)+", section, re.MULTILINE)
        assert found, f"there is no table of {heading}"
        text = f"{before}{mark}{section[: found.start()]}{made}\n{section[found.end() :]}"
    return text


def test_the_tables_of_the_manual_are_those_of_the_code() -> None:
    assert MANUAL.read_text() == with_tables(MANUAL.read_text())


if __name__ == "__main__":
    MANUAL.write_text(with_tables(MANUAL.read_text()))
