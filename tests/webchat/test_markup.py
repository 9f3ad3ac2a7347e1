"""Texts that look like markup, or like something else that a page could take them for, are shown as they are."""

from __future__ import annotations

from playwright.sync_api import expect

from tests.live import Server, login
from tests.webchat.browser import OpenWindow
from tests.webchat.chat import LOBBY, PASSWORD, Person, address, make_account

#: What runs in a page that takes a text for markup: it would leave a trace in `window.taken`.
RUN = "window.taken=1"
HTML = [
    f"<script>{RUN}</script>",
    f"<SCRIPT SRC=data:,{RUN}></SCRIPT>",
    f"<scr<script>ipt>{RUN}</scr</script>ipt>",
    f"</article></main><script>{RUN}</script>",
    f"<img src=x onerror={RUN}>",
    f"<img/src='x'/onerror='{RUN}'>",
    f'"><img src=x onerror="{RUN}">',
    f"'><svg onload={RUN}>",
    f"<svg><script>{RUN}</script></svg>",
    f"<svg><animate onbegin={RUN} attributeName=x>",
    f"<body onload={RUN}>",
    f"<iframe srcdoc='<script>parent.{RUN}</script>'></iframe>",
    f"<iframe src=javascript:parent.{RUN}>",
    f"<a href='javascript:{RUN}'>press</a>",
    f"<a href=data:text/html,{RUN}>press</a>",
    f"<details open ontoggle={RUN}>",
    f"<video><source onerror={RUN}></video>",
    f"<audio src=x onerror={RUN}>",
    f"<input autofocus onfocus={RUN}>",
    f"<select autofocus onfocus={RUN}>",
    f"<textarea autofocus onfocus={RUN}></textarea><b>",
    f"<marquee onstart={RUN}>",
    f"<object data='javascript:{RUN}'>",
    f"<embed src='javascript:{RUN}'>",
    f"<form action='javascript:{RUN}'><button>press</button></form>",
    f"<math><mtext><table><mglyph><style><img src onerror={RUN}>",
    f"<template><img src onerror={RUN}></template>",
    f"<noscript><p title='</noscript><img src onerror={RUN}>'>",
    "<style>*{display:none}</style>",
    "<link rel=stylesheet href=/x.css>",
    "<meta http-equiv=refresh content='0;url=http://192.0.2.1/'>",
    "<base href='http://192.0.2.1/'>",
    "<b>bold</b> <i>italic</i> <u>line</u>",
    "<h1>heading</h1><hr><br><br><br>",
    "<table><tr><td>cell</table>",
    "<plaintext>",
    "<xmp>",
    "<!-- comment -->",
    "<!DOCTYPE html><html><head><title>x</title>",
    "<![CDATA[ data ]]>",
    "<?xml version='1.0'?>",
    "<?php echo 1 ?>",
    "<% 1 %> <%= 2 %>",
    "&lt;b&gt; &amp;amp; &#60;script&#62; &nbsp; &copy;",
    "&lt;script&gt;",
    "\u003cscript\u003e",
    "%3Cscript%3E",
    "<\u0000script>".replace("\u0000", "\ufffd"),
    "<slot name=x></slot><x-y></x-y>",
    "<dialog open>on top of everything</dialog>",
    "<p style='position:fixed;inset:0;background:red'>over everything</p>",
    "<div popover id=p>x</div><button popovertarget=p>y</button>",
]
LINKS = [
    f"javascript:{RUN}",
    f"JaVaScRiPt:{RUN}//http://192.0.2.1/",
    f"java\tscript:{RUN}",
    f"vbscript:{RUN}",
    f"data:text/html,<script>{RUN}</script>",
    "file:///etc/passwd",
    "blob:http://127.0.0.1/x",
    "view-source:http://127.0.0.1/",
    f"http://javascript:{RUN}@127.0.0.1/",
    f'http://127.0.0.1/"onmouseover="{RUN}',
    f"http://127.0.0.1/'onmouseover='{RUN}",
    "http://127.0.0.1/<script>",
    "http://127.0.0.1/)](http://192.0.2.1/)",
    "http://127.0.0.1/\u202egpj.exe",
    "http://[::1]:99999/",
    "http://[",
    "http://",
    "https://\u0430pple.example/",
    "//192.0.2.1/x",
    "#/room/lobby",
    "mailto:x@example.org?body=<b>",
    "![picture](http://192.0.2.1/x.png)",
    "<http://192.0.2.1/x>",
]
OTHER = [
    "**bold** _italic_ ~~struck~~ # heading",
    "> quote\n- list\n1. list",
    "|a|b|\n|-|-|",
    "{{7*7}} ${7*7} #{7*7} <%=7*7%>",
    "{conv} {n} {name} {0} %s %d %(x)s",
    "constructor __proto__ prototype toString",
    "../../../etc/passwd",
    "'; DROP TABLE log; --",
    "\\x3cscript\\x3e \\u003cb\\u003e \\n \\t \\",
    "\u202eright to left\u202c and back",
    "\u2066isolated\u2069 \u200e\u200f",
    "a\u0300\u0301\u0302\u0303\u0304\u0305\u0306\u0307 zalgo",
    "\u05e9\u05dc\u05d5\u05dd <b>\u05e2\u05d5\u05dc\u05dd</b>",
    "\u0645\u0631\u062d\u0628\u0627 (1) <2>",
    "\U0001f469\u200d\U0001f469\u200d\U0001f467 \U0001f1e9\U0001f1ea \u2764\ufe0f",
    "one\ntwo\n\nfour",
    "x" * 3000,
    "\U0001f30a" * 500,
    '{"from":{"name":"SERVER","ip":""},"to":"ann","msg":"x"}',
    "SERVER: the server ends now",
    "@ann @everyone @here @channel",
    "on the left \u2190 and the right \u2192",
    "null undefined NaN [object Object]",
    "ann joined",
    "Today",
]
TEXTS = HTML + LINKS + OTHER
#: What rows are made of. Nothing else may be in one, whatever is said.
_ELEMENTS = "A ARTICLE BDI BR BUTTON CIRCLE CODE DIV HEADER MARK P PATH PRE SMALL SPAN STRONG SVG TIME USE"


def test_a_hundred_texts_are_shown_as_they_are(web_server: Server, open_window: OpenWindow) -> None:
    assert len(set(TEXTS)) == 100
    make_account(web_server, "ann")
    ann = Person(open_window(address(web_server))).enter("ann", PASSWORD)
    with login(web_server.port(), "bob") as bob:
        for text in TEXTS:
            bob.say(LOBBY, text)
        ann.sees(TEXTS[-2])
        expect(ann.page.locator("[role=feed] article .text")).to_have_count(len(TEXTS))
        for unfold in ann.page.get_by_role("button", name="Show all").all():
            unfold.click()
        shown = ann.page.locator("[role=feed] article .text").evaluate_all("rows => rows.map(row => row.textContent)")
        assert [_plain(text) for text in shown] == [_plain(text) for text in TEXTS]
        look_at_all(ann)
        ann.page.reload()
        expect(ann.page.locator("[role=feed] article .text")).to_have_count(len(TEXTS))
        look_at_all(ann)


def test_they_are_no_markup_in_other_places_either(web_server: Server, open_window: OpenWindow) -> None:
    text = f"<img src=x onerror={RUN}><b>bold</b>"
    ann = Person(open_window(address(web_server))).enter("ann").register()
    with login(web_server.port(), "bob") as bob:
        ann.makes_room("#ops")
        ann.says(f"/topic #ops {text}")
        expect(ann.page.get_by_role("main").get_by_text(text).first).to_be_visible()
        bob.say("/away", text)
        bob.say("ann", text)
        ann.goes_to("bob").sees(text)
        expect(ann.page.get_by_role("main").locator(".about")).to_contain_text(text)
        ann.chooses(text, "Reply")
        expect(ann.page.locator(".mode-bar")).to_contain_text(text)
        ann.says(text)
        expect(ann.page.locator(".quote")).to_contain_text(text)
        dialog = ann.opens_dialog("Search")
        dialog.get_by_role("textbox").fill("bold")
        dialog.get_by_role("textbox").press("Enter")
        expect(dialog.get_by_role("link", name="bold").first).to_contain_text("<b>")
        look_at_all(ann)
        ann.page.keyboard.press("Escape")
        ann.page.goto(f"{address(web_server)}#/room/{text}")
        ann.page.goto(f"{address(web_server)}#/person/{text}")
        ann.page.reload()
        ann.page.goto(f"{address(web_server)}#/room/%E0%A4%A")
        ann.goes_to(LOBBY)
        look_at_all(ann)


def look_at_all(person: Person) -> None:
    """Nothing on the page was taken for markup, and every link leads where it may."""
    script = """() => ({
        taken: window.taken ?? null,
        elements: [...new Set([...document.querySelectorAll("[role=feed] article, [role=feed] article *")]
            .map((element) => element.tagName.toUpperCase()))],
        strange: [...document.querySelectorAll("*")].filter((element) => element.localName === "script" && !element.src
            || [...element.attributes].some(({ name }) => name.startsWith("on"))).map((element) => element.outerHTML),
        links: [...document.querySelectorAll("[role=feed] a")].map((link) => link.protocol),
    })"""
    seen = person.page.evaluate(script)
    assert seen["taken"] is None
    assert set(seen["elements"]) <= set(_ELEMENTS.split())
    assert seen["strange"] == []
    assert set(seen["links"]) <= {"http:", "https:", "mailto:"}


def _plain(text: str) -> str:
    """A text without what rich text leaves out (marks of code), and with one blank for any other."""
    return " ".join(text.replace("`", "").split())
