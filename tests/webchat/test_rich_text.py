"""What people write is shown as they wrote it: a hundred texts that look like markup or like links, in a real browser."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser

from tests.live import LOOPBACK, Server
from tests.webchat.browser import Window

#: Texts in which nothing is to be found: they are shown as they are.
PLAIN = [
    "<b>bold</b>",
    "<i>italic</i> &amp; <u>under</u>",
    "<script>alert(1)</script>",
    "<SCRIPT SRC=//evil.example/x.js></SCRIPT>",
    "<scr<script>ipt>alert(1)</scr</script>ipt>",
    "<img src=x onerror=alert(1)>",
    "<img/src='x'/onerror=alert(1)>",
    "<svg onload=alert(1)>",
    "<svg><animate onbegin=alert(1) attributeName=x dur=1s>",
    "<math><mi//xlink:href='data:x,<script>alert(1)</script>'>",
    "<iframe srcdoc='<script>alert(1)</script>'></iframe>",
    "<iframe src=javascript:alert(1)>",
    "<object data=javascript:alert(1)>",
    "<embed src=javascript:alert(1)>",
    "<body onload=alert(1)>",
    "<input autofocus onfocus=alert(1)>",
    "<details open ontoggle=alert(1)>",
    "<video><source onerror=alert(1)></video>",
    "<style>*{display:none}</style>",
    "<style>@import'//evil.example/x.css';</style>",
    "<link rel=stylesheet href=//evil.example/x.css>",
    "<meta http-equiv=refresh content=0>",
    "<base href=//evil.example/>",
    "<form action=//evil.example><button>go</button></form>",
    "<template><img src=x onerror=alert(1)></template>",
    "<noscript><p title='</noscript><img src=x onerror=alert(1)>'>",
    "<textarea><img title='</textarea><img src onerror=alert(1)>'></textarea>",
    "<xmp><p title='</xmp><svg/onload=alert(1)>'>",
    "<!--<img src='--><img src=x onerror=alert(1)//'>",
    "<![CDATA[<img src=x onerror=alert(1)>]]>",
    "<?xml version='1.0'?><!DOCTYPE x [<!ENTITY y 'z'>]>&y;",
    "</article></div><h1>another row</h1>",
    "</textarea></form>",
    "&lt;b&gt; &amp;amp; &#60;script&#62; &#x3c;b&#x3e; &nbsp;",
    "<a href='javascript:alert(1)'>click</a>",
    "javascript:alert(1)",
    "JaVaScRiPt:alert(1)",
    "java\tscript:alert(1)",
    "javascript://%0aalert(1)",
    "vbscript:msgbox(1)",
    "data:text/html,<script>alert(1)</script>",
    "data:text/html;base64,PHNjcmlwdD5hbGVydCgxKTwvc2NyaXB0Pg==",
    "blob:null/1234",
    "file:///etc/passwd",
    "ftp://example.org/",
    "about:blank",
    "view-source:x",
    "tel:+123",
    "[click](javascript:alert(1))",
    "![image](x)",
    "# a heading",
    "**bold** __bold__ *it* _it_ ~~gone~~",
    "> a quotation",
    "- a list\n- of two",
    "1. one\n2. two",
    "| a | b |\n|---|---|",
    "[[wiki]] {{template}} ${7*7} #{7*7} <%= 7*7 %> {{7*7}}",
    "%s %d %n {0} {name} $1 $& \\1",
    "`",
    "``",
    "```",
    "a ` b",
    "`\n`",
    "``` never closed",
    "``````",
    "``` ```",
    "http://",
    "https://",
    "http://.",
    "http:example.org",
    "http:/example.org",
    "http//example.org",
    "xhttp://example.org",
    "mailto:",
    "mailto:nobody",
    "www.example.org",
    "#/settings",
    "#/room/",
    "a#/room/ops",
    "#/everyoneelse",
    "#ops",
    "line one\nline two\n\nline four",
    "  indented   and   spaced  ",
    "\ttab\tand\u00a0no-break",
    "\u202eevil \u202dforced \u2066isolated\u2069",
    "\u200bzero\u200bwidth\ufeff",
    "e\u0301\u0316 marks",
    "\U0001f468\u200d\U0001f469\u200d\U0001f467 family, \U0001f1e9\U0001f1ea flag",
    "\ufffd\uffff",
    "constructor __proto__ toString",
    "'\"><",
    "\\",
]


class Linked(NamedTuple):
    """A text in which something is found: links by what is shown and where they lead, and code."""

    text: str
    links: list[tuple[str, str]]
    code: list[str]


HERE = "{here}"
FOUND = [
    Linked("see http://example.org/a", [("http://example.org/a", "http://example.org/a")], []),
    Linked("HTTPS://EXAMPLE.ORG", [("HTTPS://EXAMPLE.ORG", "https://example.org/")], []),
    Linked(
        "http://a.example, http://b.example.",
        [("http://a.example", "http://a.example/"), ("http://b.example", "http://b.example/")],
        [],
    ),
    Linked("(http://example.org/a_(b))", [("http://example.org/a_(b)", "http://example.org/a_(b)")], []),
    Linked("(see http://example.org)", [("http://example.org", "http://example.org/")], []),
    Linked("«http://example.org/x»!", [("http://example.org/x", "http://example.org/x")], []),
    Linked("<http://example.org/x>", [("http://example.org/x", "http://example.org/x")], []),
    Linked('"http://example.org/"onmouseover="alert(1)"', [("http://example.org/", "http://example.org/")], []),
    Linked(
        "http://example.org/'onclick='alert(1)",
        [("http://example.org/'onclick='alert(1)", "http://example.org/'onclick='alert(1)")],
        [],
    ),
    Linked("http://example.org/<script>", [("http://example.org/", "http://example.org/")], []),
    Linked(
        "http://example.org/javascript:alert(1)",
        [("http://example.org/javascript:alert(1)", "http://example.org/javascript:alert(1)")],
        [],
    ),
    Linked("http://exa\u202emple.org/gpj.exe", [("http://exa", "http://exa/")], []),
    Linked("http://bücher.example/ä", [("http://bücher.example/ä", "http://xn--bcher-kva.example/%C3%A4")], []),
    Linked("http://[::1]:8080/x", [("http://[::1]:8080/x", "http://[::1]:8080/x")], []),
    Linked("mailto:ann@example.org?", [("mailto:ann@example.org", "mailto:ann@example.org")], []),
    Linked("go to #/room/ops/e1.99.", [("#/room/ops/e1.99", "#/room/ops/e1.99")], []),
    Linked("#/everyone and #/person/bob", [("#/everyone", "#/everyone"), ("#/person/bob", "#/person/bob")], []),
    Linked(f"{HERE}#/room/ops/e1.9", [(f"{HERE}#/room/ops/e1.9", "#/room/ops/e1.9")], []),
    Linked("`code` and `<b>more</b>`", [], ["code", "<b>more</b>"]),
    Linked("`http://example.org`", [], ["http://example.org"]),
    Linked("```\nfor x in y:\n    print(x)\n```", [], ["for x in y:\n    print(x)"]),
    Linked("```python\nx = '<script>'\n```", [], ["x = '<script>'"]),
    Linked("a ```b``` c ```http://example.org/``` d", [], ["b", "http://example.org/"]),
    Linked(
        "```\n`x` http://example.org\n``` http://example.org",
        [("http://example.org", "http://example.org/")],
        ["`x` http://example.org"],
    ),
]

#: Draws a text, and tells what became of it.
DRAW = """async (text) => {
    const { html, render } = await import("/vendor/preact.js");
    const { richText } = await import("/conversation/rich_text.js");
    const box = document.createElement("div");
    document.body.append(box);
    render(html`<p>${richText(text)}</p>`, box);
    const all = [...box.querySelectorAll("p *")];
    const drawn = {
        text: box.textContent,
        tags: all.map((element) => element.localName),
        attributes: [...new Set(all.flatMap((element) => element.getAttributeNames()))],
        links: [...box.querySelectorAll("a")].map((a) => [a.textContent, a.getAttribute("href"), a.target, a.rel]),
        code: [...box.querySelectorAll("code")].map((code) => code.textContent),
    };
    box.remove();
    return drawn;
}"""


@pytest.fixture(scope="module")
def window(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Window]:
    """A window at the chat page, which runs under its rules (CSP and Trusted Types)."""
    with Server(tmp_path_factory.mktemp("server"), "--port", LOOPBACK, "--http", LOOPBACK) as server:
        opened = Window(browser, f"http://127.0.0.1:{server.port('browsers')}/")
        yield opened
        opened.close()


@pytest.mark.parametrize("text", PLAIN)
def test_a_text_that_looks_like_markup_is_shown_as_it_is(window: Window, text: str) -> None:
    drawn = window.page.evaluate(DRAW, text)
    assert drawn["text"] == text
    assert drawn["tags"] == []


@pytest.mark.parametrize("found", FOUND)
def test_links_and_code_are_found_and_lead_where_they_say(window: Window, found: Linked) -> None:
    here = window.url
    drawn = window.page.evaluate(DRAW, found.text.replace(HERE, here))
    assert [tuple(link[:2]) for link in drawn["links"]] == [
        (shown.replace(HERE, here), target) for shown, target in found.links
    ]
    assert drawn["code"] == found.code
    assert set(drawn["tags"]) <= {"a", "code", "pre"}
    assert set(drawn["attributes"]) <= {"href", "title", "dir", "target", "rel"}
    for _shown, href, target, rel in drawn["links"]:
        assert urlsplit(href).scheme in {"http", "https", "mailto"} or href.startswith("#/")
        assert (target, rel) == (("", "") if href.startswith("#/") else ("_blank", "noopener noreferrer"))


def test_a_name_that_is_mentioned_is_marked_as_a_whole_word_only(window: Window) -> None:
    marked: list[Any] = window.page.evaluate(
        """async () => {
            const { html, render } = await import("/vendor/preact.js");
    const { richText } = await import("/conversation/rich_text.js");
            const box = document.createElement("div");
            render(html`<p>${richText("bob, @BOB: bobby and `bob` but not kebob; b.b (Bob)", "bob")}</p>`, box);
            return [...box.querySelectorAll("strong")].map((strong) => strong.textContent);
        }"""
    )
    assert marked == ["bob", "@BOB", "Bob"]


@pytest.mark.parametrize(
    "text",
    [
        "`" * 16_384,
        "`a" * 8_192,
        "http://" * 2_340,
        "http://" + "(" * 16_000,
        "http://a" + ")" * 16_000,
        "#/room/" * 2_300,
        "```a" * 4_096,
        "@b" * 8_192,
    ],
    ids=["ticks", "open code", "schemes", "opening", "closing", "rooms", "fences", "mentions"],
)
def test_no_text_takes_long_or_many_nodes(window: Window, text: str) -> None:
    taken, nodes = window.page.evaluate(
        """async (text) => {
            const { richText } = await import("/conversation/rich_text.js");
            const start = performance.now();
            const found = richText(text, "b");
            return [performance.now() - start, found.length];
        }""",
        text,
    )
    assert nodes <= 1002
    assert taken < 1000  # (some ms; with steps that take the square of the length it would be many seconds)
