"""Limnoria, a bot that many channels have."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.irc.real_clients.doors import LOBBY, PASSWORD, make_account, start
from tests.irc.real_clients.programs import logged, program
from tests.live import SCRIPTS, login

pytestmark = pytest.mark.slow
LIMNORIA = SCRIPTS / "limnoria"
CONFIGURATION = """
supybot.nick: {name}
supybot.user: Limnoria
supybot.networks: lan
supybot.networks.lan.servers: 127.0.0.1:{port}
supybot.networks.lan.channels: #lobby #pumps
supybot.networks.lan.sasl.username: {name}
supybot.networks.lan.sasl.password: {password}
supybot.networks.lan.sasl.required: True
supybot.networks.lan.ssl: False
supybot.reply.whenAddressedBy.chars: @
supybot.protocols.irc.throttleTime: 0.0
supybot.drivers.maxReconnectWait: 1.0
supybot.plugins: Channel Misc Topic Utilities
supybot.plugins.Channel: True
supybot.plugins.Misc: True
supybot.plugins.Topic: True
supybot.plugins.Topic.format: $topic
supybot.plugins.Topic.requireManageCapability: topics
supybot.plugins.Utilities: True
supybot.log.stdout: True
supybot.log.stdout.level: DEBUG
"""


@contextmanager
def limnoria(directory: Path, port: int, name: str) -> Iterator[Path]:
    """A running bot; the file with what it logs."""
    if not LIMNORIA.exists():
        pytest.skip("there is no Limnoria here")
    directory.mkdir()
    (directory / "bot.conf").write_text(CONFIGURATION.format(name=name, port=port, password=PASSWORD))
    with program([LIMNORIA, "--allow-root", "bot.conf"], directory) as log:
        yield log


def test_limnoria_answers_leads_a_room_and_comes_back(tmp_path: Path) -> None:
    server = start(tmp_path)
    make_account(server, "lim")
    with limnoria(tmp_path / "bot", server.port("irc"), "lim") as log:
        logged(log, "Join to #pumps on lan synced")
        with login(server.port(), "ann") as ann:
            ann.say(LOBBY, "@echo hello $nick")
            assert ann.wait_for("hello ann")["from"]["name"] == "lim"
            ann.say("/join", "#pumps")
            ann.say("#pumps", "@topic set the pump is back")
            logged(log, "TOPIC #pumps :the pump is back", times=2)  # (as it went, and as it came back)
            ann.say("/topic", "#pumps")
            ann.wait_for("the pump is back")
        server.stop()
        with start(tmp_path, server) as again:
            logged(log, "Join to #pumps on lan synced", times=2)
            with login(again.port(), "bob") as bob:
                bob.say(LOBBY, "@echo welcome back, $nick")
                assert bob.wait_for("welcome back, bob")["from"]["name"] == "lim"
        assert "Unhandled error message" not in log.read_text()
