"""Configuration: what a server is told, checked without one, and read again by one that runs."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path

from twisted.python import usage

from lanchat import preflight
from lanchat.admin import calling
from lanchat.admin.ending import NOT_RUNNING, Declined
from lanchat.config import DEFAULT
from lanchat.operations import MISTAKES, Done, Failed, Reload, Tell, counted
from lanchat.options import Options


def check(options: Namespace, tell: Tell) -> Done | Failed:
    """See that a server would start with this file; no port is opened, and nothing is changed."""
    file = options.file or DEFAULT
    if options.file is None and not file.exists():
        return Done(f"There is no {file}, so a server does what its command line says.", {"file": None})
    if wrong := _wrong(file.absolute()):
        count = counted(len(wrong), "mistake")
        return Failed("\n".join([f"{file} has {count}:", *wrong]), MISTAKES, wrong)
    return Done(f"{file} is right.", {"file": str(file)})


def _wrong(file: Path) -> list[str]:
    config = Options()
    try:
        config.parseOptions(["--config", str(file)])
    except usage.UsageError as error:
        return str(error).splitlines()
    return preflight.mistakes(config)


def reload(options: Namespace, tell: Tell) -> Done | Failed:
    """Let the server that runs read again what it can."""
    outcome = calling.call(options.data, Reload(), tell)
    if outcome is None:
        text = f"No server runs in {options.data}, so nothing was read again. Start it, or say where it runs with --data DIR."
        raise Declined(text, NOT_RUNNING)
    return outcome
