"""What is counted, as Prometheus reads it: names, texts, and what the dashboard and the alerts ask for."""

from __future__ import annotations

import json
import re
import shutil
import socket
import ssl
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import Metric, generate_latest, parser
from prometheus_client.openmetrics.parser import text_string_to_metric_families as open_metrics
from twisted.internet.task import Clock

from benchmarks import dashboard
from lanchat.gateways.json_protocol import ChatProtocol
from lanchat.service import process_stats
from lanchat.store.store import Store
from lanchat.web.health import Health
from lanchat.web.metrics import ServerCollector
from lanchat.web.metrics_sources import MetricsSources
from lanchat.web.reactor_delay import INTERVAL, ReactorDelayTimer
from tests.core.test_calls import Chat, Script, steps
from tests.live import LOOPBACK, PATIENCE, SCRIPTS, Server, login, until
from tests.web.test_web import get, line_of

ROOT = Path(__file__).parents[2]
DASHBOARD = json.loads((ROOT / "deploy" / "grafana" / "lanchat.json").read_text())
ALERTS = ROOT / "deploy" / "alerts.yml"
DOCUMENT = (ROOT / "docs" / "metrics.md").read_text()
#: Prometheus' own, about each server that it asks; and of an alert.
THEIRS = {"up", "ALERTS"}

needs_promtool = pytest.mark.skipif(shutil.which("promtool") is None, reason="there is no promtool here")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """With all that can be measured, and somebody who has done something of everything."""
    options = "--port", LOOPBACK, "--telnet", LOOPBACK, "--tls", LOOPBACK, "--web", LOOPBACK
    with Server(tmp_path_factory.mktemp("server"), *options) as running:
        with login(running.port(), "ann") as ann, login(running.port(), "bob") as bob:
            ann.say("bob", "hello")
            bob.wait_for("hello")
            ann.say("nobody", "hello")
            ann.wait_for("not available")
            ann.say("/register", "correct horse battery")
            ann.wait_for("your account now")
            bob.say("ann", "kept")
            ann.wait_for("kept")
        socket.create_connection(("127.0.0.1", running.port("tls")), PATIENCE).close()
        for _ in range(2):
            shake_hands(running.port("tls"))
        gone = ('gateway="json",reason="HUNG_UP"} 2.0', 'gateway="tls",reason')
        until(lambda: all(text in get(running.port("web"), "/metrics")[2] for text in gone), "all to be gone")
        yield running


def shake_hands(port: int) -> None:
    """Agree on TLS, and go."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with socket.create_connection(("127.0.0.1", port), PATIENCE) as plain, context.wrap_socket(plain) as secured:
        secured.sendall(b"cat\n")
        assert secured.recv(1000)


@pytest.fixture(scope="module")
def metrics(server: Server) -> dict[str, Metric]:
    """What the server says of itself, by the names that are asked for."""
    text = get(server.port("web"), "/metrics")[2]
    return {_asked_for(found): found for found in parser.text_string_to_metric_families(text)}


def _asked_for(metric: Metric) -> str:
    """The name of a family, as it is on the wire."""
    return f"{metric.name}_total" if metric.type == "counter" else metric.name


def value(metrics: dict[str, Metric], name: str, **labels: str) -> float:
    """One sample."""
    found = [
        sample.value
        for metric in metrics.values()
        for sample in metric.samples
        if (sample.name, sample.labels) == (name, labels)
    ]
    assert len(found) == 1, (name, labels, found)
    return found[0]


def test_what_happened_is_told(metrics: dict[str, Metric]) -> None:
    assert value(metrics, "lanchat_sessions", gateway="json") == 0
    assert value(metrics, "lanchat_sessions_opened_total", gateway="json") == 2
    assert value(metrics, "lanchat_sessions_closed_total", gateway="json", reason="HUNG_UP") == 2
    assert value(metrics, "lanchat_packets_refused_total", code="NO_SUCH_TARGET") == 1
    assert value(metrics, "lanchat_messages_relayed_total") == 1
    assert value(metrics, "lanchat_messages_delivered_total") == 1
    assert value(metrics, "lanchat_tls_handshakes_total") == 2
    assert value(metrics, "lanchat_tls_handshake_failures_total") == 1
    assert value(metrics, "lanchat_connections_refused_total", reason="allow") == 0
    assert value(metrics, "lanchat_limit", limit="outbox") == 262144
    assert value(metrics, "lanchat_packets_received_total") == 8
    assert value(metrics, "lanchat_log_storing") == value(metrics, "lanchat_ready") == 1


def test_histograms_are_whole(metrics: dict[str, Metric]) -> None:
    for name in ("lanchat_log_commit_seconds", "lanchat_reactor_turn_seconds"):
        samples = [sample for sample in metrics[name].samples if sample.name.endswith("_bucket")]
        counts = [sample.value for sample in samples]
        assert samples[-1].labels == {"le": "+Inf"}
        assert counts == sorted(counts)
        assert counts[-1] == value(metrics, f"{name}_count") > 0
        assert value(metrics, f"{name}_sum") > 0


def told_sizes(server: Server) -> dict[str, float]:
    """How large the files are that are kept, as it is told now: the server may still be moving what was said."""
    told = re.findall(r'lanchat_log_size_bytes\{file="(\w+)"\} (\S+)', get(server.port("web"), "/metrics")[2])
    return {name: float(size) for name, size in told}


def test_what_the_machine_says_is_true(server: Server, metrics: dict[str, Metric]) -> None:
    process = Path(f"/proc/{server.process.pid}")
    open_now = len(list((process / "fd").iterdir()))
    assert abs(value(metrics, "process_open_fds") - open_now) <= 3
    assert value(metrics, "process_max_fds") == int(re.findall(r"Max open files\s+(\d+)", (process / "limits").read_text())[0])
    resident = int(re.findall(r"VmRSS:\s+(\d+)", (process / "status").read_text())[0]) * 1024
    assert value(metrics, "process_resident_memory_bytes") == pytest.approx(resident, rel=0.1)
    kept = server.log.parent / "data" / "lanchat.db"
    files = {"database": kept, "wal": kept.with_name("lanchat.db-wal")}
    until(
        lambda: told_sizes(server) == {name: file.stat().st_size for name, file in files.items()}, "the sizes that files have"
    )
    assert value(metrics, "lanchat_log_free_bytes") == pytest.approx(shutil.disk_usage(kept.parent).free, rel=0.2)
    started = kept.parent.stat().st_ctime
    assert value(metrics, "process_start_time_seconds") == pytest.approx(started, abs=60)


def test_the_certificate_that_clients_see_is_the_one_whose_end_is_told(server: Server, metrics: dict[str, Metric]) -> None:
    command = ["openssl", "x509", "-enddate", "-noout", "-dateopt", "iso_8601", "-in", "data/tls-cert.pem"]
    path = next((server.log.parent / "data").glob("*cert*.pem"))
    command[-1] = str(path)
    said = subprocess.run(command, capture_output=True, text=True, check=True, timeout=PATIENCE).stdout  # noqa: S603 (ours)
    ends = value(metrics, "lanchat_tls_certificate_end_timestamp_seconds")
    told = subprocess.run(["date", "-u", "-d", f"@{ends:.0f}", "+%F %TZ"], capture_output=True, text=True, check=True)  # noqa: S603, S607 (ours)
    assert said.strip() == f"notAfter={told.stdout.strip()}"


def test_to_count_the_open_files_takes_no_list_of_them() -> None:
    assert process_stats.open_files() == pytest.approx(len(list(Path("/proc/self/fd").iterdir())), abs=2)


def test_open_metrics_is_spoken_with_those_who_ask_for_it(server: Server) -> None:
    _, headers, text = get(server.port("web"), "/metrics", "Accept: application/openmetrics-text;version=1.0.0,*/*;q=0.5")
    assert headers["content-type"].startswith("application/openmetrics-text; version=1.0.0")
    assert {found.name for found in open_metrics(text)} > {"lanchat_sessions_opened", "lanchat_log_commit_seconds"}
    assert text.endswith("# EOF\n")
    plain = get(server.port("web"), "/metrics")
    assert plain[1]["content-type"] == "text/plain; version=0.0.4; charset=utf-8"


def test_nobody_is_named(server: Server) -> None:
    text = get(server.port("web"), "/metrics")[2]
    assert not re.search(r"\b(ann|bob)\b", text)
    assert "127.0.0.1" not in text


@needs_promtool
def test_prometheus_has_nothing_to_say_against_the_names(server: Server) -> None:
    assert promtool("check", "metrics", stdin=get(server.port("web"), "/metrics")[2]) == ""


def test_another_reactor_says_how_late_it_is(tmp_path: Path) -> None:
    log = tmp_path / "log"
    command = [str(SCRIPTS / "twistd"), "-n", "--pidfile=", "-l", str(log), "--reactor=poll", "lanchat"]
    with subprocess.Popen([*command, "--data", "data", "--port", LOOPBACK, "--web", LOOPBACK], cwd=tmp_path) as process:  # noqa: S603 (ours)
        try:
            port = int(until(lambda: line_of(log, "listening for web"), "the server to listen").rpartition(":")[2])
            text = until(lambda: _if_in("lanchat_reactor_late_seconds_count", get(port, "/metrics")[2]), "the timer")
            assert "lanchat_reactor_turn_seconds" not in text
        finally:
            process.terminate()


def _if_in(name: str, text: str) -> str | None:
    return text if name in text else None


def test_a_timer_tells_by_how_much_it_is_late() -> None:
    clock, late = Clock(), list[float]()
    ReactorDelayTimer(clock, late.append).start()
    clock.advance(INTERVAL)
    clock.advance(INTERVAL + 0.25)
    clock.advance(INTERVAL)
    assert late == [0, 0.25, 0]


@pytest.mark.parametrize("held_up", [False, True])
def test_a_scrape_costs_no_more_with_a_crowd_than_with_a_few(tmp_path: Path, held_up: bool) -> None:
    def taken(crowd: int) -> float:
        chat = Chat(crowd)
        for connection in chat.crowd[:5] if held_up else ():
            connection.outbox.pauseProducing()
        store = Store(tmp_path, lambda call: None)
        admission = chat.doors[ChatProtocol].admission
        watched = MetricsSources(chat.router.chat, admission, store, lambda: True)
        report = ServerCollector(watched, Health(store, chat.clock))
        assert f'lanchat_sessions{{gateway="json"}} {crowd}.0' in generate_latest(report).decode()
        return steps(Script(lambda: list(report.collect())))

    assert 0 < taken(10) == taken(1000)


# What is asked for.


def asked_of(expression: str) -> set[str]:
    """The names of metrics in an expression."""
    return set(re.findall(r"\b(?:lanchat|process)_\w+|\bup\b|\bALERTS\b", expression)) - THEIRS


def known(metrics: dict[str, Metric]) -> set[str]:
    """All that can be asked for."""
    names = {*metrics, "lanchat_reactor_late_seconds"}
    ends = ("_bucket", "_sum", "_count")
    return names | {name + end for name in names if name.endswith("_seconds") for end in ends}


def expressions(part: Any) -> Iterator[str]:
    """Everything in the dashboard that asks for something."""
    if isinstance(part, dict):
        yield from (part[name] for name in ("expr", "definition") if name in part)
        part = list(part.values())
    for inner in part if isinstance(part, list) else ():
        yield from expressions(inner)


def test_the_dashboard_asks_for_nothing_that_is_not_there(metrics: dict[str, Metric]) -> None:
    asked = set().union(*map(asked_of, expressions(DASHBOARD)))
    assert len(asked) > 20
    assert asked <= known(metrics)


@needs_promtool
def test_prometheus_understands_what_the_dashboard_asks(tmp_path: Path) -> None:
    asked = [text for text in expressions(DASHBOARD) if not text.startswith("label_values(")]
    filled = [text.replace("$__rate_interval", "5m").replace("$instance", ".*") for text in asked]
    rules = [{"record": f"asked:{number}", "expr": text} for number, text in enumerate(filled)]
    file = tmp_path / "rules.yml"
    file.write_text(json.dumps({"groups": [{"name": "dashboard", "rules": rules}]}))  # (JSON is YAML)
    assert f"SUCCESS: {len(rules)} rules found" in promtool("check", "rules", str(file))


def test_the_picture_can_be_drawn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("matplotlib")
    monkeypatch.setattr(dashboard, "USERS", 5)
    picture, kept = tmp_path / "picture.png", tmp_path / "looks.json"
    assert dashboard.main(["--seconds", "6", "--picture", str(picture), "--json", str(kept)]) == 0
    assert picture.read_bytes().startswith(b"\x89PNG")
    last = json.loads(kept.read_text())[-1]
    for panel in dashboard.PANELS:
        for name in panel.lines.values():
            assert any(key.split("{")[0] == name for key in last), name
    assert last["lanchat_messages_delivered_total"] > 0


def test_the_dashboard_is_one_that_grafana_loads() -> None:
    panels = DASHBOARD["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    assert {variable["name"] for variable in DASHBOARD["templating"]["list"]} == {"datasource", "instance"}
    assert {panel["type"] for panel in panels} <= {"row", "stat", "timeseries"}
    taken: set[tuple[int, int]] = set()
    for panel in panels:
        place = panel["gridPos"]
        cells = {(x, y) for x in range(place["x"], place["x"] + place["w"]) for y in range(place["y"], place["y"] + place["h"])}
        assert place["x"] + place["w"] <= 24
        assert not cells & taken, panel["title"]
        taken |= cells
        if panel["type"] != "row":
            assert panel["targets"]
            assert panel["description"]
            for source in (panel, *panel["targets"]):
                assert source["datasource"] == {"type": "prometheus", "uid": "${datasource}"}


def alerts() -> dict[str, str]:
    """Each alert, as it is written."""
    _, *parts = re.split(r"(?m)^ +- alert: ", ALERTS.read_text())
    return {part.split("\n")[0]: part for part in parts}


def test_the_alerts_ask_for_nothing_that_is_not_there(metrics: dict[str, Metric]) -> None:
    for name, text in alerts().items():
        asked = asked_of(text.partition("expr:")[2].partition("for:")[0].partition("labels:")[0])
        assert asked <= known(metrics), name
        assert asked or name == "LanchatDown"


def test_each_alert_says_what_to_do_and_operators_can_read_more() -> None:
    for name, text in alerts().items():
        (description,) = re.findall(r'description: "(.*)"', text)
        assert re.search(r'summary: "\S', text)
        assert re.search(r"severity: (warning|critical)}", text)
        last = re.split(r"(?<=[.?!]) ", description.rstrip())[-1]
        assert re.match(r"(See|Check|Let|Free|Raise|Lower|Put|Replace)\b", last), (name, last)
    headings = re.findall(r"(?m)^### (Lanchat.*)$", (ROOT / "docs" / "operations.md").read_text())
    assert {name for heading in headings for name in heading.split(", ")} == alerts().keys()


@needs_promtool
def test_prometheus_takes_the_rules_and_each_fires_when_it_should() -> None:
    assert "SUCCESS" in promtool("check", "rules", str(ALERTS))
    cases = ROOT / "tests" / "alerts" / "firing.yml"
    assert "SUCCESS" in promtool("test", "rules", str(cases))
    assert all(f'alertname="{name}"' in cases.read_text() for name in alerts()), "one has no case"


def promtool(*arguments: str, stdin: str = "") -> str:
    """What Prometheus' own tool says when it is content."""
    command = [shutil.which("promtool") or "", *arguments]
    done = subprocess.run(command, input=stdin, capture_output=True, text=True, check=False, timeout=PATIENCE)  # noqa: S603 (ours)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_the_table_in_the_document_is_what_the_server_says(metrics: dict[str, Metric]) -> None:
    rows = re.findall(r"^\| `((?:lanchat|process)_\w+)` \| (\w+) \| ([^|]*) \| (.*) \|$", DOCUMENT, re.MULTILINE)
    told = {name: (kind, text) for name, kind, _, text in rows}
    late = told.pop("lanchat_reactor_late_seconds")
    assert late[0] == "histogram"
    assert told == {name: (metric.type, metric.documentation) for name, metric in metrics.items()}
    for name, _, labels, _ in rows:
        for sample in metrics[name].samples if name in metrics else ():
            assert set(sample.labels) - {"le"} == set(re.findall(r"`(\w+)`", labels)), name
