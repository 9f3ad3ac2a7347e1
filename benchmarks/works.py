"""What is measured: loads that the generator puts on a server, and works, each of which reads one figure of a load."""

from __future__ import annotations

import msgspec

#: Users and messages a second of the short form, which shows only that everything works.
FEW, SLOW = 20, 1000
#: Kinds of work that the generator does in IRC's dialect only.
IRC_ONLY = frozenset({"join", "rejoin"})


class Load(msgspec.Struct, frozen=True):
    """What load.c is told to do; its header explains each option."""

    work: str
    users: int
    window: int = 1
    rate: int = 0
    sources: int = 0
    tls: bool = False
    #: How many of the users talk (0: all), and for how many seconds all are quiet before.
    talkers: int = 0
    quiet: float = 0.0
    #: Whether all have accounts, so that lanchat stores what they say, and acknowledges it.
    accounts: bool = False
    #: Whether all say hello, as accounts do anyway, so that what they say has an id and is acknowledged.
    hello: bool = False

    def arguments(self) -> list[str]:
        """The generator's options."""
        words = ["-w", self.work, "-n", str(self.users)]
        words += ["-r", str(self.rate)] if self.rate else ["-W", str(self.window)]
        words += ["-I", str(self.sources)] if self.sources else []
        words += ["-k", str(self.talkers)] if self.talkers else []
        words += ["-q", f"{self.quiet:g}"] if self.quiet else []
        words += ["-a"] if self.accounts else ["-e"] if self.hello else []
        return [*words, "-S"] if self.tls else words

    def small(self) -> Load:
        """The same with few users."""
        return msgspec.structs.replace(self, users=min(self.users, FEW), rate=min(self.rate, SLOW))


PAIRS_DEEP = Load("pairs", users=100, window=64)
PAIRS_MANY = Load("pairs", users=1000)
SHOUT = Load("fan", users=1001)
SHOUT_DEEP = Load("fan", users=1001, window=8)
STORM = Load("storm", users=6000, sources=8)
STORM_TLS = Load("storm", users=2000, sources=8, tls=True)
STEADY = Load("pairs", users=1000, rate=40_000)


class Work(msgspec.Struct, frozen=True):
    """A row of the table: a figure that the generator prints for a load, times `scale`, in `unit`."""

    number: int
    title: str
    load: Load
    figure: str
    unit: str
    scale: float = 1.0
    #: Whether more is better.
    more: bool = True
    #: lanchat's figure divided by that peer's is to be at least this, or at most, where less is better.
    ratios: dict[str, float] = {}
    #: lanchat's figure is to be at most this.
    limit: float | None = None
    digits: int = 0


WORKS = (
    Work(1, "50 pairs, 64 in flight each", PAIRS_DEEP, "msgs_s", "messages/s", ratios={"inspircd": 1.0}),
    Work(2, "500 pairs, 1 in flight each", PAIRS_MANY, "msgs_s", "messages/s", ratios={"inspircd": 0.95, "ngircd": 0.9}),
    Work(3, "one shouts to 1,000, 1 in flight", SHOUT, "msgs_s", "messages/s", ratios={"ngircd": 1.1, "inspircd": 0.95}),
    Work(4, "one shouts to 1,000, 8 in flight", SHOUT_DEEP, "msgs_s", "messages/s", ratios={"nats": 1.0}),
    Work(5, "6,000 users open and register", STORM, "connect_s", "s", more=False, limit=0.3, digits=3),
    Work(6, "memory of a connected user", STORM, "kb_per_conn", "KiB", more=False, limit=4, digits=2),
    Work(7, "memory of a connected user, TLS", STORM_TLS, "kb_per_conn", "KiB", more=False, limit=30, digits=2),
    Work(8, "p99 at 40,000 messages/s, 1,000 users", STEADY, "p99_us", "ms", scale=1e-3, more=False, limit=0.3, digits=3),
)


def costs(works: list[Work]) -> list[Work]:
    """Work 9: the CPU seconds that a million messages cost the server, in each of these works that moves messages."""
    moving = [work for work in works if work.load.work in {"pairs", "fan"}]
    return [Work(9, f"work {work.number}", work.load, "cpu_s_per_M", "s", more=False, digits=2) for work in moving]


def small(work: Work) -> Work:
    """The same with few users, which shows that it works and nothing else, so it has no targets."""
    return msgspec.structs.replace(work, title=f"{work.title} (in small)", load=work.load.small(), ratios={}, limit=None)
