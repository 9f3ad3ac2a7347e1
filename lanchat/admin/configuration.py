"""The commands about a server's configuration: check the file, reload it, and show the server's status."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path

from twisted.python import usage

from lanchat.admin import control_client
from lanchat.admin.exit_status import NOT_RUNNING, Declined
from lanchat.config.config_file import DEFAULT_FILE
from lanchat.config.preflight import CheckedOptions
from lanchat.service.requests import MISTAKES, Done, Failed, Reload, ReportProgress, Request, Status, format_count


def check(options: Namespace, progress: ReportProgress) -> Done | Failed:
    """Check that a server would start with this file. No port is opened, and nothing is changed."""
    file = options.file or options.config or DEFAULT_FILE
    if file is DEFAULT_FILE and not file.exists():
        return Done(f"There is no {file}: a server uses its command line only.", {"file": None})
    if wrong := _mistakes(file.absolute()):
        count = format_count(len(wrong), "mistake")
        return Failed("\n".join([f"{file} has {count}:", *wrong]), MISTAKES, wrong)
    return Done(f"{file}: no mistakes found.", {"file": str(file)})


def _mistakes(file: Path) -> list[str]:
    try:
        CheckedOptions().parseOptions(["--config", str(file)])
    except usage.UsageError as error:
        return str(error).splitlines()
    return []


def reload(options: Namespace, progress: ReportProgress) -> Done | Failed:
    """Ask the running server to read its configuration again."""
    return _call_server(options, Reload(), progress)


def status(options: Namespace, progress: ReportProgress) -> Done | Failed:
    """Ask the running server for its version, ports and number of users."""
    return _call_server(options, Status(), progress)


def _call_server(options: Namespace, request: Request, progress: ReportProgress) -> Done | Failed:
    outcome = control_client.call(options.data, request, progress)
    if outcome is None:
        text = f"No server is running with the data directory {options.data}. Start it, or name its directory with --data DIR."
        raise Declined(text, NOT_RUNNING)
    return outcome
