"""Texts of programs as people read them: without markup and control characters, with links, and of a bounded length."""

from __future__ import annotations

import pytest

from lanchat.hooks.markup import unmarked
from lanchat.hooks.texts import CUT, cut, link, tidy


@pytest.mark.parametrize(
    ("marked", "shown"),
    [
        ("<https://git.lan/1|Build 1> failed", "Build 1 (https://git.lan/1) failed"),
        ("<https://git.lan/1>", "https://git.lan/1"),
        ("<https://git.lan/1|https://git.lan/1>", "https://git.lan/1"),
        ("<https://git.lan/?a=1&amp;b=2|all &amp; more>", "all & more (https://git.lan/?a=1&b=2)"),
        ("<mailto:ann@lan|ann@lan> <mailto:ann@lan|Ann> <tel:+4912|Ann>", "ann@lan Ann (ann@lan) Ann (+4912)"),
        (
            "[Build 1](https://git.lan/1) ![](x) ![graph](http://git.lan/1.png)",
            "Build 1 (https://git.lan/1) ![](x) graph (http://git.lan/1.png)",
        ),
        ("<!here> <!here|here> <!channel> <!everyone>", "@here @here @channel @everyone"),
        ("<!subteam^S1|@ops> <!subteam^S1> <!date^1796000000^{date}|today>", "@ops @subteam today"),
        ("<@U1> <@U1|ann> <#C1> <#C1|ops>", "@U1 @ann #C1 #ops"),
        ("a < b and b > c, <none>, <ns:tag>, a <b|c>", "a < b and b > c, <none>, <ns:tag>, a <b|c>"),
        ("&lt;b&gt; &amp;lt; &copy; &quot;x&#39; &amp;amp;", "<b> &lt; &copy; \"x' &amp;"),
        ("<javascript:alert(1)|x> <https://a b|c>", "<javascript:alert(1)|x> c (https://a b)"),
        ("<https://a", "<https://a"),
    ],
)
def test_markup_is_plain_words(marked: str, shown: str) -> None:
    assert unmarked(marked) == shown


@pytest.mark.parametrize(
    "piece", ["<", "<http://", "<@", "[a](http://", "[", "&amp;", "<http://a|", "\x1b[", " ", "\n", "\x1b[0;"]
)
def test_markup_without_an_end_takes_no_longer(piece: str) -> None:
    many = piece * (200_000 // len(piece))
    assert len(unmarked(tidy(many))) <= len(many)


def test_a_text_is_tidy() -> None:
    assert tidy("\r\n a \x00b\x1b[1;31mc\x1b[0m\t \r\n\r\n\n\n\vd\u2028e\ud800\x7f \r") == " a bc\n\nd\ne"


def test_a_cut_falls_between_characters() -> None:
    assert cut("\u00fc" * 100, 200) == "\u00fc" * 100
    short = cut("\u00fc" * 101, 200)
    assert short.endswith("\n" + CUT)
    assert set(short.removesuffix("\n" + CUT)) == {"\u00fc"}
    assert len(short.encode()) <= 200


def test_a_link_is_what_is_there_of_it() -> None:
    assert [link("a", ""), link("", "u"), link("u", "u"), link(" a\nb ", " u "), link("", "")] == ["a", "u", "u", "a b (u)", ""]
