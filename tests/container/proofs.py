"""Proofs: what is to be shown of the image and of what runs in it; each says in a line what it saw, or fails."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from tests.certs import TLSPeer
from tests.container.composed import composed_with
from tests.container.engine import Engine, Failed
from tests.container.running import TLS, Container, options, service, start
from tests.live import PATIENCE, login, until

#: Bytes that the image may have more than its base, and seconds that a stop may take.
MOST_BYTES, MOST_SECONDS = 80 * 10**6, 5.0
MEGABYTE = 10**6
PASSWORD = "correct horse"  # noqa: S105 (a test's)
NAME = "lanchat-proof"


@dataclass
class Subject:
    """What is looked at: an image, and a container of it that each proof finds as the one before left it."""

    engine: Engine
    base: str
    image: str
    running: Container | None = None

    def start(self) -> Container:
        """A container as compose.yaml has it."""
        self.running = start(self.engine, self.image, NAME, NAME, *options())
        return self.running

    def container(self) -> Container:
        """The one that runs."""
        return self.running or self.start()

    def clear(self, image: bool = False) -> None:
        """Take away the container and the volume, and the image as well if asked."""
        made = [["rm", "--force", NAME], ["volume", "rm", "--force", NAME], ["rmi", self.image]]
        for words in made if image else made[:2]:
            with contextlib.suppress(Failed):  # it is not there
                self.engine(*words)


def small(subject: Subject) -> str:
    """Its size, and what of it is ours."""
    whole, base = (int(subject.engine("inspect", "--format", "{{.Size}}", each)) for each in (subject.image, subject.base))
    assert whole - base <= MOST_BYTES, f"{(whole - base) / MEGABYTE:.0f} MB more than the base"
    return f"{whole / MEGABYTE:.0f} MB, {(whole - base) / MEGABYTE:.0f} MB more than the base"


def lean(subject: Subject) -> str:
    """Nothing is in it that installs or compiles."""
    tools = "for each in pip pip3 gcc cc make git curl; do ! command -v $each || exit 1; done"
    subject.container().do("sh", "-c", f"{tools}; ! python3 -c 'import pip' 2>/dev/null")
    return "no pip, no compiler, no git, no curl"


def unprivileged(subject: Subject) -> str:
    """A user of its own, without privileges, and no way to get any."""
    user = subject.container().do("id", "-u")
    status = subject.container().do("grep", "-E", "^(CapEff|CapBnd|NoNewPrivs|Seccomp):", "/proc/1/status").split()
    held = dict(zip(status[::2], status[1::2], strict=True))
    assert user == "10001", user
    assert int(held["CapEff:"], 16) == int(held["CapBnd:"], 16) == 0, held
    assert held["NoNewPrivs:"] == "1", held
    return f"user {user}, no capabilities, no new privileges, seccomp {held['Seccomp:']}"


def read_only(subject: Subject) -> str:
    """Nothing but /data and /tmp can be written, and nothing in the log misses it."""
    container = subject.container()
    written = container.do(
        "sh", "-c", "for d in / /opt/lanchat /etc /usr /data /tmp; do ! touch $d/x 2>/dev/null || echo $d; done"
    )
    assert set(written.split()) == {"/data", "/tmp"}, written  # noqa: S108 (in the container)
    # Twisted writes its cache of plugins again at each start unless it is newer than they all are.
    plugins = "cd /opt/lanchat/lib/python3*/site-packages/twisted/plugins"
    container.do("sh", "-c", f"{plugins} && for each in *.py; do [ dropin.cache -nt $each ] || exit 1; done")
    assert "Unable" not in container.log(), container.log()
    assert "rror" not in container.log(), container.log()
    container.do("rm", "/data/x")
    return "only /data and /tmp can be written; nothing in the log misses more"


def healthy(subject: Subject) -> str:
    """The health check comes to say so."""
    begun = time.monotonic()
    until(lambda: subject.container().health() == "healthy", "the container to be healthy")
    return f"healthy, {time.monotonic() - begun:.1f} s after it was asked"


def hanging(subject: Subject) -> str:
    """The health check finds out that the server hangs, and that it goes on."""
    container = subject.container()
    begun = time.monotonic()
    subject.engine("kill", "--signal", "STOP", NAME)
    try:
        until(lambda: container.health() == "unhealthy", "the container to be unhealthy", PATIENCE * 2)
        took = time.monotonic() - begun
    finally:
        subject.engine("kill", "--signal", "CONT", NAME)
    until(lambda: container.health() == "healthy", "the container to be healthy")
    return f"unhealthy after it hung for {took:.0f} s, and healthy when it went on"


def chat(subject: Subject) -> str:
    """Two people talk, and one of them makes her name an account, over TLS."""
    container = subject.container()
    with login(container.port(), "bob") as bob, TLSPeer(container.port(TLS)) as ann:
        ann.send(b"ann\n")
        ann.wait_for("Welcome")
        ann.say("/register", PASSWORD)
        ann.wait_for("account")
        bob.say("ann", "did it reach you?")
        ann.wait_for("did it reach you?")
    assert "ann" in container.do("lanchat-admin", "account", "list")
    return "bob wrote to ann, who registered over TLS; lanchat-admin lists her"


def goodbye(subject: Subject) -> str:
    """SIGTERM: clients are told, and it ends with 0 long before it would be killed."""
    container = subject.container()
    grace = int(service()["stop_grace_period"].removesuffix("s"))
    with login(container.port(), "bob") as bob, ThreadPoolExecutor(1) as beside:
        begun = time.monotonic()
        stopping = beside.submit(container.stop, grace)
        told = bob.wait_for("Goodbye")["msg"]
        assert bob.at_end()
        bob.close()
        status = stopping.result()
        took = time.monotonic() - begun
    assert status == 0, f"it ended with {status}"
    assert took < MOST_SECONDS < grace, f"{took:.1f} s"
    return f"{told!r}, then exit status 0, after {took:.1f} s"


def kept(subject: Subject) -> str:
    """Another container with the same volume knows the account, and what was said to it."""
    subject.container().remove()
    container = subject.start()
    with TLSPeer(container.port(TLS)) as ann:
        ann.send(b"ann\n")
        ann.say("/login", PASSWORD)
        ann.wait_for("Welcome")
        ann.say("/history", "@bob")
        ann.wait_for("did it reach you?")
    return "a new container let ann in with her password, and had what bob wrote"


def contained(subject: Subject) -> str:
    """Where it could write anywhere, it writes to /data alone."""
    subject.container().remove()
    free = [option for option in options() if option != "--read-only" and not option.startswith("--tmpfs")]
    subject.running = start(subject.engine, subject.image, NAME, NAME, *free)
    with login(subject.running.port(), "bob"):
        changed = subject.running.changed()
    assert not changed, changed
    return "without --read-only, nothing outside /data was changed"


def composed(subject: Subject) -> str:
    """One command starts it, and what it keeps outlives another that takes it away."""
    subject.container().remove()
    return composed_with(subject.engine, subject.image, NAME)


PROOFS: tuple[Callable[[Subject], str], ...] = (
    small, lean, unprivileged, read_only, healthy, hanging, chat, goodbye, kept, contained, composed,
)  # fmt: skip
