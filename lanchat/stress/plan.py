"""What the load tool and its workers tell each other, as JSON on the workers' stdin and stdout."""

from __future__ import annotations

from typing import Any, TypedDict


class RunPlan(TypedDict):
    """What all workers need to know of a run."""

    #: The run's part in the names of its users.
    run: str
    #: The IP address and the port of the server, and the name for which its certificate must be valid.
    host: str
    port: int
    server_name: str
    #: Whether the users connect from several loopback addresses.
    many_addresses: bool
    unframed: bool
    tls: bool
    #: How TLS verifies the server: a file of authorities (PEM), or the fingerprint of its key; both None: not at all.
    ca: str | None
    fingerprint: str | None


class Plan(RunPlan):
    """What one worker needs to know of a run: it has the users whose number modulo `processes` is `index`."""

    index: int
    processes: int


class Report(TypedDict):
    """What a worker has counted since its last report."""

    #: A `Tally` as JSON values.
    tally: dict[str, Any]
    #: Processor time and elapsed time, in seconds.
    cpu: float
    wall: float
