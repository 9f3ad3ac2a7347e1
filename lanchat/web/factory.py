"""Builds the factory for the ports of `--web`."""

from __future__ import annotations

from typing import Any

from lanchat.web.health import Health
from lanchat.web.http import WebFactory
from lanchat.web.metrics import make_registry
from lanchat.web.metrics_sources import MetricsSources
from lanchat.web.pages import Pages
from lanchat.web.reactor_delay import ReactorDelayTimer


def make_factory(sources: MetricsSources, reactor: Any) -> WebFactory:
    """The factory that serves the pages. This also begins to time the turns of the reactor."""
    counts = sources.chat.counts
    if hasattr(reactor, "time_turns"):  # it is `lanchat.net.reactor.Reactor`
        reactor.time_turns(counts.turns.add)
    else:
        ReactorDelayTimer(reactor, counts.timer_delays.add).start()
    health = Health(sources.store, reactor)
    return WebFactory(Pages(health, sources.ready, make_registry(sources, health)), reactor, sources.admission.allows)
