"""Single modules of the chat page, each by itself in a real browser."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from lanchat.protocol.spelling import key
from lanchat.protocol.typed_lines import UnclearLine, parse
from lanchat.webchat.files import STATIC
from tests.live import LOOPBACK, Server
from tests.webchat.browser import OpenWindow
from tests.webchat.modules import document

#: Runs a JavaScript expression in which what a module exports is at hand, and `arg`.
Run = Callable[..., Any]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with Server(tmp_path_factory.mktemp("server"), "--port", LOOPBACK, "--http", LOOPBACK) as running:
        yield running


@pytest.fixture
def run(open_window: OpenWindow, server: Server) -> Run:
    window = open_window(document(server.port("browsers")))
    window.expect_trouble("404")  # (there is no authority to trust, and no favicon.ico)
    page = window.page

    def do(module: str, expression: str, arg: Any = None) -> Any:
        (path,) = STATIC.glob(f"*/{module}.js")
        name = path.relative_to(STATIC).as_posix()
        return page.evaluate(f"async (arg) => {{ const it = await import('/{name}'); return {expression}; }}", arg)

    return do


def test_typed_lines_mean_the_same_as_elsewhere(run: Run) -> None:
    lines = [
        "hello",
        "/join #ops",
        " /Join #ops",
        "／join #ops",
        "//join is a command",
        "/say /join",
        "/me waves",
        "/login secret",
        "/logn x\n/login secret",
        "look: /login secret",
        "text\n /password old new",
        "/list\nof two lines",
        "/auth secret",
        "/notice a\nb",
        "//a\n/login b",
        "/ login secret",
    ]
    found = run("typed_lines", "arg.map(it.readLine)", lines)
    for line, here in zip(lines, found, strict=True):
        assert (None if here["kind"] == "unclear" else (here.get("name", ""), here.get("args", here.get("text")))) == meaning(
            line
        )


def meaning(line: str) -> tuple[str, str] | None:
    """The command, if it is one, and the text of a typed line; None if it is refused."""
    try:
        return parse(line)
    except UnclearLine:
        return None


def test_names_are_equal_as_on_the_server(run: Run) -> None:
    names = [
        "Ann",
        "ANN",
        "ａｎｎ",
        "Müller",
        "MU\N{COMBINING DIAERESIS}LLER",
        "Σίσυφος",
        "ΣΊΣΥΦΟΣ",
        "straße",
        "STRASSE",
        "ops-1",
    ]
    keys = run("names", "arg.map(it.nameKey)", names)
    assert [[a == b for b in keys] for a in keys] == [[key(a) == key(b) for b in names] for a in names]


@pytest.mark.parametrize(
    ("text", "is_one"),
    [
        ("@ann, look", True),
        ("look, ANN!", True),
        ("anna", False),
        ("the ann-marie", False),
        ("(ann)", True),
        ("", False),
        ("x " * 250 + "ann", False),
    ],
)
def test_mentions(run: Run, text: str, is_one: bool) -> None:
    assert run("names", "it.mentions(arg, 'Ann')", text) is is_one


@pytest.mark.parametrize(
    ("close", "bye", "text", "phase", "code"),
    [
        (1001, "RELOAD", "", "offline", "RELOAD"),
        (1006, "", "", "offline", ""),
        (4008, "SLOW", "", "offline", "SLOW"),
        (4013, "", "The server is full.", "offline", "FULL"),
        (1000, "GONE", "Goodbye", "closed", "GONE"),
        (1008, "FORBIDDEN", "You were kicked.", "closed", "FORBIDDEN"),
        (1008, "BANNED", "You are banned.", "closed", "BANNED"),
        (1008, "AUTH_REQUIRED", "Your password was changed.", "login", "AUTH_REQUIRED"),
        (1008, "NAME_TAKEN", "Your name is an account now.", "refused", "NAME_TAKEN"),
    ],
)
def test_what_follows_the_end_of_a_connection(run: Run, close: int, bye: str, text: str, phase: str, code: str) -> None:
    end = {"close": close, "text": text, "bye": bye, "wasWelcomed": True, "tries": 0, "awaitsPassword": False, "failures": 0}
    found = run("endings", "it.afterEnd(arg)", end)
    assert (found["phase"], found["reason"]) == (phase, {"code": code, "text": text})
    assert (found["retryMs"] is not None) == (phase == "offline")


def test_a_name_of_ours_that_is_taken_is_tried_again_for_a_while(run: Run) -> None:
    end = {"close": 1008, "text": "The name ann is already taken.", "bye": "", "wasWelcomed": False, "awaitsPassword": False}
    assert run("endings", "it.afterEnd(arg).phase", end | {"tries": 0, "failures": 0}) == "refused"
    assert run("endings", "it.afterEnd(arg).phase", end | {"tries": 3, "failures": 2}) == "offline"
    assert run("endings", "it.afterEnd(arg).phase", end | {"tries": 3, "failures": 3}) == "refused"
    delays = run(
        "endings", "[0, 1, 3, 9, 99].map((failures) => it.afterEnd({...arg, failures}).retryMs)", end | {"close": 1006}
    )
    assert all(0 <= delay <= most for delay, most in zip(delays, (300, 1000, 4000, 15_000, 15_000), strict=True))


def test_a_login_that_fails(run: Run) -> None:
    made = "(localStorage.setItem('lanchat.token.ann', 'old'), new it.Handshake('ann', {epoch: '', seq: 0}, ''))"
    fail = "{from: 'SERVER', to: 'ann', msg: 'no', x: {op: 'fail', code: arg, retry_ms: 700}}"
    go = f"(() => {{ const one = {made}; one.hello(); const next = one.handle({fail}); return [next, one.hello()]; }})()"
    next_, hello = run("handshake", go, "AUTH_FAILED")
    assert next_ == {"step": "hello", "ms": 0}
    assert "auth" not in hello
    next_, hello = run("handshake", go, "RATE_LIMITED")
    assert next_ == {"step": "hello", "ms": 700}
    assert '"token":"old"' in hello
    next_, hello = run("handshake", go, "FORBIDDEN")  # plain http on another machine: the token stays for https
    assert next_ == {"step": "login", "reason": {"code": "FORBIDDEN", "text": "no"}, "retryMs": 700}
    assert '"token":"old"' in hello


def test_ones_place_in_the_log(run: Run) -> None:
    script = """(() => {
        const place = new it.Place(), seen = [];
        const note = (what) => seen.push([what, place.seq]);
        place.welcomed({resumed: false, epoch: 'e1', seq: 10}); note('welcome');
        place.came(12); note('delivery');
        place.acknowledged(15); note('ack');
        place.leftOut(15, 30); note('gap');
        place.came(31); note('delivery after the gap');
        const { gaps } = place;
        place.leftOut(31, 40);
        place.filled(gaps); note('filled, but there is another');
        place.filled(place.gaps); note('filled');
        place.lost();
        seen.push(place.resume);
        place.welcomed({resumed: true, epoch: 'e1', seq: 60});
        place.acknowledged(61); note('ack during the replay');
        place.came(50);
        place.replayed(true, 60); note('a replay that ended early');
        place.filled(place.gaps); note('filled');
        place.welcomed({resumed: false, epoch: 'e2', seq: 3}); note('another log');
        return seen;
    })()"""
    assert run("place", script) == [
        ["welcome", 10],
        ["delivery", 12],
        ["ack", 15],
        ["gap", 15],
        ["delivery after the gap", 15],
        ["filled, but there is another", 15],
        ["filled", 40],
        {"epoch": "e1", "seq": 40},
        ["ack during the replay", 40],
        ["a replay that ended early", 50],
        ["filled", 61],
        ["another log", 3],
    ]


def test_what_is_no_packet_is_passed_over(run: Run) -> None:
    texts = ["", "null", "[]", "{}", '{"from":"x","to":"","msg":""}', '{"from":{"name":1},"to":"","msg":""}', "{" * 10_000]
    assert run("packets", "arg.map(it.readPacket)", texts) == [None] * len(texts)
    odd = '{"from":{"name":"a","ip":""},"to":"b","msg":"c","x":{"seq":"1","who":[1],"conv":[],"id":"i","new":1,"__proto__":{}}}'
    assert run("packets", "it.readPacket(arg)", odd) == {"from": "a", "to": "b", "msg": "c", "x": {"id": "i"}}


def test_messages_keep_their_order_when_the_server_refuses_some_for_a_while(run: Run) -> None:
    script = """(async () => {
        const log = [], outbox = new it.Outbox({
            send: (to, msg, x) => log.push(msg) > 0, acknowledged: (cid) => log.push(`ack ${cid}`),
            failed: (cid, error) => log.push(`failed ${cid} ${error.code}`), unknown: (cid) => log.push(`unknown ${cid}`),
            overdue: () => undefined,
        });
        const answer = (cid, x) => outbox.answered({from: 'SERVER', to: 'me', msg: '', x: {cid, ...x}});
        for (const cid of ['a', 'b', 'c']) {
            outbox.add(cid, '#ops', cid, {}, true);
        }
        log.push('online');
        outbox.online();
        answer('a', {op: 'fail', code: 'NOT_STORED', retry_ms: 60});
        answer('b', {op: 'fail', code: 'NOT_STORED', retry_ms: 60});
        answer('c', {op: 'fail', code: 'NOT_STORED', retry_ms: 60});
        await new Promise((resolve) => setTimeout(resolve, 150));
        answer('a', {op: 'ack'});
        answer('b', {op: 'ack'});
        outbox.lost(true);
        outbox.add('d', 'Everyone', 'd', {}, false);
        outbox.online();
        answer('c', {op: 'ack', dup: true});
        outbox.lost(true);
        return log;
    })()"""
    assert run("outbox", script) == ["online", *"abca", "ack a", "b", "ack b", *"cc", "ack c", "d", "unknown d"]


def test_what_waits_for_somebody_follows_them_to_another_name(run: Run) -> None:
    script = """(() => {
        const sent = [], outbox = new it.Outbox({send: (to, msg) => sent.push(`${to}: ${msg}`) > 0, overdue: () => {}});
        outbox.add('a', 'bob', 'for bob only', {}, true);
        outbox.add('b', '#ops', 'for all', {}, true);
        outbox.renamed('Bob', 'rob');
        outbox.online();
        outbox.lost(true);
        return sent;
    })()"""
    assert run("outbox", script) == ["rob: for bob only", "#ops: for all"]


def test_a_full_outbox_says_so(run: Run) -> None:
    script = """(() => {
        let failed = 0;
        const outbox = new it.Outbox({send: () => false, failed: () => failed++});
        for (let n = 0; n < 1000; n++) {
            outbox.add(String(n), '#ops', 'x', {}, true);
        }
        return [outbox.size, failed];
    })()"""
    assert run("outbox", script) == [200, 800]


def test_storage_that_is_forbidden_works_as_long_as_the_page_is_open(run: Run) -> None:
    script = """(() => {
        const one = new it.Storage(() => { throw new Error('forbidden'); });
        one.set('name', 'ann');
        one.setObject('settings', {theme: 'dark'});
        return [one.get('name'), one.getObject('settings'), one.getObject('name'), one.get('nothing')];
    })()"""
    assert run("storage", script) == ["ann", {"theme": "dark"}, {}, ""]


def test_addresses_of_files_lead_to_this_server_only(run: Run) -> None:
    given = {
        "http://10.0.0.7:8080/f/17/a.png?e=1&k=x&thumb": "/f/17/a.png?e=1&k=x&thumb",
        "https://chat.lan/below/f/17/a.png": "/below/f/17/a.png",
        "http://10.0.0.7//elsewhere.example/a.png": "",
        "http://10.0.0.7/\\elsewhere.example/a.png": "",
        "//elsewhere.example/a.png": "",
        "/f/17/a.png": "",
        "javascript:alert(1)//": "",
        "http://10.0.0.7": "",
    }
    assert run("messages", "arg.map(it.hereOf)", list(given)) == list(given.values())


def test_sizes_are_read_as_people_do(run: Run) -> None:
    sizes = [1, 814, 2000, 2_103_344, 999_999, 50_000_000, 12_340_000_000_000]
    assert run("sizes", "arg.map(it.sizeInWords)", sizes) == [
        "1 byte",
        "814 bytes",
        "2 kB",
        "2.1 MB",
        "1,000 kB",
        "50 MB",
        "12,300 GB",
    ]
