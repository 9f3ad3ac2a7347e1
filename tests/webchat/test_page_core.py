"""The page's side of the protocol, in a real browser with a real server, and with cuts at every place."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.live import LOOPBACK, Server, login
from tests.webchat.browser import OpenWindow
from tests.webchat.modules import PASSWORD, Link, Tab, document, fill_room, make_account, open_tab

#: Opens a tab of somebody new.
OpenTab = Callable[[], Tab]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One server for all tests of this module; names and rooms are each test's own."""
    options = ("--port", LOOPBACK, "--http", LOOPBACK, "--lobby", "#lobby")
    with Server(tmp_path_factory.mktemp("server"), *options) as running:
        for name in ("ann", "bob", "cy", "dora"):
            make_account(running, name)
        yield running


@pytest.fixture
def tab(open_window: OpenWindow, server: Server) -> OpenTab:
    return lambda: open_tab(open_window, server)


@pytest.fixture
def link(server: Server) -> Iterator[Link]:
    with Link(server) as made:
        yield made


def test_a_message_is_shown_at_once_and_keeps_its_key_when_it_is_acknowledged(tab: OpenTab) -> None:
    ann, guest = tab().enter("ann1"), tab().enter("guest1")
    before = ann.do("(model.send('#lobby', 'hello @guest1'), rows('#lobby').at(-1))")
    assert (before["state"], before["id"], before["mine"]) == ("sending", "", True)
    after = ann.until("rows('#lobby').find((row) => row.text === 'hello @guest1' && row.state === 'sent')")
    assert after["key"] == before["key"]
    assert after["id"]
    assert after["seq"]
    seen = guest.sees("#lobby", "hello @guest1")
    assert (seen["id"], seen["from"], seen["mine"], seen["mentionsMe"]) == (after["id"], "ann1", False, True)
    conversation = guest.do("model.find('#LOBBY')")
    assert (conversation["unread"], conversation["mentions"]) == (1, 1)
    guest.do("model.markRead('#lobby')")
    assert guest.do("model.find('#lobby').unread") == 0


def test_a_refused_message_says_why_and_can_be_sent_again_or_removed(tab: OpenTab) -> None:
    ann = tab().enter("ann2")
    ann.do("(model.open('@nobody2'), model.send('@nobody2', 'are you there?'))")
    row = ann.until("rows('@nobody2').find((row) => row.state === 'failed')")
    assert "nobody2 is not available" in row["error"]
    other = tab().enter("nobody2")
    ann.do("model.resend(rows('@nobody2')[0])")
    ann.until("rows('@nobody2')[0].state === 'sent'")
    other.until("texts('@ann2').length === 1")
    ann.do("model.send('@somebody2', 'x')")
    ann.until("rows('@somebody2')[0].state === 'failed'")
    ann.do("model.discard(rows('@somebody2')[0])")
    assert ann.texts("@somebody2") == []
    ann.do("model.send('#lobby', 'x'.repeat(20000))")
    assert ann.until("rows('#lobby').at(-1).state === 'failed' && rows('#lobby').at(-1).error") == "The message is too long."


def test_a_fresh_page_asks_for_nothing_that_was_missed(tab: OpenTab, server: Server) -> None:
    fill_room(server, "writer3", "#lobby", [f"missed {n}" for n in range(150)])
    ann = tab().enter("ann", PASSWORD)
    assert ann.do("heard") == []
    assert ann.texts("#lobby") == [f"missed {n}" for n in range(50, 150)]
    assert ann.do("model.find('#lobby').unread") >= 150
    assert ann.do("model.timeline('#lobby').atEnd")


def test_changes_are_applied_everywhere(tab: OpenTab) -> None:
    ann, bob = tab().enter("ann", PASSWORD), tab().enter("bob", PASSWORD)
    ann.say("#lobby", "a pmup", "noise")
    bob.sees("#lobby", "noise")
    bob.do("model.react(row('#lobby', 'a pmup'), '👍')")
    ann.until("row('#lobby', 'a pmup').reactions.length")
    assert ann.do("row('#lobby', 'a pmup').reactions") == bob.do("row('#lobby', 'a pmup').reactions") == [["👍", ["bob"]]]
    ann.do("model.react(row('#lobby', 'a pmup'), '👍')")
    bob.until("row('#lobby', 'a pmup').reactions[0][1].length === 2")
    bob.do("model.react(row('#lobby', 'a pmup'), '')")
    ann.until("row('#lobby', 'a pmup').reactions[0][1].join() === 'ann'")
    ann.do("model.edit(row('#lobby', 'a pmup'), 'a pump')")
    assert bob.sees("#lobby", "a pump")["edited"] > 0
    ann.do("model.withdraw(row('#lobby', 'noise'))")
    bob.until("rows('#lobby').at(-1).withdrawn && rows('#lobby').at(-1).text === ''")
    assert bob.do("refusal(model.edit(row('#lobby', 'a pump'), 'mine'))") == "FORBIDDEN"


def test_two_tabs_of_one_account_know_of_each_other(tab: OpenTab, server: Server) -> None:
    ann, bob = tab().enter("ann", PASSWORD), tab().enter("bob", PASSWORD)
    second = Tab(ann.window, ann.window.open(document(server.port("browsers"))))
    second.open("#lobby")  # (with the token that the first tab has stored)
    assert second.do("model.me.account")
    bob.do("model.open('@ann')")
    bob.say("@ann", "psst")
    assert ann.until("model.find('@bob')?.unread") == second.until("model.find('@bob')?.unread") == 1
    ann.open("@bob").do("model.markRead('@bob')")
    second.until("model.find('@bob').unread === 0")
    ann.say("@bob", "yes?")
    row = second.open("@bob").sees("@bob", "yes?")
    assert row["mine"]
    assert second.do("heard.includes('yes?')") is False


def test_a_name_of_an_account_asks_for_the_password(tab: OpenTab) -> None:
    ann = tab()
    ann.do("model.session.start('ann')")
    ann.until("model.session.phase === 'login'")
    assert ann.do("refusal(model.session.login('ann', 'wrong'))") == "AUTH_FAILED"
    assert ann.do("model.session.phase") == "login"
    ann.do("model.session.login('ann', arg)", PASSWORD)
    assert ann.do("[model.session.phase, model.me.account, model.session.account]") == ["online", True, True]
    ann.page.reload()
    again = Tab(ann.window)
    again.until("model.session.phase === 'online' && model.me.account")
    again.do("model.session.logout()")
    assert again.do("[model.session.phase, model.conversations.length, localStorage.getItem('lanchat.token.ann')]") == [
        "start",
        1,
        None,
    ]


def test_a_token_that_is_no_longer_valid_asks_for_the_password(tab: OpenTab) -> None:
    dora, second = tab().enter("dora", PASSWORD), tab().enter("dora", PASSWORD)
    dora.do("model.session.changePassword(arg, 'new horse please')", PASSWORD)
    assert dora.do("model.session.phase") == "online"
    second.until("model.session.phase === 'login'")
    assert "password was changed" in second.do("model.session.reason.text")
    assert second.do("localStorage.getItem('lanchat.token.dora')") is None
    second.do("localStorage.setItem('lanchat.token.dora', 'forged')")
    second.do("model.session.start('dora')")
    second.until("model.session.phase === 'login' && localStorage.getItem('lanchat.token.dora') === null")
    second.do("model.session.login('dora', 'new horse please')")
    assert second.do("model.session.phase") == "online"
    second.do("model.session.changePassword('new horse please', arg)", PASSWORD)


def test_a_taken_name_is_refused_and_a_bad_one_too(tab: OpenTab) -> None:
    tab().enter("eve7")
    other = tab()
    other.do("model.session.start('EVE7')")
    other.until("model.session.phase === 'refused'")
    assert other.do("model.session.reason.code") == "NAME_TAKEN"
    assert "already taken" in other.do("model.session.reason.text")
    other.do("model.session.start('e v e')")
    other.until("model.session.phase === 'refused' && model.session.reason.code === 'REFUSED'")
    other.enter("adam7")


def test_a_guest_becomes_an_account(tab: OpenTab) -> None:
    bob, guest = tab().enter("bob", PASSWORD), tab().enter("newcomer8")
    assert guest.do("refusal(model.session.register('short'))") == "USAGE"
    guest.do("model.session.register(arg)", PASSWORD)
    assert guest.do("model.me") == {"name": "newcomer8", "account": True, "away": "", "role": "user"}
    bob.do("model.open('@newcomer8')")
    bob.say("@newcomer8", "welcome")
    guest.until("model.find('@bob')?.unread === 1")
    guest.do("model.session.sleep()")
    bob.say("@newcomer8", "still there?")
    guest.do("model.session.wake()")
    guest.until("model.session.phase === 'online' && model.find('@bob').unread === 2")
    assert guest.open("@bob").texts("@bob") == ["welcome", "still there?"]
    guest.do("model.session.changePassword(arg, 'another horse')", PASSWORD)
    assert guest.do("model.session.phase") == "online"
    guest.do("model.session.sleep()")
    guest.do("model.session.wake()")
    guest.until("model.session.phase === 'online'")  # (with the token that came with the new password)


def test_what_a_guest_sent_before_a_cut_is_unknown_and_what_it_could_not_send_is_sent(
    open_window: OpenWindow, link: Link, tab: OpenTab
) -> None:
    guest, other = open_tab(open_window, link).enter("guest9"), tab().enter("other9")
    link.up = 40  # the message is longer
    guest.do("model.send('#lobby', 'did that arrive?')")
    guest.until("rows('#lobby').at(-1).state === 'unknown'")
    guest.do("model.send('#lobby', 'this will')")
    guest.until("model.session.phase === 'online' && model.unsent === 0")
    assert guest.do("rows('#lobby').slice(-2).map((row) => row.state)") in (["unknown", "sent"], ["sent", "unknown"])
    assert other.sees("#lobby", "this will")
    guest.do("model.resend(row('#lobby', 'did that arrive?'))")
    guest.until("row('#lobby', 'did that arrive?').state === 'sent'")


def test_a_guest_is_in_its_rooms_again_after_a_cut(open_window: OpenWindow, link: Link, tab: OpenTab) -> None:
    owner, guest = tab().enter("ann", PASSWORD), open_tab(open_window, link).enter("guest10")
    owner.do("model.create('#den10', false)")
    guest.do("model.join('#den10')")
    guest.open("#den10")
    owner.open("#den10").say("#den10", "one")
    guest.sees("#den10", "one")
    link.cut()
    owner.say("#den10", "two")
    guest.sees("#den10", "two")
    owner.say("#den10", "three")
    guest.sees("#den10", "three")
    assert guest.texts("#den10") == ["one", "two", "three"]
    guest.do("model.leave('#den10')")
    assert not guest.do("model.find('#den10').joined")


def test_everyone_is_kept_as_long_as_the_page_is_open_and_no_longer(tab: OpenTab) -> None:
    ann, bob = tab().enter("ann11"), tab().enter("bob11")
    bob.do("(async () => { for (let n = 0; n < 9; n++) { await model.send('Everyone', 'fire ' + n); } })()")
    ann.until("texts('Everyone').length === 9")
    assert ann.do("model.timeline('Everyone').stored") is False
    assert ann.do("[model.timeline('Everyone').atStart, model.timeline('Everyone').atEnd]") == [True, True]
    assert ann.do("model.conversations[0].conv") == "Everyone"
    ann.page.reload()
    again = Tab(ann.window).open("Everyone")
    assert again.texts("Everyone") == []


def test_rooms_change_as_the_server_tells(tab: OpenTab) -> None:
    ann, bob = tab().enter("ann", PASSWORD), tab().enter("bob", PASSWORD)
    ann.do("model.create('#Work12', false)")
    bob.do("model.join('work12')")
    bob.open("#work12")
    assert bob.do("[model.current, model.find('#WORK12').rank]") == ["#Work12", ""]
    ann.do("model.setTopic('#work12', 'pumps')")
    ann.do("model.setRank('#work12', 'bob', 'operator')")
    bob.until("model.find('#work12').topic === 'pumps' && model.find('#work12').rank === 'operator'")
    members = {one["name"]: one["rank"] for one in ann.do("model.members('#work12')")}
    assert members == {"ann": "owner", "bob": "operator"}
    ann.do("model.session.request('/rename', '', {room: '#work12', text: '#pumps12'})")
    bob.until("model.current === '#pumps12' && model.find('#work12') === undefined")
    bob.say("#pumps12", "same room")
    ann.open("#pumps12").sees("#pumps12", "same room")
    ann.do("model.kick('#pumps12', 'bob', 'out')")
    bob.until("model.find('#pumps12').joined === false && notices.some((text) => text.includes('#pumps12'))")
    assert bob.do("rows('#pumps12').filter((row) => row.event).map((row) => row.event.ev)")[-1] == "kicked"


def test_presence_typing_and_being_away(tab: OpenTab) -> None:
    ann, bob = tab().enter("ann", PASSWORD), tab().enter("bob", PASSWORD)
    ann.until("model.people.has('bob')")
    bob.do("model.setAway('at lunch')")
    ann.until("model.people.get('bob').away === 'at lunch'")
    assert bob.do("model.me.away") == "at lunch"
    bob.do("model.setAway(null)")
    ann.until("model.people.get('bob').away === false")
    ann.open("@bob")
    bob.do("model.sendTyping('@ann')")
    ann.until("model.typing('@bob').join() === 'bob'")
    bob.do("model.open('@ann')")
    bob.say("@ann", "done typing")
    ann.until("model.typing('@bob').length === 0")
    bob.do("model.session.logout()")
    ann.until("!model.people.has('bob')")


def test_a_long_room_is_read_in_both_directions_without_holes(tab: OpenTab, server: Server) -> None:
    make_account(server, "long14")
    expected = [f"line {n:04}" for n in range(1200)]
    ann = tab().enter("ann", PASSWORD)
    ann.do("model.create('#long14', false)")
    fill_room(server, "filler14", "#long14", expected)
    ann.open("#long14")
    seen = ann.texts("#long14")
    while ann.do("(async () => (await model.timeline('#long14').loadOlder(), !model.timeline('#long14').atStart))()"):
        assert ann.do("rows('#long14').length") <= 400
        page = ann.texts("#long14")
        seen = page[: page.index(seen[0])] + seen
    page = ann.texts("#long14")
    assert page[: page.index(seen[0])] + seen == expected
    assert ann.do("model.timeline('#long14').atEnd") is False
    ann.do("model.send('#long14', 'from the start')")  # (which shows the end)
    ann.until("model.unsent === 0 && model.timeline('#long14').atEnd && model.timeline('#long14').loading === ''")
    assert ann.texts("#long14")[-2:] == ["line 1199", "from the start"]
    middle = ann.do("(async () => (await model.search('0600')).messages[0])()")
    assert middle["text"] == "line 0600"
    assert ann.do("model.timeline('#long14').jumpTo(arg)", middle["id"])["text"] == "line 0600"
    forward = ann.texts("#long14")
    while not ann.do("(async () => (await model.timeline('#long14').loadNewer(), model.timeline('#long14').atEnd))()"):
        page = ann.texts("#long14")
        forward += page[page.index(forward[-1]) + 1 :]
    page = ann.texts("#long14")
    forward += page[page.index(forward[-1]) + 1 :]
    assert forward == [*expected[int(forward[0].split()[1]) :], "from the start"]


def test_what_is_changed_while_a_page_is_on_its_way_is_shown_changed(tab: OpenTab) -> None:
    ann, bob = tab().enter("ann", PASSWORD), tab().enter("bob", PASSWORD)
    ann.do("model.create('#race15', false)")
    bob.do("model.join('#race15')")
    bob.say("#race15", *[f"first {n}" for n in range(30)])
    bob.open("#race15")
    ann.do("model.open('#race15')")
    bob.do(
        "Promise.all(rows('#race15').filter((row) => row.text.startsWith('first'))"
        ".map((row, n) => model.edit(row, 'second ' + n)))"
    )
    for _ in range(5):
        ann.do("(model.timeline('#race15').clear(), model.timeline('#race15').load())")
    ann.until("texts('#race15').length === 30 && texts('#race15').every((text) => text.startsWith('second'))")


def test_a_resumed_page_has_everything_once(open_window: OpenWindow, link: Link, tab: OpenTab) -> None:
    writer, reader = tab().enter("ann", PASSWORD), open_tab(open_window, link).enter("bob", PASSWORD)
    writer.do("model.create('#cuts16', false)")
    reader.do("model.join('#cuts16')")
    writer.open("#cuts16")
    reader.open("#cuts16")
    chance = random.Random(16)  # noqa: S311 (a test)
    for turn in range(12):
        link.down = chance.randrange(1, 4000)
        link.up = chance.choice([None, chance.randrange(1, 1500)])
        for n in range(8):
            writer.do("model.send('#cuts16', arg)", f"w {turn} {n}")
            reader.do("model.send('#cuts16', arg)", f"r {turn} {n}")
    link.up = link.down = None
    writer.until("model.unsent === 0")
    reader.until("model.session.phase === 'online' && model.unsent === 0")
    assert reader.do("rows('#cuts16').every((row) => row.event || row.state === 'sent')")
    wanted = 12 * 8 * 2
    writer.until("texts('#cuts16').length >= arg", wanted)
    reader.until("texts('#cuts16').length >= arg", wanted)
    assert reader.texts("#cuts16") == writer.texts("#cuts16")
    assert len(set(reader.texts("#cuts16"))) == wanted
    for who in "wr":
        own = [text for text in reader.texts("#cuts16") if text.startswith(who)]
        assert own == [f"{who} {turn} {n}" for turn in range(12) for n in range(8)]


def test_a_page_that_was_away_for_long_loads_afresh(tab: OpenTab) -> None:
    ann, bob = tab().enter("ann", PASSWORD), tab().enter("bob", PASSWORD)
    ann.do("model.create('#away17', false)")
    bob.do("model.join('#away17')")
    ann.open("#away17").say("#away17", *[f"before {n}" for n in range(5)])
    bob.open("#away17").sees("#away17", "before 4")
    bob.do("(model.session.sleep(), model.session.place.resume)")
    bob.do("(globalThis.then = Date.now, Date.now = () => then() + 3600_000)")
    ann.do("model.edit(row('#away17', 'before 2'), 'edited 2')")
    ann.say("#away17", *[f"after {n}" for n in range(150)])
    bob.do("(heard.length = 0, model.session.wake())")
    bob.until("model.session.phase === 'online' && texts('#away17').at(-1) === 'after 149'")
    assert bob.texts("#away17") == ann.texts("#away17")
    assert "edited 2" in bob.texts("#away17")
    assert bob.do("heard") == []
    bob.until("model.find('#away17').unread === 155")


def test_loading_afresh_can_be_cut_as_well(open_window: OpenWindow, link: Link, tab: OpenTab) -> None:
    ann, bob = tab().enter("ann", PASSWORD), open_tab(open_window, link).enter("bob", PASSWORD)
    ann.do("model.create('#fresh18', false)")
    bob.do("model.join('#fresh18')")
    ann.open("#fresh18").say("#fresh18", *[f"first {n}" for n in range(20)])
    bob.open("#fresh18").sees("#fresh18", "first 19")
    bob.do("(globalThis.then = Date.now, globalThis.hours = 0, Date.now = () => then() + hours * 3600_000)")
    chance = random.Random(18)  # noqa: S311 (a test)
    for turn in range(10):
        bob.do("(model.session.sleep(), hours++)")
        ann.do("model.edit(row('#fresh18', arg), arg + ' edited')", f"first {turn}")
        ann.say("#fresh18", *[f"turn {turn} {n}" for n in range(3)])
        link.down = chance.randrange(200, 9000)
        bob.do("model.session.wake()")
        bob.until("model.session.isOnline")
    ann.say("#fresh18", "last")
    bob.until("model.session.isOnline && texts('#fresh18').at(-1) === 'last' && model.timeline('#fresh18').loading === ''")
    assert bob.texts("#fresh18") == ann.texts("#fresh18")


def test_a_gap_is_filled(tab: OpenTab) -> None:
    ann, bob = tab().enter("ann", PASSWORD), tab().enter("bob", PASSWORD)
    ann.do("model.create('#gap18', false)")
    bob.do("model.join('#gap18')")
    bob.open("#gap18")
    seq = bob.do("model.session.place.seq")
    # What the server leaves out for a slow reader: here the page itself passes over what comes.
    bob.do("(globalThis.take = model.incoming.take, model.incoming.take = () => undefined)")
    ann.open("#gap18").say("#gap18", "lost 1", "lost 2", "lost 3")
    ann.do("model.edit(row('#gap18', 'lost 2'), 'lost two')")
    upto = ann.do("model.session.place.seq")
    bob.do("model.incoming.take = take")
    gap = "{from: 'SERVER', to: 'bob', msg: '', x: {op: 'gap', after: arg[0], upto: arg[1], why: 'SLOW'}}"
    assert bob.do(f"(model.incoming.take({gap}), model.session.place.seq)", [seq, upto]) == seq
    bob.until("texts('#gap18').join() === 'lost 1,lost two,lost 3'")
    bob.until("model.session.place.seq >= arg", upto)
    bob.until("model.find('#gap18').unread === 3")


def test_two_gaps_at_once_are_filled(tab: OpenTab) -> None:
    ann = tab().enter("ann", PASSWORD).say("#lobby", "before the gaps")
    newest = ann.do("model.session.place.seq")
    gap = "(model.session.place.leftOut(arg - 1, arg), model.loading.fillGap())"
    ann.do(f"Promise.all([{gap}, {gap}])", newest)
    assert ann.do("model.session.place.seq") == newest


def test_kicked_and_banned_pages_stay_away(tab: OpenTab, server: Server) -> None:
    guest = tab().enter("rude19")
    with login(server.port(), "quitter19"):
        pass
    guest.do("model.session.quit()")
    guest.until("model.session.phase === 'closed'")
    assert guest.do("model.session.retryAt") == 0
    guest.do("model.session.reconnect()")
    guest.until("model.session.phase === 'online'")


def test_commands_are_typed(tab: OpenTab) -> None:
    ann = tab().enter("ann20")
    assert "/join ROOM" in ann.do("model.command('/help join', '#lobby')")["text"]
    assert ann.do("refusal(model.command('/nonsense', '#lobby'))") == "UNKNOWN_COMMAND"
    assert ann.do("model.command('/me waves', '#lobby')") is None
    ann.until("rows('#lobby').some((row) => row.kind === 'action' && row.text === 'waves' && row.state === 'sent')")
    assert ann.do("model.command('//me waves', '#lobby')") is None
    ann.until("row('#lobby', '/me waves')")
    assert ann.do("refusal(model.command('/pasword x\\n/login secret', '#lobby'))") == "USAGE"
    assert ann.do("refusal(model.command(' /Login secret', '#lobby'))") != ""
    assert ann.do("model.command('/name anna20', '#lobby')") is None
    assert ann.do("[model.me.name, model.session.name, localStorage.getItem('lanchat.name')]") == ["anna20"] * 3
    ann.say("#lobby", "as anna")
    assert ann.do("row('#lobby', 'as anna').mine")


def test_commands_are_about_the_room_in_which_they_are_typed(tab: OpenTab) -> None:
    ann, _ = tab().enter("ann", PASSWORD), tab().enter("bob", PASSWORD)
    ann.do("model.create('#pumps20', false)")
    ann.do("model.command('/topic valves and pumps', '#pumps20')")
    ann.until("model.find('#pumps20').topic === 'valves and pumps'")
    assert "#pumps20" in ann.do("model.command('/invite bob', '#pumps20')")["text"]
    ann.do("model.command('/topic #pumps20 named', '#lobby')")
    ann.until("model.find('#pumps20').topic === 'named'")


@pytest.mark.parametrize(("line", "usage"), [("/pm", "/pm USER TEXT"), ("/pm zed", "/pm USER TEXT"), ("/shout", "/shout TEXT")])
def test_a_command_without_a_text_says_how_it_is_written_and_goes_nowhere(tab: OpenTab, line: str, usage: str) -> None:
    ann = tab().enter("ann21")
    ann.open("#lobby")
    refused = ann.do(f"model.command('{line}', '#lobby').catch((error) => error.message)")
    assert usage in refused
    assert ann.do("[model.current, model.find('@zed') === undefined, model.find('@') === undefined]") == ["#lobby", True, True]


def test_an_excerpt_is_fetched_once(tab: OpenTab, server: Server) -> None:
    ann = tab().enter("ann", PASSWORD)
    ann.do("model.create('#old21', false)")
    fill_room(server, "filler21", "#old21", [f"old {n}" for n in range(150)])
    ann.open("#old21")
    first = ann.until(
        "(await model.search('old in:#old21 before:' + rows('#old21')[0].seq)).messages.at(-1)"
    )  # (when it is indexed)
    ann.do("(globalThis.asked = 0, globalThis.request = model.session.request)")
    ann.do("model.session.request = function (...args) { asked++; return request.apply(this, args); }")
    found = ann.do("Promise.all([1, 2, 3].map(() => model.timeline('#old21').excerpt(arg)))", first["id"])
    assert found == [{"from": "filler21", "text": first["text"]}] * 3
    assert ann.do("asked") == 1
    assert ann.do("model.timeline('#old21').excerpt('e0.999')") is None


def test_a_page_that_missed_very_much_loads_the_newest_of_it(tab: OpenTab, server: Server) -> None:
    bob = tab().enter("bob", PASSWORD)
    bob.do("model.join('#lobby')")
    bob.do("model.session.sleep()")
    fill_room(server, "filler22", "#lobby", [f"flood {n}" for n in range(2100)])
    bob.do("(heard.length = 0, model.session.wake())")
    bob.until("model.session.phase === 'online' && texts('#lobby').at(-1) === 'flood 2099'")
    assert bob.do("heard") == []
    bob.until("model.find('#lobby').unreadMore")
    fill_room(server, "filler22", "#lobby", ["one more"])
    bob.sees("#lobby", "one more")


def test_a_restarted_server_and_one_with_another_log(open_window: OpenWindow, tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    options = ("--port", LOOPBACK, "--http", LOOPBACK, "--lobby", "#lobby")
    first.mkdir()
    second.mkdir()
    with Server(first, *options) as server, Link(server) as link:
        make_account(server, "ann")
        ann = open_tab(open_window, link).enter("ann", PASSWORD)
        ann.say("#lobby", "before")
        server.stop()
        ann.until("model.session.phase === 'offline' && model.session.reason.code === 'RELOAD'")
        ann.do("model.send('#lobby', 'meanwhile')")
        with Server(first, *options) as again:
            link.move(again)
            ann.until("model.session.phase === 'online' && model.unsent === 0")
            assert ann.texts("#lobby") == ["before", "meanwhile"]
            again.stop()
        with Server(second, *options) as other:
            make_account(other, "ann")
            fill_room(other, "filler", "#lobby", ["another log"])
            link.move(other)
            ann.until("model.session.phase === 'login'")  # (its token is not known there)
            ann.do("model.session.login('ann', arg)", PASSWORD)
            ann.until("texts('#lobby').join() === 'another log'")
            ann.say("#lobby", "hello again")
            assert ann.texts("#lobby") == ["another log", "hello again"]


def test_a_page_that_is_left_or_frozen_closes_its_connection_and_comes_back(tab: OpenTab) -> None:
    ann, bob = tab().enter("ann", PASSWORD), tab().enter("bob", PASSWORD)
    for leave, come_back in (
        (
            "dispatchEvent(new PageTransitionEvent('pagehide', {persisted: true}))",
            "new PageTransitionEvent('pageshow', {persisted: true})",
        ),
        ("document.dispatchEvent(new Event('freeze'))", "new Event('resume')"),
    ):
        ann.do(leave)
        assert ann.do("model.session.phase") == "asleep"
        bob.until("!model.people.has('ann')")
        ann.do(f"(globalThis.back = {come_back}, back.type === 'resume' ? document.dispatchEvent(back) : dispatchEvent(back))")
        ann.until("model.session.phase === 'online'")
        bob.until("model.people.has('ann')")


def test_a_silent_connection_is_given_up(open_window: OpenWindow, link: Link) -> None:
    ann = open_tab(open_window, link).enter("ann", PASSWORD)
    link.hold()
    ann.do("model.session.probe()")
    ann.until("!model.session.isOnline")
    ann.do("model.send('#lobby', 'after the silence')")
    link.release()
    ann.until("model.session.phase === 'online' && model.unsent === 0")
    assert ann.texts("#lobby").count("after the silence") == 1
