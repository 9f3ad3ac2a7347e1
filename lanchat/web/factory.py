"""Face: the parts of it put together."""

from __future__ import annotations

from typing import Any

from lanchat.web.health import Health
from lanchat.web.http import WebFactory
from lanchat.web.metrics import registry
from lanchat.web.pages import Pages
from lanchat.web.reactor_delay import ReactorDelay
from lanchat.web.sources import MetricsSources


def make_factory(watched: MetricsSources, reactor: Any) -> WebFactory:
    """What serves the pages; from now on the turns of the reactor are timed."""
    counts = watched.chat.counts
    if hasattr(reactor, "time_turns"):  # ours
        reactor.time_turns(counts.turns.add)
    else:
        ReactorDelay(reactor, counts.timer_delays.add).begin()
    health = Health(watched.store, reactor)
    return WebFactory(Pages(health, watched.ready, registry(watched, health)), reactor, watched.admission.allows)
