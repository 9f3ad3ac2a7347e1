"""Pages at a terminal: a request with a place is of the target, and /more goes on from there in its direction."""

from __future__ import annotations

import pytest

from lanchat.client.history_pages import HistoryPages
from lanchat.client.interfaces import OutgoingMessage
from lanchat.protocol.extensions import AnswerX
from lanchat.protocol.packet import SERVER, ReceivedPacket
from tests.talk import Talk


@pytest.mark.parametrize(
    ("command", "typed", "asked", "more"),
    [
        ("/history", "", ("#ops", {}), ("#ops", {"before": 7})),
        ("/history", "20", ("#ops", {"limit": 20}), ("#ops", {"limit": 20, "before": 7})),
        ("/history", "@bob 20 before 2h", ("@bob before 2h", {"limit": 20}), ("@bob", {"limit": 20, "before": 7})),
        ("/History", "around 2026-11-20 14:00", ("#ops around 2026-11-20 14:00", {}), ("#ops", {"before": 7})),
        ("/history", "after 5", ("#ops after 5", {}), ("#ops after 5", {"after": 7})),
        ("/history", "between 2d and 1d", ("#ops between 2d and 1d", {}), ("#ops between 2d and 1d", {"after": 7})),
        ("/search", "the day after tomorrow", ("the day after tomorrow", {}), ("the day after tomorrow", {"before": 7})),
    ],
)
def test_more_goes_on_in_the_direction_that_was_asked_for(
    command: str, typed: str, asked: tuple[str, dict[str, int]], more: tuple[str, dict[str, int]]
) -> None:
    talk = Talk().account()
    pages, sent = HistoryPages(talk.session), list[OutgoingMessage]()
    send = talk.session.send

    def noted(to: str, msg: str, args: dict[str, int]) -> OutgoingMessage:
        sent.append(send(to, msg, args=args))
        return sent[-1]

    talk.session.send = noted  # type: ignore[method-assign, assignment]  # only here
    pages.ask(command, typed, "#ops")
    pages.finish(ReceivedPacket(SERVER, "ann", "", AnswerX(op="end", more=True, before=7)), sent[0])
    pages.more()
    pages.finish(ReceivedPacket(SERVER, "ann", "", AnswerX(op="fail")), sent[1])
    pages.more()
    assert [(message.msg, message.args) for message in sent] == [asked, more, more]
