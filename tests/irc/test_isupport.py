"""005 tells the truth: what it says of limits is what the server does."""

from __future__ import annotations

import pytest
from twisted.internet.task import Clock

from lanchat.core.router import Router
from lanchat.history.pages import MAX_PAGE
from lanchat.irc_commands import COMMANDS
from lanchat.irc_commands.isupport import CHANNEL_MODES, TOKENS, USER_MODES, tokens
from tests.fakes import make_router
from tests.irc.wire import IrcWire, make_chat, numbers


@pytest.fixture
def chat() -> tuple[Router, Clock]:
    """A chat in which anyone makes rooms, and its clock."""
    return make_chat()


def told(chat: tuple[Router, Clock]) -> dict[str, str]:
    """The tokens that a client reads when it is welcomed."""
    lines = [line.split(" ")[3:] for line in IrcWire(*chat).ask("NICK reader", "USER x 0 * :X") if " 005 " in line]
    assert all(len(words) <= TOKENS + 5 and " ".join(words).endswith(":are supported by this server") for words in lines)
    words = [word for line in lines for word in line[:-5]]
    return {name: value for name, _, value in (word.partition("=") for word in words)}


def test_a_client_reads_all_tokens(chat: tuple[Router, Clock]) -> None:
    assert told(chat) == tokens(IrcWire(*chat, "bob").connection)  # type: ignore[arg-type]  # (it is an IRC client)


def test_names_and_texts_may_be_as_long_as_it_says_and_no_longer(chat: tuple[Router, Clock]) -> None:
    found = told(chat)
    nick, channel = int(found["NICKLEN"]), int(found["CHANNELLEN"])
    assert numbers(IrcWire(*chat).ask("USER x 0 * :X", f"NICK {'n' * nick}"))[0] == "001"
    assert numbers(IrcWire(*chat).ask("USER x 0 * :X", f"NICK {'m' * (nick + 1)}")) == ["432"]
    ann = IrcWire(*chat, "ann")
    assert " JOIN " in ann.ask(f"JOIN #{'c' * (channel - 1)}")[0]
    assert numbers(ann.ask(f"JOIN #{'c' * channel}"))[0] in ("403", "476", "479")
    topic = int(found["TOPICLEN"])
    ann.ask("JOIN #ops", f"TOPIC #ops :{'t' * topic}")
    assert ann.ask("TOPIC #ops")[0].endswith(f" :{'t' * topic}")
    assert numbers(IrcWire(*chat).ask(f"USER {'u' * 60} 0 * :X", "NICK long"))[0] == "001"
    session = chat[0].chat.online.find("long")
    assert session is not None
    assert len(session.client.username) == int(found["USERLEN"])  # type: ignore[attr-defined]  # (it is an IRC client)


def test_a_page_has_as_many_messages_as_it_says_where_any_are_kept(chat: tuple[Router, Clock]) -> None:
    found = told(chat)
    assert (found["CHATHISTORY"], found["MSGREFTYPES"]) == (str(MAX_PAGE), "msgid,timestamp")
    assert "CHATHISTORY" not in told(make_router(stores_messages=False))


def test_the_modes_are_those_that_commands_take(chat: tuple[Router, Clock]) -> None:
    found = told(chat)
    assert set(found["CHANMODES"].replace(",", "")) | set("ov") == set(CHANNEL_MODES)
    assert found["BOT"] in USER_MODES
    ann = IrcWire(*chat, "ann")
    ann.ask("JOIN #ops")
    for mode in found["CHANMODES"].split(",")[3]:
        assert "472" not in numbers(ann.ask(f"MODE #ops +{mode}")), mode
    assert "472" in numbers(ann.ask("MODE #ops +Z"))


def test_commands_take_as_many_targets_as_it_says(chat: tuple[Router, Clock]) -> None:
    found = dict(limit.split(":") for limit in told(chat)["TARGMAX"].split(","))
    assert found == {name: str(command.targets) for name, command in COMMANDS.items() if command.targets}
    ann = IrcWire(*chat, "ann")
    most = int(found["PRIVMSG"])
    assert "407" not in numbers(ann.ask(f"PRIVMSG {','.join(f'n{n}' for n in range(most))} :x"))
    assert numbers(ann.ask(f"PRIVMSG {','.join(f'n{n}' for n in range(most + 1))} :x")) == ["407"]
