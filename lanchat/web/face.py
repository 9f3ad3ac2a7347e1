"""Face: the parts of it put together."""

from __future__ import annotations

from typing import Any

from lanchat.web.door import WebFactory
from lanchat.web.health import Health
from lanchat.web.lateness import Lateness
from lanchat.web.metrics import registry
from lanchat.web.pages import Pages
from lanchat.web.watched import Watched


def make_factory(watched: Watched, reactor: Any) -> WebFactory:
    """What serves the pages; from now on the turns of the reactor are timed."""
    counts = watched.router.counts
    if hasattr(reactor, "time_turns"):  # ours
        reactor.time_turns(counts.turns.add)
    else:
        Lateness(reactor, counts.lateness.add).begin()
    health = Health(watched.store, reactor)
    return WebFactory(Pages(health, watched.ready, registry(watched, health)), reactor, watched.edge.allows)
