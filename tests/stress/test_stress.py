"""`lanchat-stress`: what it measures is so, what it says gave way did, and it puts no load where it should not."""

from __future__ import annotations

import json
import math
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pexpect
import pytest
from hypothesis import given, strategies as st
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport

from lanchat.stress.bot import Bot, UnframedBot
from lanchat.stress.histogram import Histogram
from lanchat.stress.main import main
from lanchat.stress.options import Storm
from lanchat.stress.pool import WorkerProcess
from lanchat.stress.report import draw
from lanchat.stress.scenarios import ServerUsage, StepResult
from lanchat.stress.schedule import SECOND, Schedule
from lanchat.stress.tally import MAX_TEXTS, OTHER_TEXTS, Tally
from lanchat.stress.verdict import FINE, SERVER_FAILED, TOOL_WAS_THE_LIMIT, judge, status
from tests.live import LOOPBACK, PATIENCE, SCRIPTS, Server, environment, until

COMMAND = str(SCRIPTS / "lanchat-stress")
WRONG_OPTIONS, UNREACHABLE, INTERRUPTED = 2, 3, 130
#: How often the break point is looked for: on a busy machine the tool itself is the limit now and then.
TRIES = 20
DOCUMENT = (Path(__file__).parents[2] / "docs" / "stress.md").read_text()


class Result(NamedTuple):
    """What a run left behind."""

    status: int
    out: str
    err: str

    @property
    def report(self) -> dict[str, Any]:
        """What `--json` printed."""
        report: dict[str, Any] = json.loads(self.out)
        return report

    def unless_busy(self, status: int) -> int:
        """This status; or that the tool was the limit, if it says so, as it should on a machine that others keep busy."""
        return TOOL_WAS_THE_LIMIT if any(each["who"] == "tool" for each in self.report["gave_way"]) else status

    @property
    def row(self) -> dict[str, Any]:
        """The only step."""
        (row,) = self.report["rows"]
        return dict(row)


@contextmanager
def started(directory: Path) -> Iterator[Server]:
    """A server with a JSON port and a TLS port."""
    with Server(directory, "--port", LOOPBACK, "--tls", LOOPBACK) as running:
        until(lambda: "tls" in dict(running.listening()), "the TLS port")
        yield running


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with started(tmp_path_factory.mktemp("server")) as running:
        yield running


@pytest.fixture
def new_server(tmp_path: Path) -> Iterator[Server]:
    """A server for one test that looks for lines in its log: after many lines of a kind the log sums up the rest."""
    with started(tmp_path) as running:
        yield running


def start(*arguments: str) -> subprocess.Popen[str]:
    """Run it in the background."""
    return subprocess.Popen([COMMAND, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)  # noqa: S603 (ours)


def finish(process: subprocess.Popen[str]) -> Result:
    """Wait for its end."""
    out, err = process.communicate(timeout=PATIENCE)
    return Result(process.returncode, out, err)


def load(port: int, kind: str, *arguments: str) -> Result:
    """Put a load on a server on this machine."""
    return finish(start(kind, "--server", f"127.0.0.1:{port}", "--json", *arguments))


def workers(process: subprocess.Popen[str]) -> list[int]:
    """The processes that it has started."""
    return [int(pid) for pid in Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()]


def begun(server: Server, *arguments: str) -> subprocess.Popen[str]:
    """One that runs, and whose users have begun to talk, for some of them have left already."""
    since = len(server.text())
    running = start("stress", "--server", f"127.0.0.1:{server.port()}", "--bots", "20", "--rate", "10", *arguments)
    until(lambda: " left: quit" in server.text()[since:], "the users")
    return running


def hold_up(pid: int, seconds: float) -> threading.Timer:
    """Stop a process; it goes on after a while."""
    os.kill(pid, signal.SIGSTOP)
    resume = threading.Timer(seconds, os.kill, (pid, signal.SIGCONT))
    resume.start()
    return resume


# What it measures.


@given(st.lists(st.integers(0, 100 * SECOND), min_size=1), st.floats(0.1, 100))
def test_a_percentile_is_the_exact_one_or_at_most_a_sixty_fourth_more(times: list[int], percent: float) -> None:
    histogram = Histogram()
    for nanoseconds in times:
        histogram.record(nanoseconds)
    exact = sorted(times)[math.ceil(len(times) * percent / 100) - 1]
    assert exact <= histogram.percentile(percent) <= exact * (1 + 1 / 64)
    assert (histogram.percentile(100), histogram.max, len(histogram)) == (max(times), max(times), len(times))


@given(st.lists(st.integers(0, SECOND)), st.lists(st.integers(0, SECOND)))
def test_what_processes_count_adds_up(here: list[int], there: list[int]) -> None:
    apart, whole = [Tally(), Tally()], Tally()
    for tally, times in zip(apart, (here, there), strict=True):
        for nanoseconds in times:
            tally.counts["sent"] += 1
            tally.times["message"].record(nanoseconds)
            whole.counts["sent"] += 1
            whole.times["message"].record(nanoseconds)
    added = Tally()
    for tally in apart:
        added.add(Tally.from_json(json.loads(json.dumps(tally.as_json()))))
    assert added.counts == whole.counts
    assert added.times["message"].as_json()[1] == whole.times["message"].max
    assert all(added.times["message"].percentile(p) == whole.times["message"].percentile(p) for p in (1, 50, 99, 100))


def test_words_of_the_server_do_not_fill_the_memory() -> None:
    tally, more = Tally(), Tally()
    more.refused.update({f"go away {n}": 1 for n in range(1000)})
    tally.add(more)
    assert len(tally.refused) == MAX_TEXTS + 1
    assert tally.refused[OTHER_TEXTS] == 1000 - MAX_TEXTS


def test_who_could_not_speak_in_time_is_late_from_the_intended_time() -> None:
    clock, lag, acted = Clock(), Histogram(), []

    def act(due: int) -> None:
        acted.append((due, int(clock.seconds() * SECOND)))
        if len(acted) == 1:
            clock.rightNow += 1  # something takes a second, here or in the server

    Schedule(clock, iter(range(0, SECOND, SECOND // 10)), act, lambda: lag, lambda: int(clock.seconds() * SECOND))
    clock.advance(0)
    assert [due for due, _ in acted] == list(range(0, SECOND, SECOND // 10))
    assert {when for _, when in acted[1:]} == {SECOND}
    assert lag.max == 9 * SECOND // 10
    assert lag.percentile(50) > SECOND // 3


def test_a_server_that_stalls_for_a_second_shows_in_the_percentiles(new_server: Server) -> None:
    running = begun(new_server, "--for", "3", "--json")
    resume = hold_up(new_server.process.pid, 1)
    times = finish(running).row["ms"]["message"]
    resume.join()
    # A third of the messages or so was due in that second, and waited for half of it on the average.
    assert times["max"] > 800
    assert times["p95"] > 500


class Chat:
    """Where a bot of these tests lives."""

    def __init__(self, kind: type[Bot] = Bot) -> None:
        self.run, self.tally, self.here = "beef", Tally(), 0
        self.wire = StringTransport()
        self.wire.setTcpNoDelay = lambda enabled: None  # type: ignore[attr-defined]  # it is no socket
        self.bot = kind(self, 7, time.monotonic_ns())
        self.bot.makeConnection(self.wire)

    def bot_welcomed(self, bot: Bot) -> None:
        """It was welcomed."""
        self.here += 1

    def bot_disconnected(self, bot: Bot) -> None:
        """Its connection has ended."""
        self.here -= 1

    def comes(self, sender: str, to: str, msg: str, **x: object) -> None:
        """The server sends it a packet."""
        packet = {"from": {"name": sender, "ip": "127.0.0.1"}, "to": to, "msg": msg} | ({"x": x} if x else {})
        self.bot.dataReceived(json.dumps(packet).encode() + b"\n")


def test_only_what_this_run_said_is_counted_and_what_is_not_as_it_was_said_is_wrong() -> None:
    house = Chat()
    now = time.monotonic_ns()
    house.comes("stress-beef-3", "stress-beef-7", f"beef.3.{now - SECOND} hi")
    house.comes("alice", "stress-beef-7", "who are you?")
    house.comes("stress-cafe-3", "stress-beef-7", f"cafe.3.{now} hi")
    assert house.tally.counts == {"delivered": 1}
    assert house.tally.times["message"].max >= SECOND
    house.comes("stress-beef-4", "stress-beef-7", f"beef.3.{now} hi")  # somebody else's words
    house.comes("stress-beef-3", "stress-beef-8", f"beef.3.{now} hi")  # not for this one
    house.bot.dataReceived(b"what is that?\n")
    assert house.tally.counts["wrong"] == 3


@pytest.mark.parametrize("kind", [Bot, UnframedBot])
def test_a_command_is_answered_once_and_as_it_should_be(kind: type[Bot]) -> None:
    house = Chat(kind)
    x: list[dict[str, object]] = [{"op": "ok", "cid": str(n)} if kind is Bot else {} for n in (1, 2, 3)]
    house.bot.ask("/time", 0)
    house.bot.ask("/list", 0)
    house.comes("SERVER", house.bot.name, "Server time: now", **x[0])
    house.comes("SERVER", house.bot.name, "Server time: now", **x[1])
    assert (house.tally.counts["answered"], house.tally.counts["wrong"]) == (2, 1)
    house.comes("SERVER", house.bot.name, "Server time: now", **x[2])
    assert (house.tally.counts["answered"], house.tally.counts["wrong"]) == (2, 2)


@pytest.mark.parametrize("kind", [Bot, UnframedBot])
def test_what_the_server_refuses_is_counted_by_its_code(kind: type[Bot]) -> None:
    house = Chat(kind)
    house.bot.ask("/list", 0)
    house.bot.say(3, "hi", 0)
    x: list[dict[str, object]] = [{"op": "fail", "code": "RATE_LIMITED", "cid": "1"}, {"op": "fail", "code": "NO_SUCH_TARGET"}]
    texts = [
        "That is too much at once. Try again in 1 s.",
        "The user stress-beef-3 is not available. Send /list to see who is.",
    ]
    for text, more in zip(texts, x, strict=True):
        house.comes("SERVER", house.bot.name, text, **(more if kind is Bot else {}))
    assert house.tally.errors == {"RATE_LIMITED": 1, "NO_SUCH_TARGET": 1}
    assert house.tally.counts == {"asked": 1, "failed": 1, "sent": 1, "undelivered": 1}


@pytest.mark.parametrize("kind", [Bot, UnframedBot])
def test_who_is_sent_away_says_with_which_words(kind: type[Bot]) -> None:
    house = Chat(kind)
    welcome: dict[str, object] = {"op": "welcome"} if kind is Bot else {}
    bye: dict[str, object] = {"op": "bye", "code": "RELOAD"} if kind is Bot else {}
    house.comes("SERVER", house.bot.name, "Welcome stress-beef-7!", **welcome)
    house.comes("SERVER", house.bot.name, "The server is shutting down. Goodbye!", **bye)
    house.bot.connectionLost()
    assert (house.tally.closed, house.here) == ({"The server is shutting down. Goodbye!": 1}, 0)
    late = Chat(kind)
    late.comes("SERVER", "Guest", "The name stress-beef-7 is already taken. Try stress-beef-72.")
    late.bot.connectionLost()
    assert late.tally.refused == {"The name NAME is already taken. Try NAME2.": 1}


# What it says gave way.


class Wanted(dict[str, Any]):
    """Options, as far as bounds go."""

    kind = "breakpoint"


BOUNDS = Wanted({"max-latency": 1000.0, "max-errors": 0.0})


def row(
    lag: int = 1, latency: int = 5, busiest: float = 0.1, refused: str = "", machine: float = 0.5, server: float = 0.5
) -> StepResult:
    """One with these milliseconds and shares."""
    made = StepResult(10, 5.0, busiest=busiest, machine=machine, server=ServerUsage(server, 0))
    made.tally.counts.update(sent=100, delivered=100, opened=10)
    for _ in range(100):
        made.tally.times["lag"].record(lag * 1_000_000)
        made.tally.times["message"].record(latency * 1_000_000)
    if refused:
        made.tally.refused[refused] += 1
    return made


@pytest.mark.parametrize(
    ("seen", "words", "code"),
    [
        (row(), "", FINE),
        (row(lag=100, latency=110), "the load tool was the limit: it was 100 ms late", TOOL_WAS_THE_LIMIT),
        (row(lag=100, latency=900), "", FINE),
        (row(lag=1500, latency=1600), "the load tool was the limit", TOOL_WAS_THE_LIMIT),
        (row(busiest=0.95), "its busiest process took 95% of a core", TOOL_WAS_THE_LIMIT),
        (row(refused=f"24: {os.strerror(24)}"), "the load tool was the limit: 1 connections: 24", TOOL_WAS_THE_LIMIT),
        (row(refused="The server is full."), "refused: The server is full.", SERVER_FAILED),
        (row(refused="The server is full.", busiest=1), "the load tool was the limit", SERVER_FAILED),
        (row(machine=0.99), "", FINE),
        (row(latency=1100, machine=0.99), "all cores of this machine were busy (99%)", TOOL_WAS_THE_LIMIT),
        (row(latency=1100, machine=0.99, server=0.95), "latency: p99 is 1100 ms", SERVER_FAILED),
        (row(latency=1100), "latency: p99 is 1100 ms, over 1000 ms", SERVER_FAILED),
    ],
)
def test_it_tells_the_server_and_itself_apart(seen: StepResult, words: str, code: int) -> None:
    verdicts = judge(seen, BOUNDS)
    assert status(verdicts) == code
    assert words in " ".join(verdict.text for verdict in verdicts)
    assert bool(words) is bool(verdicts)


def test_what_is_lost_or_refused_passes_the_bound() -> None:
    seen = row()
    seen.tally.counts.update(sent=5, undelivered=2)
    seen.tally.errors["NO_SUCH_TARGET"] = 2
    (verdict,) = judge(seen, BOUNDS)
    assert verdict.text == "of 105 messages and commands 5 failed: NO_SUCH_TARGET 2, 3 lost"
    assert judge(seen, Wanted(BOUNDS | {"max-errors": 5.0})) == []


def test_a_worker_that_is_held_up_is_reported_as_the_limit(new_server: Server) -> None:
    running = begun(new_server, "--for", "3")
    resume = hold_up(workers(running)[0], 0.7)
    done = finish(running)
    resume.join()
    assert "the load tool was the limit: it was" in done.out
    assert done.status == TOOL_WAS_THE_LIMIT


# The kinds of load, on a real server.


@pytest.mark.parametrize("dialect", ["", "--unframed", "--tls"])
def test_random_users_lose_nothing(server: Server, dialect: str) -> None:
    port, since, began = server.port("tls" if dialect == "--tls" else "json"), len(server.text()), time.monotonic()
    done = load(port, "stress", "--bots", "20", "--for", "0.5", "--rate", "20", *filter(None, [dialect]))
    assert (done.status, done.err) == (done.unless_busy(FINE), "")
    seen = done.row
    assert seen["sent"] == seen["delivered"] + seen["undelivered"] > 50
    assert (seen["lost"], seen["unanswered"], seen["wrong"]) == (0, 0, 0)
    assert sum(seen["errors"].values()) == seen["undelivered"]
    assert seen["asked"] == seen["answered"] > 5
    assert seen["welcomed"] >= 20
    assert seen["left"] > 0
    assert "Traceback" not in server.text()[since:]
    assert 0 < seen["ms"]["message"]["p50"] <= seen["ms"]["message"]["p99"] <= seen["ms"]["message"]["max"]
    assert seen["ms"]["message"]["max"] < (time.monotonic() - began) * 1000


@pytest.mark.parametrize("tls", [False, True])
def test_a_storm_tells_when_all_are_in(new_server: Server, tls: bool) -> None:
    since = len(new_server.text())
    done = load(new_server.port("tls" if tls else "json"), "storm", "--bots", "60", *(["--tls"] if tls else []))
    assert done.status == done.unless_busy(FINE)
    assert (done.row["users"], done.row["welcomed"], done.row["ms"]["welcome"]["count"]) == (60, 60, 60)
    # The users come from many addresses of this machine, those of each process from its own.
    addresses = set(re.findall(r"joined from (127\.0\.\d+)\.\d+", new_server.text()[since:]))
    assert addresses == {f"127.0.{n + 1}" for n in range(done.report["processes"])}
    undocumented = [
        key for key in (*done.report, *done.row, *done.row["ms"], *done.row["ms"]["lag"]) if f"`{key}`" not in DOCUMENT
    ]
    assert not undocumented


def test_the_break_point_is_found_and_said(tmp_path: Path) -> None:
    with Server(tmp_path, "--port", LOOPBACK, "--limit", "users=25") as small:
        steps = ("--to", "60", "--step", "10", "--hold", "0.2", "--rate", "30", "--opens", "500")
        tries = (load(small.port(), "breakpoint", *steps, "--pid", str(small.process.pid)) for _ in range(TRIES))
        done = next(one for one in tries if one.status != TOOL_WAS_THE_LIMIT)
    assert done.status == SERVER_FAILED
    assert [seen["users"] for seen in done.report["rows"]] == [10, 20, 25]
    assert done.report["rows"][2]["refused"] == {"The server is full. Try again later.": 5}
    assert done.report["rows"][1]["sent"] == done.report["rows"][1]["delivered"] > 50
    assert done.report["rows"][0]["server"]["rss"] > 2**20
    assert {"who": "server", "what": "5 connections were refused: The server is full. Try again later."} in done.report[
        "gave_way"
    ]


def test_a_plot_is_a_picture(server: Server, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    once, steps = tmp_path / "once.png", tmp_path / "steps.png"
    done = load(server.port(), "storm", "--bots", "4", "--plot", str(once))
    assert done.status == done.unless_busy(FINE)
    draw([row(), row(latency=9)], str(steps))
    for picture in (once, steps):
        assert picture.read_bytes().startswith(b"\x89PNG\r\n\x1a\n")


def test_without_what_draws_it_a_plot_is_refused_at_once(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    assert main(["storm", "--plot", str(tmp_path / "plot.png")]) == WRONG_OPTIONS
    assert "pip install 'lanchat[plot]'" in capsys.readouterr().err


def test_a_latency_over_the_bound_ends_it(server: Server) -> None:
    done = load(
        server.port(), "breakpoint", "--to", "8", "--step", "4", "--hold", "0.3", "--rate", "20", "--max-latency", "0.01"
    )
    assert done.status == done.unless_busy(SERVER_FAILED)
    assert len(done.report["rows"]) == 1
    assert "over 0.01 ms" in next(each["what"] for each in done.report["gave_way"] if each["who"] == "server")


# Where it puts no load, and how it ends.


@pytest.mark.parametrize("arguments", [(), ("--i-own", "192.0.2.1"), ("--i-own", "localhost")])
def test_no_load_is_put_on_another_host_unless_its_owner_names_it(
    arguments: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["storm", "--server", "192.0.2.77:5000", *arguments]) == WRONG_OPTIONS
    out, err = capsys.readouterr()
    assert "192.0.2.77 is not this machine" in err
    assert "--i-own 192.0.2.77" in err
    assert (out, err.count("\n")) == ("", 1)


def test_the_owner_may_name_it() -> None:
    wanted = Storm()
    wanted.parseOptions(["--server", "192.0.2.77:5000", "--i-own", "192.0.2.77"])
    assert (wanted["addresses"], wanted["loopback"]) == ([(socket.AF_INET, "192.0.2.77")], False)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "which test?"),
        (["sturm"], "sturm"),
        (["stress", "--bots", "many"], "--bots many: that is not a whole number above 0"),
        (["stress", "--for", "nan"], "--for nan: that is not a number of seconds"),
        (["stress", "--server", "127.0.0.1:0"], "127.0.0.1:0"),
        (["stress", "127.0.0.1:5000"], "--server HOST[:PORT]"),
        (["stress", "--fingerprint", "SHA256:x"], "--fingerprint needs --tls"),
        (["stress", "--tls", "--fingerprint", "SHA256:x"], "a fingerprint is SHA256:"),
        (["stress", "--tls", "--ca", "/no/such/file"], "can't read /no/such/file"),
        (["stress", "--unframed", "--rate", "50"], "--rate is at most 20"),
        (["stress", "--plot", "picture.jpg"], "ends in .png"),
        (["stress", "--server", "192.0.2.77", "--i-own", "192.0.2.77", "--tls"], "--insecure"),
    ],
)
def test_what_makes_no_sense_is_said_in_one_line(arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments) == WRONG_OPTIONS
    out, err = capsys.readouterr()
    assert words in err
    assert (out, err.count("\n")) == ("", 1)


def test_a_server_that_is_not_there_is_said_in_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["storm", "--server", "127.0.0.1:1"]) == UNREACHABLE
    assert capsys.readouterr() == ("", "lanchat-stress: can't connect to 127.0.0.1:1: Connection refused.\n")


def test_a_server_with_another_key_gets_no_load(server: Server) -> None:
    done = load(server.port("tls"), "storm", "--bots", "3", "--tls", "--fingerprint", "SHA256:" + "A" * 43)
    assert done.status == SERVER_FAILED
    assert done.row["welcomed"] == 0
    assert "not the one given with --fingerprint" in done.report["gave_way"][0]["what"]


def test_ctrl_c_ends_it_and_leaves_nothing_behind(new_server: Server) -> None:
    running = begun(new_server)
    processes = workers(running)
    running.send_signal(signal.SIGINT)
    done = finish(running)
    assert done.status == INTERRUPTED
    assert done.out.endswith("Interrupted: unfinished steps are not shown.\n")
    assert done.err == ""
    assert len(processes) >= 2
    until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in processes), "the workers to end")


def test_workers_end_with_a_tool_that_was_killed(new_server: Server) -> None:
    running = begun(new_server)
    processes = workers(running)
    running.kill()
    finish(running)
    until(lambda: not any(is_running(pid) for pid in processes), "the workers to end")


def is_running(pid: int) -> bool:
    """Whether it is there, and not only waits for somebody to notice its end."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_a_worker_that_dies_is_reported_in_one_line(new_server: Server) -> None:
    running = begun(new_server)
    os.kill(workers(running)[1], signal.SIGKILL)
    done = finish(running)
    assert done.status == TOOL_WAS_THE_LIMIT
    assert done.err.startswith("lanchat-stress: worker process ")
    assert "signal 9" in done.err
    assert done.err.count("\n") == 1


def test_a_worker_that_does_not_answer_is_given_up() -> None:
    clock, hand, lost = Clock(), WorkerProcess(0), []
    hand.transport = StringTransport()
    hand.report(clock).addErrback(lambda failure: lost.append(failure.getErrorMessage()))
    clock.advance(61)
    assert lost == ["worker process 1 of the load tool is lost: no answer for 60 s"]


def test_a_terminal_sees_how_far_it_is(server: Server) -> None:
    arguments = ["stress", "--server", f"127.0.0.1:{server.port()}", "--bots", "10", "--for", "0.4"]
    child = pexpect.spawn(COMMAND, arguments, timeout=PATIENCE, encoding="utf-8", env=environment(TERM="xterm"))
    child.expect(r"\[#+\.*\] 10 users talk, 0 s to go")
    status = (FINE, TOOL_WAS_THE_LIMIT)[child.expect(["All within bounds", "the load tool was the limit"])]
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == status
