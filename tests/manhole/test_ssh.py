"""Pure tests of the manhole's door: what it negotiates, how long it waits, how many it lets in, which signatures it takes."""

from __future__ import annotations

import struct
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from twisted.conch.error import ValidPublicKey
from twisted.conch.ssh.common import NS
from twisted.conch.ssh.keys import Key
from twisted.conch.ssh.userauth import MSG_USERAUTH_REQUEST
from twisted.cred.credentials import SSHPrivateKey
from twisted.cred.error import UnauthorizedLogin
from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.logger import ILogObserver, LogEvent, globalLogPublisher
from zope.interface import provider

from lanchat import commands
from lanchat.core.chat import Chat
from lanchat.core.router import Router
from lanchat.manhole.idle import IDLE_SECONDS, NOTICE_SECONDS
from lanchat.manhole.keys import AuthorizedKey, AuthorizedKeys, fingerprint
from lanchat.manhole.login import MAX_ATTEMPTS, SIGNATURES, Checker, UserAuth
from lanchat.manhole.operator import MAX_NOTE, Operator
from lanchat.manhole.shell import Shell
from lanchat.manhole.ssh import (
    GRACE_SECONDS,
    LOGIN_SECONDS,
    MAX_CHANNELS,
    MAX_CONNECTIONS,
    MAX_OPERATORS,
    ManholeFactory,
    SessionChannels,
    Transport,
)
from tests.manholes import make_service

RSA = Key(rsa.generate_private_key(65537, 2048))
ED25519 = Key(ed25519.Ed25519PrivateKey.generate())
ECDSA = Key(ec.generate_private_key(ec.SECP256R1()))
STRANGER = Key(ed25519.Ed25519PrivateKey.generate())
ADDRESS = IPv4Address("TCP", "127.0.0.1", 50000)


class Socket(StringTransport):
    """A transport that remembers whether it was cut."""

    cut = False

    def abortConnection(self) -> None:
        """Remember that."""
        self.cut = True


def no_names(window: object) -> dict[str, Any]:
    """The names of a prompt that has none."""
    return {}


@pytest.fixture
def clock() -> Clock:
    """Time that stands still."""
    return Clock()


@pytest.fixture
def factory(clock: Clock) -> ManholeFactory:
    """A manhole that knows one key of each type."""
    router = Router(Chat(clock, "test"), commands.run)
    made = ManholeFactory(
        make_service(router.chat), router, [AuthorizedKey(key.public()) for key in (ED25519, RSA)], [ED25519, ECDSA, RSA]
    )
    made.startFactory()
    return made


def test_an_ipv4_address_is_one_also_where_the_socket_is_for_both(factory: ManholeFactory) -> None:
    mapped = IPv6Address("TCP", "::ffff:10.0.0.9", 50000)
    transport = factory.buildProtocol(mapped)
    assert transport is not None
    transport.makeConnection(Socket(peerAddress=mapped))
    assert transport.address == "10.0.0.9"


def connect(factory: ManholeFactory) -> tuple[Transport, Socket]:
    """A new connection."""
    transport = factory.buildProtocol(ADDRESS)
    assert transport is not None
    socket = Socket(peerAddress=ADDRESS)
    transport.makeConnection(socket)
    return transport, socket


def login(key: Key, algorithm: bytes, signature: bytes | None = b"", name: bytes = b"ann") -> Any:
    """What comes of a login: the id of the avatar, or the type of the failure."""
    told: list[Any] = []
    if signature == b"":
        signature = key.sign(b"challenge", algorithm)
    checker = Checker(AuthorizedKeys([AuthorizedKey(ED25519.public()), AuthorizedKey(RSA.public())]))
    credentials = SSHPrivateKey(name, algorithm, key.public().blob(), b"challenge", signature)
    result: Deferred[str] = checker.requestAvatarId(credentials)
    result.addCallbacks(told.append, lambda failure: told.append(failure.type))
    return told[0]


# The algorithms.


def test_nothing_weak_is_offered(factory: ManholeFactory) -> None:
    transport, socket = connect(factory)
    offered = [*transport.supportedCiphers, *transport.supportedMACs, *transport.supportedKeyExchanges]
    offered += [*transport.supportedPublicKeys, *transport.supportedCompressions]
    for name in offered:
        assert not any(weak in name for weak in (b"cbc", b"3des", b"md5", b"sha1", b"dss", b"zlib", b"group")), name
        assert name in socket.value()
    assert b"ssh-rsa" not in offered
    for name in (b"-cbc", b"3des", b"md5", b"sha1", b"ssh-rsa", b"ssh-dss", b"zlib"):
        assert name not in socket.value()


def test_all_types_of_host_keys_are_offered(factory: ManholeFactory) -> None:
    transport, _ = connect(factory)
    assert transport.supportedPublicKeys == [b"ssh-ed25519", b"ecdsa-sha2-nistp256", b"rsa-sha2-512", b"rsa-sha2-256"]


def test_clients_are_told_every_signature_that_is_taken(factory: ManholeFactory) -> None:
    transport, socket = connect(factory)
    transport._peerSupportsExtensions = True
    transport._keyExchangeState = transport._KEY_EXCHANGE_NONE
    transport.sendExtInfo([])
    assert NS(b"server-sig-algs") + NS(b",".join(SIGNATURES)) in socket.value()


# Time and number.


def test_who_does_not_log_in_is_cut_off(factory: ManholeFactory, clock: Clock) -> None:
    transport, socket = connect(factory)
    clock.advance(LOGIN_SECONDS - 1)
    transport.dataReceived(b"SSH-2.0-slow\r\n")
    assert not socket.cut
    clock.advance(1)
    assert socket.cut


def let_in(transport: Transport, key: Key = ED25519) -> None:
    """Log in with a listed key."""
    auth = UserAuth()
    transport.setService(auth)
    transport.sessionID = b"this connection"
    kind = key.sshType()
    asked = NS(b"ann") + NS(b"ssh-connection") + NS(b"publickey") + b"\1" + NS(kind) + NS(key.public().blob())
    signed = key.sign(NS(transport.sessionID) + bytes([MSG_USERAUTH_REQUEST]) + asked)
    auth.ssh_USERAUTH_REQUEST(asked + NS(signed))


def prompt_of(transport: Transport) -> Shell:
    """A prompt on a terminal, in a new channel."""
    transport.service.ssh_CHANNEL_OPEN(NS(b"session") + struct.pack(">3L", 7, 99999, 9999))
    shell: Shell = [*transport.service.channels.values()][-1]
    shell.requestReceived(b"pty-req", NS(b"xterm") + struct.pack(">4L", 80, 24, 0, 0) + NS(b""))
    shell.requestReceived(b"shell", b"")
    return shell


def shown_by(shell: Shell) -> list[str]:
    """What is shown at a prompt from now on."""
    shown: list[str] = []
    assert shell._editor is not None
    shell._editor._write = shown.append
    return shown


def test_who_has_logged_in_may_stay_while_there_are_keys(factory: ManholeFactory, clock: Clock, logged: list[str]) -> None:
    transport, socket = connect(factory)
    let_in(transport)
    assert isinstance(transport.service, SessionChannels)
    shell = prompt_of(transport)
    for _ in range(10):
        clock.advance(IDLE_SECONDS - 1)
        shell.dataReceived(b"x")
    assert not socket.disconnecting
    transport.connectionLost()
    key = fingerprint(ED25519)
    assert [line for line in logged if key in line][-2:] == [
        f"manhole: {key} logged in from 127.0.0.1 as ann",
        f"manhole: {key} from 127.0.0.1 logged out",
    ]
    assert clock.getDelayedCalls() == []


def test_a_prompt_that_nobody_types_into_is_told_and_then_closed(
    factory: ManholeFactory, clock: Clock, logged: list[str]
) -> None:
    transport, socket = connect(factory)
    let_in(transport)
    shown = shown_by(prompt_of(transport))
    clock.advance(IDLE_SECONDS - NOTICE_SECONDS - 1)
    assert shown == []
    clock.advance(1)
    assert "this connection closes in 60 seconds unless you press a key" in "".join(shown)
    clock.advance(NOTICE_SECONDS - 1)
    assert not socket.disconnecting
    clock.advance(1)
    assert socket.disconnecting
    assert any("is logged out: nothing was typed" in line for line in logged)


def test_a_connection_without_a_prompt_is_closed_too(factory: ManholeFactory, clock: Clock) -> None:
    transport, socket = connect(factory)
    let_in(transport)
    clock.pump([60] * int(IDLE_SECONDS / 60))
    assert socket.disconnecting


def test_a_result_that_is_waited_for_keeps_its_prompt(factory: ManholeFactory, clock: Clock) -> None:
    transport, socket = connect(factory)
    let_in(transport)
    shell = prompt_of(transport)
    later: Deferred[int] = Deferred()
    shell._console.names["later"] = later
    shell.dataReceived(b"later\r")
    clock.pump([60] * 100)
    assert not socket.disconnecting
    later.callback(1)
    clock.pump([60] * int(IDLE_SECONDS / 60))
    assert socket.disconnecting


def test_ctrl_c_ends_the_waiting_but_not_what_is_waited_for(factory: ManholeFactory, clock: Clock) -> None:
    transport, socket = connect(factory)
    let_in(transport)
    shell = prompt_of(transport)
    shown = shown_by(shell)
    later: Deferred[int] = Deferred()
    shell._console.names["later"] = later
    shell.dataReceived(b"later\r\x03")
    later.callback(42)
    assert any("Deferred #0: 42" in text for text in shown)
    shell._console.names["never"] = Deferred()
    shell.dataReceived(b"never\r\x03")
    clock.pump([60] * int(IDLE_SECONDS / 60))
    assert socket.disconnecting


def test_there_is_room_for_so_many_operators(factory: ManholeFactory, logged: list[str]) -> None:
    first, *_ = [connect(factory) for _ in range(MAX_OPERATORS)]
    for transport in tuple(factory.connections):
        let_in(transport)
    late, socket = connect(factory)
    let_in(late)
    assert socket.disconnecting
    assert not isinstance(late.service, SessionChannels)
    assert any(f"{fingerprint(ED25519)} from 127.0.0.1 is one too many" in line for line in logged)
    assert sum("logged in" in line for line in logged) == MAX_OPERATORS
    first[0].connectionLost()
    again, socket = connect(factory)
    let_in(again)
    assert not socket.disconnecting
    assert isinstance(again.service, SessionChannels)


def test_what_operators_do_is_never_left_out_of_the_log() -> None:
    events: list[LogEvent] = []

    @provider(ILogObserver)
    def observe(event: LogEvent) -> None:
        events.append(event)

    globalLogPublisher.addObserver(observe)
    operator = Operator("SHA256:x", no_names, Clock(), {})
    operator.logged_in("127.0.0.1", "ann")
    operator.log_statement("who()")
    operator.audit("taps somebody")
    operator.logged_out()
    globalLogPublisher.removeObserver(observe)
    assert [event["audit"] for event in events] == [True] * 4


def test_a_window_is_behind_while_the_network_or_the_client_takes_nothing(factory: ManholeFactory) -> None:
    transport, _ = connect(factory)
    let_in(transport)
    shell = prompt_of(transport)
    assert not shell.behind()
    transport.pauseProducing()
    assert shell.behind()
    transport.resumeProducing()
    shell.show("x" * 200_000)  # more than the client's window
    assert shell.behind()
    shell.addWindowBytes(200_000)
    assert not shell.behind()


def test_a_stranger_can_not_make_us_collect_what_never_ends(factory: ManholeFactory, logged: list[str]) -> None:
    transport, socket = connect(factory)
    transport.dataReceived(b"SSH-2.0-big\r\n" + struct.pack(">LB", 1_000_000, 4))
    transport.dataReceived(b"x" * 30_000)
    assert not socket.cut
    transport.dataReceived(b"x" * 10_000)
    assert socket.cut
    assert "manhole: 127.0.0.1 does not speak SSH (OverflowError)" in logged
    held = len(transport.buf)
    transport.dataReceived(b"x" * 10_000)
    assert len(transport.buf) == held


def test_a_connection_that_closes_does_not_wait_for_who_writes_to_it(factory: ManholeFactory) -> None:
    transport, socket = connect(factory)
    assert socket.producer is transport
    transport.sendDisconnect(11, b"enough")
    assert socket.producer is None  # or what is left to write would wait for it (twisted.internet.abstract)
    assert socket.disconnecting


def test_no_timer_outlives_its_connection(factory: ManholeFactory, clock: Clock) -> None:
    transport, _ = connect(factory)
    transport.connectionLost()
    assert clock.getDelayedCalls() == []


def test_there_is_room_for_so_many_and_no_more(factory: ManholeFactory) -> None:
    first, *_ = [connect(factory)[0] for _ in range(MAX_CONNECTIONS)]
    assert factory.buildProtocol(ADDRESS) is None
    first.connectionLost()
    assert factory.buildProtocol(ADDRESS) is not None


def test_so_many_attempts_and_no_more(factory: ManholeFactory, clock: Clock) -> None:
    transport, socket = connect(factory)
    auth = UserAuth()
    transport.setService(auth)
    for attempt in range(MAX_ATTEMPTS):
        assert not socket.disconnecting, attempt
        auth.ssh_USERAUTH_REQUEST(NS(b"root") + NS(b"ssh-connection") + NS(b"password") + b"\0" + NS(b"x"))
    assert socket.disconnecting
    transport.buf = b"\0\0\0\x0c\x0a" + b"\x02" + b"\0" * 10  # a packet that is right in itself
    assert transport.getPacket() is None
    clock.advance(GRACE_SECONDS)
    assert socket.cut


def test_the_attempts_can_not_be_counted_anew(factory: ManholeFactory) -> None:
    transport, socket = connect(factory)
    transport.ssh_SERVICE_REQUEST(NS(b"ssh-userauth"))
    assert not socket.disconnecting
    transport.ssh_SERVICE_REQUEST(NS(b"ssh-userauth"))
    assert socket.disconnecting


def test_nothing_is_served_before_the_login(factory: ManholeFactory) -> None:
    transport, socket = connect(factory)
    transport.ssh_SERVICE_REQUEST(NS(b"ssh-connection"))
    assert socket.disconnecting
    assert transport.service is None


def test_the_end_waits_until_all_are_gone_and_not_for_long(factory: ManholeFactory, clock: Clock) -> None:
    connections = [connect(factory) for _ in range(2)]
    ends = [Deferred.fromCoroutine(factory.drain()) for _ in range(2)]  # two ports may share the factory
    clock.advance(GRACE_SECONDS)
    for transport, socket in connections:
        assert socket.cut
        assert not any(end.called for end in ends)
        transport.connectionLost()
    assert all(end.called for end in ends)


def test_the_end_waits_for_nobody_when_nobody_is_there(factory: ManholeFactory) -> None:
    assert Deferred.fromCoroutine(factory.drain()).called


# Channels.


class FakeChannels:
    """A connection that remembers what its channels send."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, bytes]] = []

    def sendRequest(self, channel: Shell, kind: bytes, data: bytes) -> None:
        """Remember a request, such as the exit status."""
        self.sent.append((kind.decode(), data))

    def sendData(self, channel: Shell, data: bytes) -> None:
        """Remember what was shown."""
        self.sent.append(("data", data))

    def sendClose(self, channel: Shell) -> None:
        """Remember the end."""
        self.sent.append(("close", b""))


def open_shell(clock: Clock) -> tuple[Shell, FakeChannels]:
    """A session channel of an operator's."""
    channels = FakeChannels()
    return Shell(
        avatar=Operator("SHA256:x", no_names, clock, {}), conn=channels, remoteWindow=9999, remoteMaxPacket=9999
    ), channels


def test_a_command_answers_after_it_was_granted(clock: Clock) -> None:
    shell, channels = open_shell(clock)
    assert shell.requestReceived(b"exec", NS(b"6 * 7"))
    assert channels.sent == []  # conch says now that it is granted
    clock.advance(0)
    assert channels.sent == [("data", b"42\n"), ("exit-status", b"\0\0\0\0"), ("close", b"")]
    assert not shell.requestReceived(b"exec", NS(b"2"))
    assert not shell.requestReceived(b"shell", b"")


def test_a_prompt_knows_how_wide_the_window_is(clock: Clock) -> None:
    shell, channels = open_shell(clock)
    assert shell.requestReceived(b"pty-req", NS(b"xterm") + struct.pack(">4L", 10, 24, 0, 0) + NS(b""))
    assert shell.requestReceived(b"shell", b"")
    assert shell.requestReceived(b"window-change", struct.pack(">4L", 5, 24, 0, 0))
    channels.sent.clear()
    shell.dataReceived(b"abc")
    assert channels.sent == [("data", b"\r\x1b[J>>> abc\r\x1b[2C")]


def test_no_row_of_what_is_listened_to_looks_like_another(clock: Clock) -> None:
    shell, channels = open_shell(clock)
    assert shell.requestReceived(b"pty-req", NS(b"xterm") + struct.pack(">4L", 40, 24, 0, 0) + NS(b""))
    assert shell.requestReceived(b"shell", b"")
    channels.sent.clear()
    shell.show("12:00:00 eve > " + "x" * 24 + "12:00:00 bob > hello\n")
    rows = channels.sent[0][1].decode().removeprefix("\r\x1b[J").splitlines()
    assert rows == ["12:00:00 eve > xxxxxxxxxxxxxxxxxxxxxxxx", "         12:00:00 bob > hello"]


@pytest.mark.parametrize("request_", [b"auth-agent-req@openssh.com", b"x11-req", b"subsystem", b"env", b"signal", b"\xff"])
def test_a_channel_does_nothing_else(clock: Clock, request_: bytes) -> None:
    assert not open_shell(clock)[0].requestReceived(request_, NS(b"sftp"))


def test_what_comes_after_the_end_of_a_channel_goes_nowhere(clock: Clock) -> None:
    shell, channels = open_shell(clock)
    shell.requestReceived(b"shell", b"")
    shell.closeReceived()
    shell.closed()
    shell.dataReceived(b"print(1)")
    shell.eofReceived()
    shell._out("late")
    assert channels.sent == [("close", b"")]


def test_a_connection_has_so_many_channels_and_no_more(factory: ManholeFactory, clock: Clock) -> None:
    transport, _ = connect(factory)
    transport.avatar = Operator("SHA256:x", no_names, clock, {b"session": Shell})
    transport.logoutFunction = transport.avatar.logged_out
    channels = SessionChannels()
    transport.setService(channels)
    for n in range(MAX_CHANNELS + 3):
        channels.ssh_CHANNEL_OPEN(NS(b"session") + struct.pack(">3L", n, 9999, 9999))
    channels.ssh_CHANNEL_OPEN(NS(b"direct-tcpip") + struct.pack(">3L", 99, 9999, 9999))
    assert len(channels.channels) == MAX_CHANNELS


# Keys.


def test_a_listed_key_is_who_it_is_by_its_fingerprint() -> None:
    assert login(ED25519, b"ssh-ed25519") == fingerprint(ED25519)
    assert login(RSA, b"rsa-sha2-512", name=b"root") == fingerprint(RSA)


def test_a_key_that_is_not_listed_is_refused_before_it_signs() -> None:
    assert login(STRANGER, b"ssh-ed25519") is UnauthorizedLogin
    assert login(STRANGER, b"ssh-ed25519", None) is UnauthorizedLogin
    assert login(ED25519, b"ssh-ed25519", None) is ValidPublicKey


def test_a_signature_with_sha1_is_not_taken() -> None:
    assert RSA.verify(RSA.sign(b"challenge", b"ssh-rsa"), b"challenge")  # conch would take it
    assert login(RSA, b"ssh-rsa") is UnauthorizedLogin
    assert login(RSA, b"ssh-rsa", None) is UnauthorizedLogin
    assert login(RSA, b"rsa-sha2-256", RSA.sign(b"challenge", b"ssh-rsa")) is UnauthorizedLogin


def test_a_signature_must_be_right() -> None:
    assert login(ED25519, b"ssh-ed25519", ED25519.sign(b"another")) is UnauthorizedLogin
    assert login(ED25519, b"ssh-ed25519", STRANGER.sign(b"challenge")) is UnauthorizedLogin
    assert login(ED25519, b"ssh-ed25519", NS(b"ssh-ed25519") + NS(b"")) is UnauthorizedLogin


# The log.


def test_what_strangers_send_is_escaped_in_the_log(factory: ManholeFactory, logged: list[str]) -> None:
    transport, _ = connect(factory)
    auth = UserAuth()
    transport.setService(auth)
    name = b"an\x1b[31mn\n{log_source}" + b"\xff" + b"n" * 100
    auth.ssh_USERAUTH_REQUEST(NS(name) + NS(b"ssh-connection") + NS(b"pass\nword") + b"\0" + NS(b"x"))
    auth.ssh_USERAUTH_REQUEST(NS(name) + NS(b"ssh-connection") + NS(b"publickey") + b"\0" + NS(b"{x.y}\n") + NS(b"no key"))
    password, key = [line for line in logged if "refused" in line]
    assert r"refused pass\nword from 127.0.0.1 as an\x1b[31mn\n{log_source}�nnn" in password
    assert "refused a key that can't be read" in key
    assert not [line for line in logged if "\n" in line or "\x1b" in line or len(line) > 250]


def test_what_operators_type_is_escaped_in_the_log_and_whole(logged: list[str]) -> None:
    operator = Operator("SHA256:x", no_names, Clock(), {})
    operator.logged_in("127.0.0.1", "ann")
    operator.log_statement("print('\x1b[31m')\n" + "x" * 10000)
    operator.log_statement("  ")
    operator.logged_out()
    pieces = logged[1:-1]
    assert pieces[0].startswith(r"manhole: SHA256:x from 127.0.0.1 runs: print('\x1b[31m')\nxxx")
    assert all(piece.startswith("manhole: SHA256:x from 127.0.0.1 goes on: xxx") for piece in pieces[1:])
    assert all(len(piece) < MAX_NOTE + 100 for piece in pieces)
    assert sum(piece.count("x") for piece in pieces) == 10_000 + pieces[0].count("\\x1b") + len(pieces)


def test_what_is_typed_as_a_newline_is_not_logged_as_one(logged: list[str]) -> None:
    operator = Operator("SHA256:x", no_names, Clock(), {})
    operator.log_statement("f( # a\\n b)")
    operator.log_statement("f( # a\n b)")
    assert [line.partition("runs: ")[2] for line in logged] == [r"f( # a\\n b)", r"f( # a\n b)"]
