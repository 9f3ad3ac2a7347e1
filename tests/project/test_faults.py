"""Nothing acknowledged is lost, and nothing comes twice or out of order, whatever is done to the server and the network.

This is the short form of `python -m tests.faults`; the parts that harm and report have tests of their own.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from tests.faults.__main__ import main, show
from tests.faults.checker import CHECKS, check
from tests.faults.events import Accepted, AnyEvent, Fault, Invoked, digest, now
from tests.faults.history import History, load
from tests.faults.model_of_changes import Model
from tests.faults.nemesis import Nemesis, exported
from tests.faults.proxy import Proxy
from tests.faults.report import report
from tests.faults.trial import Trial

#: Seconds that a fault lasts at most; the clients give a connection up after 3.
LONGEST = 4.0
SECOND = 10**9


async def short_torment(nemesis: Nemesis) -> None:
    """Each fault once, and four kills. By the last of them more was said than is kept."""
    await asyncio.sleep(1)
    await nemesis.kill()
    await nemesis.slow()
    for fault in (nemesis.cut, nemesis.stop, nemesis.truncate, nemesis.read_from_outside, nemesis.full_disk):
        if fault in nemesis.faults:  # only root can make a disk
            await fault()
        await asyncio.sleep(0.7)
    await nemesis.kill()
    await asyncio.gather(nemesis.stall(), nemesis.write_errors())
    for _ in range(2):
        await asyncio.sleep(0.7)
        await nemesis.kill()


def test_nothing_is_lost_or_doubled_over_kills_cuts_a_stop_and_a_full_disk(tmp_path: Path) -> None:
    told: list[str] = []
    trial = Trial(tmp_path, seed=1, rate=15, tell=told.append, retain=1)
    asyncio.run(asyncio.wait_for(trial.run(short_torment, LONGEST), 120))
    history = load(tmp_path.glob("*.jsonl"))
    found = report(history, check(history), trial.subject.log)
    assert found["lines"] == {}
    assert found["ok"] > 200
    assert found["ok as a duplicate"] > 0
    assert found["deliveries by resume"] > 0
    assert found["names owned"] > 10
    assert min(found[f"changes: {kind}"] for kind in ("edit", "react", "withdraw")) > 10
    assert min(found["searches for what was withdrawn"], found["markers moved"], found["ranks given"]) > 3
    assert found["faults: kill"] == 4
    assert history.floor > min(message.accepted[0].seq for message in history.messages.values() if message.accepted)
    if trial.subject.disk.own:
        assert found["refusals"] > 0


# The report.


def test_the_figures_are_those_of_the_history() -> None:
    events: list[AnyEvent] = [
        Invoked(0, "ann", "laptop", "1", "#ops", "a"),
        Accepted(2_000_000, "ann", "1", 1, False),
        Fault(1 * SECOND, "kill"),
        Invoked(2 * SECOND, "ann", "laptop", "2", "#ops", "b"),
        Invoked(3 * SECOND, "bob", "laptop", "1", "#ops", "c"),
        Accepted(4 * SECOND, "bob", "1", 2, False),
        Accepted(5 * SECOND, "ann", "2", 3, False),
        Fault(6 * SECOND, "kill"),  # after which there is nothing
    ]
    found = report(History(events), {name: [] for name in CHECKS}, "")
    assert (found["messages invoked"], found["ok"], found["faults: kill"]) == (3, 3, 2)
    assert (found["ack p50 (ms)"], found["ack max (ms)"]) == (1000, 3000)
    assert (found["recovery after a kill, p50 (s)"], found["recovery after a kill, max (s)"]) == (3, 3)


@pytest.mark.parametrize(
    ("bug", "log", "told"),
    [
        ("", "", ""),
        ("another text", "", "was said by nobody"),
        ("", "Traceback (most recent call last):\n  File\nValueError: no\n", "ValueError: no"),
    ],
)
def test_what_is_wrong_is_told_and_is_the_exit_status(
    bug: str, log: str, told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    history = History(Model(bug).run())
    assert show(report(history, check(history), log)) == bool(told)
    out = capsys.readouterr().out
    assert told in out
    assert out.endswith("WRONG\n" if told else "all is well\n")


# The network.


def through_a_proxy(
    use: Callable[[Proxy, asyncio.StreamReader, asyncio.StreamWriter], Coroutine[Any, Any, None]], seed: int = 1
) -> None:
    """Use a proxy before a server that sends back what it gets, and a connection through it."""

    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(4096):
            writer.write(data)
        writer.close()

    async def run() -> None:
        server = await asyncio.start_server(echo, "127.0.0.1", 0)
        proxy = Proxy(server.sockets[0].getsockname()[1], random.Random(seed))  # noqa: S311 (the same each time)
        reader, writer = await asyncio.open_connection("127.0.0.1", await proxy.listen())
        try:
            await asyncio.wait_for(use(proxy, reader, writer), 20)
        finally:
            writer.close()
            await proxy.close()
            server.close()

    asyncio.run(run())


async def echoed(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, text: bytes) -> None:
    """Send something and see it come back."""
    writer.write(text)
    assert await reader.readexactly(len(text)) == text


def test_a_proxy_that_does_nothing_passes_everything_on() -> None:
    async def use(_: Proxy, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await echoed(reader, writer, os.urandom(200_000))

    through_a_proxy(use)


def test_a_cut_connection_is_reset() -> None:
    async def use(proxy: Proxy, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await echoed(reader, writer, b"before")
        await proxy.cut()
        with pytest.raises(ConnectionResetError):
            await reader.read()

    through_a_proxy(use)


def test_what_the_server_answered_just_before_a_cut_is_lost() -> None:
    async def use(proxy: Proxy, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await echoed(reader, writer, b"before")
        cut = asyncio.ensure_future(proxy.cut(under_way=0.1))
        await asyncio.sleep(0)
        writer.write(b"lost")
        with pytest.raises(ConnectionResetError):
            assert await reader.read() == b""
        await cut

    through_a_proxy(use)


def test_a_truncated_connection_ends_within_a_line() -> None:
    async def use(proxy: Proxy, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await echoed(reader, writer, b"before")
        proxy.truncate()
        writer.write(b"x" * 1000)
        assert 0 < len(await reader.read()) < 1000

    through_a_proxy(use, seed=4)  # on the way back


def test_nothing_comes_through_while_it_is_stalled_and_all_of_it_after() -> None:
    async def use(proxy: Proxy, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await echoed(reader, writer, b"before")
        stall = asyncio.ensure_future(proxy.stall(0.3))
        await asyncio.sleep(0)
        answer = asyncio.ensure_future(echoed(reader, writer, b"late"))
        await stall
        assert not answer.done()
        await answer

    through_a_proxy(use)


def test_a_slow_connection_carries_so_many_bytes_a_second_and_then_breaks_or_is_fast() -> None:
    async def use(proxy: Proxy, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await echoed(reader, writer, b"before")
        for breaks in (False, True):
            slow = asyncio.ensure_future(proxy.slow(20_000, 0.5, breaks=breaks))
            await asyncio.sleep(0)
            begun = now()
            await echoed(reader, writer, b"x" * 4096)
            assert now() - begun > 0.2 * SECOND
            await slow
        with pytest.raises(ConnectionResetError):
            await reader.read()

    through_a_proxy(use)


def test_an_export_is_read_as_the_conversations_that_clients_know() -> None:
    lines = [
        {"seq": 4, "from": "ann", "to": "#ops", "msg": "a"},
        {"seq": 5, "from": "ann", "to": "bob", "msg": "b"},
        {"seq": 6, "from": "bob", "to": "ann", "msg": "c", "edits": [{"msg": "first"}, {"msg": "c"}]},
        {"seq": 7, "from": "bob", "to": "ann", "msg": "", "kind": "withdraw", "about": 3},
    ]
    assert exported("".join(json.dumps(line) + "\n" for line in lines)) == {
        "#ops": [(4, "ann", digest("a"))],
        "@ann@bob": [(5, "ann", digest("b")), (6, "bob", digest("c"))],
    }


# What is run.


def test_ctrl_c_leaves_no_server_and_no_disk_behind(tmp_path: Path) -> None:
    async def torment(_: Nemesis) -> None:
        os.kill(os.getpid(), signal.SIGINT)
        await asyncio.sleep(60)

    trial = Trial(tmp_path, seed=1, rate=1, tell=lambda _: None)
    with pytest.raises(KeyboardInterrupt):
        asyncio.run(trial.run(torment, LONGEST))
    assert str(tmp_path) not in Path("/proc/mounts").read_text()
    assert not [path for path in Path("/proc").glob("[0-9]*/cmdline") if str(tmp_path).encode() in path.read_bytes()]


@pytest.mark.parametrize("arguments", [["--kills", "0"], ["--keep", "."], ["--kills", "many"]])
def test_what_makes_no_sense_is_refused(arguments: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["faults", *arguments])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
