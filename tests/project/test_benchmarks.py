"""The comparison with other servers works, and its arithmetic is right. Nothing here asserts a time."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from benchmarks import abuse, crowd, hooks, irc_strangers, sizing, stored, tables
from benchmarks.measure import Outcome, Pace, put, turns
from benchmarks.results import Results
from benchmarks.servers import ROOT, Server
from benchmarks.strangers import COMMANDED, rows
from benchmarks.works import PAIRS_MANY, STORM, WORKS, Load, Work
from lanchat.commands import COMMANDS
from lanchat.irc_commands import COMMANDS as IRC_COMMANDS

OURS, OTHER = (Server(name, "json", ["none"], "1.0") for name in ("lanchat", "inspircd"))
SPEED = next(work for work in WORKS if work.number == 2)
MEMORY = next(work for work in WORKS if work.number == 6)
WRITTEN_HERE = {"threads", "select_loop", "asyncio_streams", "plain_twisted", "c_relay"}


def benchmarks(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "benchmarks", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)  # noqa: S603 (ours)


@pytest.fixture(scope="module")
def short_form(generator: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file that a short form of the whole comparison wrote."""
    file = tmp_path_factory.mktemp("short") / "results.json"
    done = benchmarks("--short", "--json", str(file))
    assert done.returncode == 0, done.stderr
    return file


def measured(work: Work, ours: list[float], theirs: list[float]) -> Results:
    """Results as if these figures had been measured, a round each."""
    outcomes = [
        Outcome(number, server.name, work.load, {work.figure: figure})
        for server, figures in ((OURS, ours), (OTHER, theirs))
        for number, figure in enumerate(figures)
    ]
    return Results("python -m benchmarks", {}, Pace(len(ours), 1.0), [work], [OURS, OTHER], [], outcomes)


def test_the_short_form_has_every_work_on_every_server_that_can_do_it(short_form: Path) -> None:
    results = msgspec.json.decode(short_form.read_bytes(), type=Results)
    assert {server.name for server in results.servers} >= {"lanchat"} | WRITTEN_HERE
    assert [work.number for work in results.works] == [work.number for work in WORKS]
    for server in results.servers:
        for work in results.works:
            assert (results.median(work, server.name) is None) == bool(server.lacks(work.load)), (server.name, work.title)


def test_lanchat_does_every_work(short_form: Path) -> None:
    results = msgspec.json.decode(short_form.read_bytes(), type=Results)
    assert all("lanchat" in results.ranking(work) for work in results.works)


def test_the_report_is_written_from_kept_results(short_form: Path, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib", reason="the plots need matplotlib")
    done = benchmarks("--from", str(short_form), "--report", str(tmp_path))
    assert done.returncode == 0, done.stderr
    text = (tmp_path / "RESULTS.md").read_text()
    assert "its figures\nmean nothing" in text
    assert all(f"## {work.number}. {work.title}" in text for work in WORKS)
    assert str(ROOT) not in text
    for name in ("works.png", "cpu.png"):
        assert f"({name})" in text
        assert (tmp_path / name).read_bytes().startswith(b"\x89PNG")


def test_a_server_that_ends_is_a_failure_with_its_last_words(generator: Path) -> None:
    server = Server("broken", "json", [sys.executable, "-c", "raise SystemExit('no such option')"], "1.0")
    outcome = put(generator, server, Load("pairs", users=2), Pace(1, 0.1), 0)
    assert outcome.failure == "broken did not start: no such option"


def test_a_server_that_drops_its_users_is_a_failure(generator: Path) -> None:
    listen = "import socket, sys\ndoor = socket.create_server(('127.0.0.1', int(sys.argv[1])))\n"
    dropping = f"{listen}while True: door.accept()[0].close()"
    server = Server("dropping", "json", [sys.executable, "-c", dropping, "@PORT@"], "1.0")
    outcome = put(generator, server, Load("pairs", users=2), Pace(1, 0.1), 0)
    assert outcome.failure.startswith("only 0 of 2 users came in")


def test_another_server_begins_each_round() -> None:
    order = [(number, server.name) for number, _, server in turns([OURS, OTHER], [PAIRS_MANY], 2)]
    assert order == [(0, "lanchat"), (0, "inspircd"), (1, "inspircd"), (1, "lanchat")]


def test_a_server_is_left_out_of_what_its_model_cannot_do() -> None:
    few = Server("few", "json", ["none"], "1.0", users=1010)
    one = Server("one", "seed", ["none"], "1.0", window=1)
    assert few.lacks(STORM)
    assert one.lacks(Load("pairs", users=100, window=64))
    assert one.lacks(Load("pairs", users=100, rate=1000))
    assert not few.lacks(PAIRS_MANY)
    assert not one.lacks(PAIRS_MANY)
    assert [server.name for _, _, server in turns([OURS, few], [STORM], 1)] == ["lanchat"]


def test_a_ratio_is_the_median_of_the_rounds_ratios() -> None:
    # The ratio of the medians would be 1.5: each server was slow in a round of its own.
    results = measured(SPEED, [100.0, 20.0, 90.0], [200.0, 40.0, 60.0])
    assert results.ratios(SPEED, "inspircd") == [0.5, 0.5, 1.5]
    assert "0.500 (0.500 to 1.500) | ≥ 0.95 | not met" in tables.of_work(results, SPEED)


def test_what_was_not_reached_is_said() -> None:
    results = measured(SPEED, [90.0], [100.0])
    assert "0.900 | ≥ 0.95 | not met" in tables.of_targets(results)
    assert tables.verdict(results, SPEED) == "**inspircd wins**: 100 messages/s; lanchat has 90, place 2 of 2."


def test_less_memory_wins() -> None:
    results = measured(MEMORY, [3.0], [4.5])
    assert tables.verdict(results, MEMORY) == "**lanchat wins**: 3.00 KiB; next is inspircd with 4.50."
    assert "3.00 |    ≤ 4 | met" in tables.of_targets(results)


def test_a_relay_that_serves_nobody_wins_nothing() -> None:
    results = measured(SPEED, [90.0], [100.0])
    results.servers[1] = msgspec.structs.replace(OTHER, floor=True)
    assert tables.verdict(results, SPEED) == "Only lanchat was measured: 90 messages/s."


def test_a_failed_round_counts_for_nothing_and_the_reason_is_shown() -> None:
    results = measured(SPEED, [90.0, 80.0], [100.0])
    results.outcomes.append(Outcome(1, "inspircd", SPEED.load, {SPEED.figure: 1.0}, "connections were lost under way."))
    assert results.ratios(SPEED, "inspircd") == [0.9]
    results.outcomes = [outcome for outcome in results.outcomes if outcome.failure or outcome.server == "lanchat"]
    assert tables.absent(results, SPEED) == ["Not here: inspircd. Connections were lost under way."]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--servers", "ghost"), "there is no 'ghost'"),
        (("--works", "9"), "there is no '9'"),
        (("--also", "old"), "write NAME=PLACE"),
        (("--also", "lanchat=."), "a name that no other server has"),
        (("--also", "old=tests"), "there is no lanchat that runs in tests"),
        (("--from", "nowhere.json"), "Give a file that --json wrote"),
        (("--rounds", "0"), "0 is no number of rounds"),
        (("--seconds", "0"), "0 is no time to measure"),
    ],
)
def test_what_cannot_be_done_is_said_in_a_line(arguments: tuple[str, ...], said: str) -> None:
    done = benchmarks(*arguments)
    assert done.returncode == 2
    assert said in done.stderr.splitlines()[-1]


@pytest.mark.usefixtures("generator")
def test_the_short_form_of_storing_works(capsys: pytest.CaptureFixture[str]) -> None:
    assert stored.TRIAL.main(["--short"]) == 0
    assert "stored / relayed" in capsys.readouterr().out


@pytest.mark.usefixtures("generator")
def test_the_short_form_of_sizing_has_a_row_for_each_number_of_users(capsys: pytest.CaptureFixture[str]) -> None:
    assert sizing.TRIAL.main(["--short"]) == 0
    rows = [line.split("|") for line in capsys.readouterr().out.splitlines()[2:]]
    assert [row[1].strip() for row in rows] == ["200", "400"]
    assert all(float(cell) > 0 for row in rows for cell in row[3:7])


def test_the_short_form_of_webhooks_posts_in_both_ways_and_counts_what_is_stored(capsys: pytest.CaptureFixture[str]) -> None:
    assert hooks.TRIAL.main(["--short"]) == 0
    rows = [line.split("|") for line in capsys.readouterr().out.splitlines()[2:]]
    assert [row[1].strip() for row in rows] == [hooks.KEPT, hooks.NEW]
    assert all(float(cell) > 0 for row in rows for cell in row[2:7])


def test_a_stranger_tries_every_command_at_every_gateway() -> None:
    tried = {(row.gateway, row.title) for row in rows()}
    assert {(gateway, name) for gateway in COMMANDED for name in COMMANDS} <= tried
    of_irc = {row.frame.split()[0].decode() for row in irc_strangers.rows() if row.frame.split()}
    assert of_irc >= IRC_COMMANDS.keys()


def test_a_stranger_sends_a_whole_line_of_irc_at_a_time() -> None:
    for row in irc_strangers.rows():
        if row.frame.endswith(b"\r\n") and not row.frame.startswith(b"@"):
            assert all(len(line) <= 510 for line in row.frame.split(b"\r\n")), row.title


def test_as_many_ordinary_messages_are_allowed_as_the_limits_say() -> None:
    assert crowd.allowed(100, 0) == 2000
    assert crowd.allowed(100, 1) == 2200
    assert crowd.allowed(16_000, 0) == 2_621_440 // 16_256


def test_the_short_form_of_abuse_tells_the_dearest_first(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "abuse.json"
    assert abuse.main(["--short", "--json", str(file), "--report", str(tmp_path)]) == 0
    results = msgspec.json.decode(file.read_bytes(), type=abuse.Results)
    times = [row.times for row in results.rows]
    assert times == sorted(times, reverse=True)
    assert len(results.together) == abuse.WORST
    assert all(row.p99 > 0 for row in (*results.rows, results.peace))
    assert "Beside 50 of the worst" in capsys.readouterr().out
    assert str(ROOT) not in (tmp_path / "ABUSE.md").read_text()
