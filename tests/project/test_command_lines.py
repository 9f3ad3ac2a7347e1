"""The command lines in the documents are command lines of the programs, as they stand."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from twisted.scripts._twistd_unix import ServerOptions

from lanchat.admin import options as admin
from lanchat.config.options import Options
from lanchat.stress import options as stress
from lanchat.terminal import options as client
from tests.project.test_documents import ROOT

#: Lines of code: indented ones, and those of fenced blocks.
CODE = re.compile(r"^    ([^\n]*)$|^```(?:sh|bash|server|client)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def twistd(words: list[str]) -> None:
    """Parse what comes before and what comes after `lanchat`, each with its own options."""
    at = words.index("lanchat")
    ServerOptions().parseOptions(words[:at])
    Options().parseOptions([word for word in words[at + 1 :] if word != "..."])


PROGRAMS: dict[str, Callable[[list[str]], object]] = {
    "lanchat": client.read,
    "lanchat-admin": admin.read,
    "lanchat-stress": lambda words: stress.Options().parseOptions(words),
    "twistd": twistd,
}


def commands(text: str) -> Iterator[list[str]]:
    """The words of each command of our programs in the code of a document."""
    for indented, block in CODE.findall(re.sub(r"\$\([^()]*\)", "7", text)):  # (what a command in a command prints)
        for line in block.splitlines() or [re.split(r"\s{2,}", indented)[0]]:  # (after blanks it is told what that does)
            lexer = shlex.shlex(line, posix=True, punctuation_chars="();<>|&")
            lexer.whitespace_split = True
            words: list[str] = []
            try:
                tokens = [*lexer, ";"]
            except ValueError:  # not a command: a quote that is not closed
                continue
            for token in tokens:
                if not token or token[0] not in "();<>|&":
                    words.append(token.removeprefix(".venv/bin/"))
                    continue
                start = words.count("sudo")
                if words[start:] and words[start] in PROGRAMS:
                    yield words[start:]
                words = []


def fault(program: str, words: list[str]) -> str:
    """The command and what its program says against it; "" if it takes it."""
    try:
        PROGRAMS[program](words)
    except (SystemExit, Exception) as error:  # noqa: BLE001 (each program refuses in its own way)
        return f"{shlex.join([program, *words])}: {error!r}"
    return ""


@pytest.mark.parametrize("document", [ROOT / "README.md", *(ROOT / "docs").glob("*.md")], ids=lambda path: path.name)
def test_the_commands_in_a_document_are_commands(document: Path) -> None:
    found = list(commands(document.read_text()))
    assert [told for program, *words in found if (told := fault(program, words))] == []
    assert len(found) >= {"README.md": 4, "first-steps.md": 10}.get(document.name, 0)
