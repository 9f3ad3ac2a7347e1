"""What programs that read the server's log rely on stays: the namespaces, and the words of certain lines."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[2] / "lanchat"
#: The namespaces of all loggers. Filters and alerts name them, so they stay when a module moves; new ones may be added.
NAMESPACES = {
    f"lanchat.{name}"
    for name in (
        "commands.accounts", "control", "delivery", "drain", "edge", "files", "gateways.connection", "gateways.intake",
        "gateways.tick", "hooks", "irc", "journal", "listener", "login", "manhole.door", "manhole.login", "manhole.shell",
        "manhole.tap", "notify", "operations", "outgoing", "reactor", "realm", "reload", "replay", "router", "service",
        "store.anew", "store.keys", "store.retention", "store.store", "store.tidying", "store.writing", "stored", "streams",
        "tap", "tls", "web.door", "webchat.files", "webchat.uploads", "withdrawals",
    )
}  # fmt: skip
#: The words of lines about refusals, logins, decisions, and the start, drain and reload of the server (docs/operations.md, "The
#: log"), by the function that they are passed to. In f-strings `{}` stands for each value.
STABLE = {
    # Refusals and failed logins.
    "warn": {
        "refused {ip}: {why}",
        "login as {name} from {ip} failed",
        "manhole: refused {ip}: there are {n} connections",
        "manhole: refused {way} from {ip} as {label}: {why}",
        "manhole: {ip} does not speak SSH ({kind})",
        "manhole: {ip} did not log in within {seconds:.0f} seconds",
        "manhole: {key} from {ip} is one too many",
        "manhole: {key} may not come from {ip}, as {label} did",
        "uid {uid} asked for what only the administrator may do",
        "draining: nobody new is let in, and the server ends in {left}",
        "the drain is called off{wrong}",
        "--allow any: connections from everywhere are let in",
    },
    "info": {
        "refused {ip} ({gateway}): {code} {why}",
        "manhole: {key} logged in from {ip} as {label}",
        "manhole: {key} from {ip} logged out",
        "manhole: {key} from {ip} {what}",
        "administrator ({who}): {text}",
        "{versions} keeps all in {data}",
        "listening for {listener}",
    },
    "error": {"TLS goes on with the old certificate: {refused}"},
    "say": {"reload ({who}): {line}"},
    "_log_refusal": {"is not in a network that may connect (--allow)"},
    "UnauthorizedLogin": {
        "this key is not listed",
        "signatures with SHA-1 are not taken",
        "the security key says that nobody touched it, or showed who they are",
        "this key may not come from there",
    },
    # Decisions of moderators, and of the owners of rooms.
    "decided": {
        "{} was {}",
        "{} is {}",
        "{} is not {} any more, says {}",
        "{} is not invited to {} any more, says {}",
        "{} closed {}",
    },
    "what": {"until it is undone"},
    # Arrivals and departures.
    "note": {
        "{} joined from {} ({})",
        "{} left: {}",
        "{} is an account now",
        "{} changed their password",
        "{} made {}{}",
    },
    "close": {
        "quit", "shut down", "did not read what was sent to it", "did not log in", "no answer to a ping",
        "sent packets to the telnet door", "too many wait to log in", "the name was made an account", "a fault of the server",
    },
    # What a reload, or the administrator, has done.
    "append": {"manhole: {} may not enter any more{}", "manhole: the line of {} restricts it in another way{}"},
    "Done": {"{} is an account now, as {}.", "{} is {} now."},
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


def text_of(node: ast.expr) -> str:
    """A string, or an f-string with `{}` in place of each value; "" for anything else."""
    if isinstance(node, ast.JoinedStr):
        return "".join(str(part.value) if isinstance(part, ast.Constant) else "{}" for part in node.values)
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""


@pytest.mark.parametrize(("function", "texts"), STABLE.items())
def test_lines_that_programs_match_keep_their_words(function: str, texts: set[str]) -> None:
    passed = {
        text_of(value)
        for call in calls()
        if getattr(call.func, "attr", getattr(call.func, "id", "")) == function
        for value in (*call.args, *(keyword.value for keyword in call.keywords))
    }
    assert texts <= passed
