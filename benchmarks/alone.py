"""Alone: what the commands that measure lanchat by itself have in common: what they keep, and the report."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import msgspec

from benchmarks import command, tables
from benchmarks.measure import Outcome
from benchmarks.results import machine
from benchmarks.servers import ROOT, Server, checkout, raise_file_limit

#: Logins at a time: hashes of tokens, and pages of the log, are not what is measured.
LOGINS = "20"


class Results(msgspec.Struct):
    """All that was measured."""

    command: str
    machine: dict[str, str]
    server: str
    outcomes: list[Outcome] = []

    def failures(self) -> list[Outcome]:
        """What did not work."""
        return [outcome for outcome in self.outcomes if outcome.failure]


class Trial(NamedTuple):
    """A command of this kind."""

    program: str
    about: str
    title: str
    #: Of the report, without .md.
    file: str
    notes: str
    rounds: int
    #: Measures, and shows what it found.
    measure: Callable[[argparse.Namespace, Server], list[Outcome]]
    table: Callable[[Results], str]

    def main(self, arguments: list[str]) -> int:
        """Carry it out; the exit code."""
        reads = command.parser(self.program, self.about, rounds=self.rounds, written=f"{self.file}.md")
        return command.carry_out(reads.parse_args(arguments), Results, self._run, self._shown, self._write)

    def _run(self, asked: argparse.Namespace) -> Results:
        raise_file_limit()
        server = msgspec.structs.replace(checkout("lanchat", ROOT), generator=["-C", LOGINS])
        results = Results(command.typed(self.program), machine(), server.version)
        results.outcomes = self.measure(asked, server)
        return results

    def _shown(self, results: Results) -> str:
        return "Something could not be measured." if results.failures() else self.table(results)

    def _write(self, results: Results, directory: Path) -> None:
        facts = tables.table(["", ""], [*map(list, results.machine.items()), ["lanchat", results.server]], words=2)
        text = f"# {self.title}\n\n    {results.command}\n\n{facts}\n\n{self._shown(results)}\n{self.notes}"
        (directory / f"{self.file}.md").write_text(text)
