"""Metrics: what is counted, as Prometheus reads it. Units are its own; to the name of a counter the library adds `_total`.

They are made when somebody asks, from what is known already: nothing here goes through all users. Labels are gateways, codes,
limits and files; never anybody's name, address or text. docs/metrics.md is about each.
"""

from __future__ import annotations

import platform
from collections.abc import Iterator, Mapping
from itertools import accumulate

from prometheus_client import CollectorRegistry
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    InfoMetricFamily,
)
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

import lanchat
import twisted
from lanchat.protocol.counts import Histogram
from lanchat.service import process_stats
from lanchat.web.health import Health
from lanchat.web.sources import MetricsSources

#: The limits that turn a connection away.
OF_CONNECTIONS = ("users", "per-address", "opens")


def registry(watched: MetricsSources, health: Health) -> CollectorRegistry:
    """Where Prometheus' library finds it all."""
    found = CollectorRegistry()
    found.register(Report(watched, health))
    return found


class Report(Collector):
    """All there is to say about a server, each time anew."""

    def __init__(self, watched: MetricsSources, health: Health) -> None:
        self._watched = watched
        self._health = health
        self._counts = watched.router.counts

    def collect(self) -> Iterator[Metric]:
        """The metrics, in the order of docs/metrics.md."""
        yield from self._itself()
        yield from self._people()
        yield from self._packets()
        yield from self._log()
        yield from self._machine()

    def _itself(self) -> Iterator[Metric]:
        versions = {"version": lanchat.__version__, "twisted": twisted.__version__, "python": platform.python_version()}
        yield InfoMetricFamily("lanchat_build", "What is running.", value=versions)
        yield _gauge(
            "lanchat_ready", "1 while newcomers are let in, 0 before that and while the server drains.", self._watched.ready()
        )
        if any(self._counts.lateness.counts):
            yield _histogram("lanchat_reactor_late_seconds", "By how much a timer was late.", self._counts.lateness)
        else:
            text = "A turn of the reactor, from when something happened until it waits again."
            yield _histogram("lanchat_reactor_turn_seconds", text, self._counts.turns)

    def _people(self) -> Iterator[Metric]:
        counts, met = self._counts, self._watched.router.limits.met
        yield _gauge("lanchat_connections", "Connections of clients, with a name and without.", self._watched.admission.total)
        yield _gauge("lanchat_sessions", "Sessions (connections with a name).", counts.sessions, "gateway")
        yield _counter("lanchat_sessions_opened", "Sessions that began.", counts.opened, "gateway")
        ended = CounterMetricFamily("lanchat_sessions_closed", "Sessions that ended, and how.", labels=("gateway", "reason"))
        for labels, count in counts.closed.items():
            ended.add_metric(labels, count)
        yield ended
        refused = {"allow": counts.strangers} | {name: met[name] for name in OF_CONNECTIONS}
        yield _counter(
            "lanchat_connections_refused", "Connections that were turned away, by --allow or a limit.", refused, "reason"
        )
        if (contexts := self._watched.contexts) is not None:
            yield _counter("lanchat_tls_handshakes", "Connections that agreed on TLS.", counts.handshakes)
            yield _counter("lanchat_tls_handshake_failures", "Connections that ended before that.", counts.failed_handshakes)
            text = "When the certificate ends, in seconds since 1970."
            yield _gauge("lanchat_tls_certificate_end_timestamp_seconds", text, contexts.ends.timestamp())

    def _packets(self) -> Iterator[Metric]:
        counts, limits = self._counts, self._watched.router.limits
        yield _counter("lanchat_packets_received", "Packets that clients sent; the name is one.", counts.received)
        yield _counter("lanchat_packets_sent", "Packets that were put on their way to clients.", counts.sent)
        yield _counter("lanchat_packets_refused", "Packets and names that were refused.", counts.refused, "code")
        yield _counter("lanchat_messages_relayed", "Messages that went straight to a guest.", counts.relayed)
        yield _counter("lanchat_messages_delivered", "Deliveries of messages that the log had.", counts.delivered)
        yield _counter("lanchat_messages_not_stored", "Messages refused because they could not be stored.", counts.lost)
        yield _counter("lanchat_gaps", "Readers so far behind that they were told to fetch what they missed.", counts.gaps)
        waiting = sum(outbox.waiting for outbox in counts.held_up)
        yield _gauge("lanchat_held_up_clients", "Clients that read more slowly than they are written to.", len(counts.held_up))
        yield _gauge("lanchat_held_up_bytes", "Bytes that wait here for them.", waiting)
        yield _gauge("lanchat_limit", "What each limit is now.", limits.values, "limit")
        yield _counter("lanchat_limit_met", "How often somebody was over a limit.", limits.met, "limit")

    def _log(self) -> Iterator[Metric]:
        counts, store = self._counts, self._watched.store
        yield _gauge("lanchat_log_storing", "1 while the log can store, 0 while it can't.", not self._health.known)
        yield _gauge("lanchat_log_waiting", "Messages and jobs that wait to be stored.", store.waiting)
        yield _gauge("lanchat_log_stalled_seconds", "For how long nothing came of what waits.", store.stalled)
        yield _histogram("lanchat_log_commit_seconds", "A commit, with all that was written in it.", counts.commits)
        yield _counter("lanchat_log_commit_failures", "Commits that failed, with all that was in them.", counts.failed_commits)
        yield _gauge("lanchat_log_size_bytes", "What is kept, by file.", process_stats.sizes(store.directory), "file")
        free = process_stats.free(store.directory) + store.reusable
        yield _gauge("lanchat_log_free_bytes", "What can still be written where it is kept, or in its file.", free)

    def _machine(self) -> Iterator[Metric]:
        yield _gauge("process_resident_memory_bytes", "Memory of the process.", process_stats.resident())
        yield _counter("process_cpu_seconds", "Time of a processor that it took.", process_stats.cpu())
        yield _gauge("process_start_time_seconds", "When it began, in seconds since 1970.", process_stats.STARTED)
        yield _gauge("process_open_fds", "Descriptors that are open.", process_stats.open_files())
        yield _gauge("process_max_fds", "Descriptors that there may be.", process_stats.most_files())


def _gauge(name: str, text: str, value: float | Mapping[str, float], label: str = "") -> Metric:
    return _filled(GaugeMetricFamily(name, text, labels=(label,) if label else ()), value)


def _counter(name: str, text: str, value: float | Mapping[str, float], label: str = "") -> Metric:
    return _filled(CounterMetricFamily(name, text, labels=(label,) if label else ()), value)


def _filled(metric: GaugeMetricFamily | CounterMetricFamily, value: float | Mapping[str, float]) -> Metric:
    """With a sample, or one for each label."""
    for label, number in value.items() if isinstance(value, Mapping) else [("", value)]:
        metric.add_metric((label,) if label else (), number)
    return metric


def _histogram(name: str, text: str, taken: Histogram) -> Metric:
    bounds = [*map(str, taken.bounds), "+Inf"]
    metric = HistogramMetricFamily(name, text)
    metric.add_metric((), [*zip(bounds, accumulate(taken.counts), strict=True)], taken.sum)
    return metric
