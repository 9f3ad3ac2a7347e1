"""The proofs, in order: each begins with the unit running as shipped but for /etc/lanchat.toml, and leaves it so.

A proof says in its first line what it proves, returns what it saw, and fails with an `AssertionError`.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from pathlib import Path
from urllib.request import urlopen

from cryptography.hazmat.primitives.asymmetric import ec

from tests.booted.root import CHECKOUT
from tests.booted.unit import KEY, Unit
from tests.certs import Authority, TLSPeer, tls_login
from tests.live import PATIENCE, login, until

JSON, TLS, WEB = 5000, 5001, 5080
CONFIGURED = f"""
port = ["{JSON}"]
tls = ["{TLS}"]
tls-key = "/run/credentials/lanchat.service/tls-key"
tls-cert = "/etc/lanchat.crt"
manhole = ["2222"]
manhole-keys = "/run/credentials/lanchat.service/operators"
web = ["{WEB}"]

[limit]
joined = 50
"""
#: The most that `systemd-analyze security` may find exposed.
EXPOSED = 1.5
#: CAP_SYS_RESOURCE, without which no limit can be raised over that of the first process.
SYS_RESOURCE = 1 << 24
PASSWORD = "correct horse"  # noqa: S105 (a test's)


class Proofs:
    """What is proven, and what they need in common."""

    def __init__(self, unit: Unit, directory: Path) -> None:
        """`directory` is for the certificates."""
        self.unit = unit
        self.machine = unit.machine
        self._authority = Authority(directory)
        self._key = ec.generate_private_key(ec.SECP256R1())

    def all(self) -> list[Callable[[], str]]:
        """In their order."""
        return [
            self.installed,
            self.started,
            self.talked,
            self.hardened,
            self.files,
            self.handed,
            self.checked,
            self.encrypted,
            self.healthy,
            self.kept,
            self.reloaded,
            self.not_reloaded,
            self.mistaken,
            self.watched,
            self.activated,
            self.waited,
            self.drained,
            self.stopped,
            self.moved,
            self.removed,
        ]

    def installed(self) -> str:
        """It is installed without internet, by the commands in the unit."""
        return self.unit.install()

    def started(self) -> str:
        """Without any configuration it starts, systemctl waits until it is ready, and shows its status."""
        self.unit.ctl("start", "lanchat")
        login(JSON, "ann").close()
        status = self.machine.says("systemctl", "status", "lanchat")
        assert re.search(r'Status: "Serving; users: \d"', status), status
        assert self.unit.show("Type") == "notify"
        return self.unit.show("StatusText")

    def talked(self) -> str:
        """Clients chat through it."""
        with login(JSON, "ann") as ann, login(JSON, "bob") as bob:
            ann.say("bob", "is the pump back?")
            assert bob.wait_for("pump")["from"]["name"] == "ann"
            bob.say("ann", "it is")
            return str(ann.wait_for("it is")["msg"])

    def hardened(self) -> str:
        """`systemd-analyze security` is content with it."""
        found = self.machine.says("systemd-analyze", "security", "--no-pager", "lanchat", seconds=60)
        (level,) = re.findall(r"exposure level for lanchat.service: ([\d.]+)", found)
        assert float(level) <= EXPOSED, found
        return f"exposure level {level}"

    def files(self) -> str:
        """LimitNOFILE= is what its process has, and its hard limit too."""
        asked = int(self.unit.show("LimitNOFILE"))
        assert asked >= 100_000
        found = re.search(r"open files +(\d+) +(\d+)", (self.unit.main_process() / "limits").read_text())
        assert found
        most, note = self._most_files(asked)
        assert {int(found[1]), int(found[2])} == {most}
        return f"{most} files{note}"

    def handed(self) -> str:
        """With its key as a credential, an operator enters the manhole; a stranger does not."""
        self.machine.says("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", KEY)
        self._credential("operators", self.machine.path(f"{KEY}.pub").read_text())
        self._credential("tls-key", self._issue().read_text())
        self.unit.configure(CONFIGURED)
        self.unit.ctl("restart", "lanchat")
        said = self.unit.asked("print(6 * 7)")
        assert (said.returncode, said.stdout) == (0, "42\n"), said
        self.machine.says("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", "/root/stranger")
        stranger = self.machine.run(*["/root/stranger" if word == KEY else word for word in self.unit.ssh("print(6 * 7)")])
        assert stranger.returncode == 255, stranger
        return "42"

    def checked(self) -> str:
        """`lanchat-admin check-config` finds nothing wrong with what it runs with, whether it runs or not."""
        check = ["/opt/lanchat/bin/lanchat-admin", "check-config"]
        running = self.machine.says(*check)
        self.unit.ctl("stop", "lanchat")
        stopped = self.machine.says(*check)
        self.unit.ctl("start", "lanchat")
        assert running == stopped
        return running.strip()

    def encrypted(self) -> str:
        """A TLS handshake succeeds, and memory that can be written and executed is refused all the same."""
        refused = self.unit.asked("import mmap; mmap.mmap(-1, 4096, prot=7)")
        assert "Permission denied" in refused.stderr or "not permitted" in refused.stderr, refused
        with tls_login(TLS, "ann") as ann:
            return f"{ann.tls.version()}, {ann.tls.cipher()[0]}"  # type: ignore[index]  # it is connected

    def healthy(self) -> str:
        """The web face says that it is well, and counts what the process has open."""
        pages = {}
        for page in ("healthz", "readyz", "metrics"):
            with urlopen(f"http://127.0.0.1:{WEB}/{page}", timeout=PATIENCE) as answer:
                pages[page] = answer.read().decode()
        (files,) = re.findall(r"^process_open_fds ([\d.]+)", pages["metrics"], re.MULTILINE)
        assert float(files) > 10
        return f"{pages['healthz'].strip()}; {pages['readyz'].strip()}; {files} descriptors"

    def kept(self) -> str:
        """Accounts, and what is said to them, outlast a restart and kill -9."""
        boot = self.unit.asked("from lanchat.store import wal_check; print(len(wal_check.boot_id()))")
        assert int(boot.stdout), "without the boot id it could not tell whether the end of the log was lost"
        add = ["/opt/lanchat/bin/lanchat-admin", "--data", "/var/lib/lanchat", "account", "add", "ann", "--password-stdin"]
        self.machine.says(*add, given=f"{PASSWORD}\n")
        self._tell_ann("before the restart")
        self.unit.ctl("restart", "lanchat")
        self._hear("before the restart")
        self._tell_ann("before the kill")
        restarts = int(self.unit.show("NRestarts"))
        self.machine.says("sh", "-c", 'kill -KILL "$0"', self.unit.show("MainPID"))
        self.unit.until("NRestarts", str(restarts + 1))
        self.unit.until("ActiveState", "active")
        self._hear("before the kill")
        return "both messages are there"

    def reloaded(self) -> str:
        """`systemctl reload` reads a new certificate and limits; who is connected stays."""
        before, process = self._certificate(), self.unit.show("MainPID")
        with login(JSON, "bob") as bob:
            self._issue()
            self.unit.configure(CONFIGURED.replace("joined = 50", "joined = 51"))
            self.unit.ctl("reload", "lanchat")
            assert self.unit.asked("print(int(router.chat.limits['joined']))").stdout == "51\n"
            assert self._certificate() != before
            bob.say("/time")
            assert bob.wait_for("Server time")
        assert (self.unit.show("ActiveState"), self.unit.show("MainPID")) == ("active", process)
        return self._said(r"limit joined is 51.*")

    def not_reloaded(self) -> str:
        """`systemctl reload` fails when something is wrong, says what, and changes nothing."""
        self.unit.configure(CONFIGURED.replace("joined = 50", "joined = -1"))
        failed = self.machine.run("systemctl", "reload", "lanchat")
        assert failed.returncode, failed
        assert self.unit.asked("print(int(router.chat.limits['joined']))").stdout == "51\n"
        assert self.unit.show("ActiveState") == "active"
        self.unit.configure(CONFIGURED)
        return self._said(r"joined: '-1'.*")

    def mistaken(self) -> str:
        """With a mistake in its configuration it says so once, and is not started again for the same."""
        self.unit.configure(CONFIGURED.replace("joined = 50", "joined = -2"))
        failed = self.machine.run("systemctl", "restart", "lanchat")
        assert failed.returncode, failed
        time.sleep(5)  # longer than RestartSec
        assert (self.unit.show("ActiveState"), self.unit.show("ExecMainStatus")) == ("failed", "78")
        assert len(re.findall("joined: '-2'", self.unit.journal())) == 1
        self.unit.configure(CONFIGURED)
        self.unit.ctl("restart", "lanchat")
        return self._said(r"joined: '-2'.*")

    def watched(self) -> str:
        """It runs on under the watchdog; hung by an operator it is ended, started again, and the journal says where it hung."""
        self.unit.change("WatchdogSec=4")
        self.unit.ctl("restart", "lanchat")
        restarts, process = self.unit.show("NRestarts"), self.unit.show("MainPID")
        with login(JSON, "bob"):
            until(lambda: "users: 1" in self.unit.show("StatusText"), "the status to count bob")
            time.sleep(6)  # longer than the watchdog waits: without beats it would have been ended
            assert self.unit.show("MainPID") == process
        hanging = self.machine.begin(*self.unit.ssh("import time; time.sleep(300)"))
        self.unit.until("NRestarts", str(int(restarts) + 1))
        hanging.communicate(timeout=PATIENCE)
        self.unit.until("ActiveState", "active")
        login(JSON, "ann-again").close()
        self._as_shipped()
        return f"{self._said('Watchdog timeout.*')} {self._said('File .*lanchat/manhole/console.py.*')}"

    def activated(self) -> str:
        """With lanchat.socket, the first who connects starts it, and is served."""
        self.unit.ctl("stop", "lanchat")
        self.unit.ctl("start", "lanchat.socket")
        assert self.unit.show("ActiveState") == "inactive"
        login(JSON, "ann-first").close()
        assert self.unit.show("ActiveState") == "active"
        return self._said(r"listening for json.*")

    def waited(self) -> str:
        """Who connects while it starts again waits, and is served; nobody is refused."""
        self.unit.change("ExecStartPre=/bin/sleep 2")
        self.unit.ctl("restart", "--no-block", "lanchat")
        self.unit.until("ActiveState", "activating")
        began = time.monotonic()
        login(JSON, "bob-waits").close()
        waited = time.monotonic() - began
        self._as_shipped()
        self.unit.ctl("stop", "lanchat.socket", "lanchat")
        self.unit.ctl("start", "lanchat")
        return f"waited {waited:.1f} s"

    def drained(self) -> str:
        """An end that an operator announces is in the status, and is not taken for a fault."""
        with login(JSON, "bob") as bob:
            assert self.unit.asked("drain(5)").returncode == 0
            assert bob.wait_for("shuts down in 5")
            status = self.unit.show("StatusText")
            assert status.startswith("Shuts down in"), status
            assert bob.wait_for("shutting down")
            assert bob.at_end()
        self.unit.until("ActiveState", "inactive")
        assert self.unit.show("Result") == "success"
        self.unit.ctl("start", "lanchat")
        return status

    def stopped(self) -> str:
        """`systemctl stop` says goodbye to everybody, closes what is kept, and is counted as clean."""
        with login(JSON, "bob") as bob, tls_login(TLS, "eve") as eve:
            stop = self.machine.begin("systemctl", "stop", "lanchat")
            goodbye = bob.wait_for("shutting down")["msg"]
            assert eve.wait_for("shutting down")["msg"] == goodbye
            assert bob.at_end()
            assert eve.at_end()
            stop.communicate(timeout=PATIENCE)
        assert (self.unit.show("Result"), self.unit.show("ActiveState")) == ("success", "inactive")
        assert "Deactivated successfully" in self.unit.journal()
        self.machine.says("/opt/lanchat/bin/lanchat-admin", "--data", "/var/lib/lanchat", "check")
        return str(goodbye)

    def _credential(self, name: str, text: str) -> None:
        self.machine.write(f"/etc/credstore/lanchat.{name}", text, 0o600)

    def _issue(self) -> Path:
        """Put a new certificate there; the file of its key, which stays the same."""
        key, cert = self._authority.issue("server", "127.0.0.1", key=self._key)
        self.machine.write("/etc/lanchat.crt", cert.read_text())
        return key

    def _certificate(self) -> bytes:
        with TLSPeer(TLS) as peer:
            return peer.certificate()

    def moved(self) -> str:
        """By the commands in operations.md it goes on in another place, with its accounts and its keys."""
        self.unit.configure(f'tls = "{TLS}"\n')
        for command in ("start", "stop"):
            self.unit.ctl(command, "lanchat")
        key = self._made_key()
        self._shell("cp -a /var/lib/lanchat/ /root/OLD")
        self._shell(
            "/opt/lanchat/bin/lanchat-admin --data /var/lib/lanchat backup /root/lanchat.db; rm -r /var/lib/private/lanchat"
        )
        for command in ("start", "stop"):
            self.unit.ctl(command, "lanchat")
        assert self._made_key() != key
        self._shell(*self._documented("To move to another directory"), before="cd /root; PATH=/opt/lanchat/bin:$PATH")
        assert self._made_key() == key
        assert "ann" in self._shell("/opt/lanchat/bin/lanchat-admin --data /var/lib/lanchat account list")
        return self.unit.show("StatusText")

    def removed(self) -> str:
        """By the commands in operations.md it is removed, and nothing of it is left."""
        self._shell(*self._documented("## Uninstall"))
        left = self._shell("find /etc /opt /usr /var/lib -name '*lanchat*'")
        assert not left, left
        return "no file"

    def _made_key(self) -> str:
        return self.machine.says("cat", "/var/lib/lanchat/tls_key.pem")

    def _documented(self, after: str) -> list[str]:
        """The first block of commands behind some words in operations.md, without what is said beside them."""
        text = (CHECKOUT / "docs" / "operations.md").read_text().partition(after)[2]
        block = re.search(r"(?:^    .*\n)+", text, re.MULTILINE)
        assert block is not None
        return [re.split(r" {3,}", line.strip())[0] for line in block[0].splitlines()]

    def _shell(self, *commands: str, before: str = "") -> str:
        return self.machine.says("sh", "-ec", "\n".join([before, *commands]), seconds=60)

    def _tell_ann(self, text: str) -> None:
        with login(JSON, "bob") as bob:
            bob.say("ann", text)
            assert bob.wait_for("is kept")

    def _hear(self, text: str) -> None:
        with TLSPeer(TLS) as ann:
            ann.send(b"ann\n")
            ann.wait_for("/login")
            ann.say("/login", PASSWORD)
            assert ann.wait_for(text)["from"]["name"] == "bob"

    def _said(self, pattern: str) -> str:
        """The last line of the journal that has this; it may not be there yet."""

        def found() -> str:
            return str((re.findall(pattern, self.unit.journal()) or [""])[-1])

        return until(found, pattern)

    def _as_shipped(self) -> None:
        self.unit.change()
        self.unit.ctl("restart", "lanchat")

    def _most_files(self, asked: int) -> tuple[int, str]:
        """How many there can be, as no process of the machine may be able to raise its limit over the first one's."""
        first = self.machine.path("/proc/1")
        (bounds,) = re.findall(r"CapBnd:\s+(\w+)", (first / "status").read_text())
        (hard,) = re.findall(r"open files +\d+ +(\d+)", (first / "limits").read_text())
        if int(bounds, 16) & SYS_RESOURCE or int(hard) >= asked:
            return asked, ""
        return int(hard), f" of {asked}, as this machine's first process may have no more and may not raise that"
