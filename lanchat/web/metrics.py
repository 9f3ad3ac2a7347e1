"""The metrics in the form of Prometheus. Its library appends `_total` to the names of counters (docs/metrics.md).

They are made when they are asked for, from what is known: nothing here goes through all users. Labels are gateways, codes,
limits and files; never a user's name, address or text.
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
from lanchat.web.metrics_sources import MetricsSources

#: The limits by which connections are refused.
CONNECTION_LIMITS = ("users", "per-address", "opens")


def make_registry(sources: MetricsSources, health: Health) -> CollectorRegistry:
    """The registry of Prometheus' library with all metrics of a server."""
    found = CollectorRegistry()
    found.register(ServerCollector(sources, health))
    return found


class ServerCollector(Collector):
    """Collects the metrics of a server, anew each time."""

    def __init__(self, sources: MetricsSources, health: Health) -> None:
        self._sources = sources
        self._health = health
        self._counts = sources.chat.counts

    def collect(self) -> Iterator[Metric]:
        """The metrics, in the order of docs/metrics.md."""
        yield from self._server()
        yield from self._connections()
        yield from self._packets()
        yield from self._log()
        yield from self._files()
        yield from self._process()

    def _server(self) -> Iterator[Metric]:
        versions = {"version": lanchat.__version__, "twisted": twisted.__version__, "python": platform.python_version()}
        yield InfoMetricFamily("lanchat_build", "The versions that are running.", value=versions)
        yield _gauge(
            "lanchat_ready", "1 while new connections are accepted, 0 before that and during a drain.", self._sources.ready()
        )
        if any(self._counts.timer_delays.counts):
            yield _histogram("lanchat_reactor_late_seconds", "How late a timer was.", self._counts.timer_delays)
        else:
            text = "Length of a turn of the reactor, from an event until it waits again."
            yield _histogram("lanchat_reactor_turn_seconds", text, self._counts.turns)

    def _connections(self) -> Iterator[Metric]:
        counts, met = self._counts, self._sources.chat.limits.met
        yield _gauge("lanchat_connections", "Client connections, with a name or without.", self._sources.admission.total)
        yield _gauge("lanchat_sessions", "Sessions (connections with a name).", counts.sessions, "gateway")
        yield _counter("lanchat_sessions_opened", "Sessions started.", counts.opened, "gateway")
        ended = CounterMetricFamily("lanchat_sessions_closed", "Sessions ended, by reason.", labels=("gateway", "reason"))
        for labels, count in counts.closed.items():
            ended.add_metric(labels, count)
        yield ended
        refused = {"allow": counts.denied} | {name: met[name] for name in CONNECTION_LIMITS}
        yield _counter("lanchat_connections_refused", "Connections refused, by --allow or a limit.", refused, "reason")
        if (contexts := self._sources.contexts) is not None:
            yield _counter("lanchat_tls_handshakes", "TLS handshakes completed.", counts.handshakes)
            yield _counter("lanchat_tls_handshake_failures", "TLS handshakes failed.", counts.failed_handshakes)
            text = "When the certificate expires, in seconds since 1970."
            yield _gauge("lanchat_tls_certificate_end_timestamp_seconds", text, contexts.not_after.timestamp())

    def _packets(self) -> Iterator[Metric]:
        counts, limits = self._counts, self._sources.chat.limits
        yield _counter("lanchat_packets_received", "Packets received from clients; the name counts as one.", counts.received)
        yield _counter("lanchat_packets_sent", "Packets handed over for sending to clients.", counts.sent)
        yield _counter("lanchat_packets_refused", "Packets and names refused.", counts.refused, "code")
        yield _counter("lanchat_messages_relayed", "Deliveries of messages that are not stored.", counts.relayed)
        yield _counter("lanchat_messages_delivered", "Deliveries of stored messages.", counts.delivered)
        yield _counter("lanchat_messages_not_stored", "Messages refused because they could not be stored.", counts.not_stored)
        yield _counter("lanchat_gaps", "Slow readers told to fetch the messages they missed.", counts.gaps)
        slow, waiting = len(counts.slow_readers), sum(queue.waiting for queue in counts.slow_readers)
        yield _gauge("lanchat_held_up_clients", "Clients that read more slowly than the server sends.", slow)
        yield _gauge("lanchat_held_up_bytes", "Bytes waiting to be sent to these clients.", waiting)
        yield _gauge("lanchat_limit", "The current value of each limit.", limits.values, "limit")
        yield _counter("lanchat_limit_met", "How often a limit was reached.", limits.met, "limit")

    def _log(self) -> Iterator[Metric]:
        counts, store = self._counts, self._sources.store
        yield _gauge("lanchat_log_storing", "1 while messages can be stored, 0 while they cannot.", not self._health.problem)
        yield _gauge("lanchat_log_waiting", "Messages and other changes waiting to be written.", store.waiting)
        yield _gauge("lanchat_log_stalled_seconds", "How long the write queue has made no progress.", store.stalled)
        yield _histogram("lanchat_log_commit_seconds", "Duration of a commit, including its writes.", counts.commits)
        yield _counter("lanchat_log_commit_failures", "Failed commits; everything in them was refused.", counts.failed_commits)
        yield _gauge(
            "lanchat_log_size_bytes", "Size of the database, by file.", process_stats.file_sizes(store.directory), "file"
        )
        free = process_stats.free_bytes(store.directory) + store.reusable
        yield _gauge("lanchat_log_free_bytes", "Space left for the database, on its disk and within its file.", free)

    def _files(self) -> Iterator[Metric]:
        space = self._sources.chat.uploads.space
        yield _gauge("lanchat_files_bytes", "Bytes of the files that messages have, each as often as it was sent.", space.kept)
        yield _gauge("lanchat_files_coming_bytes", "Bytes of files that are being sent, or may be.", space.coming)
        yield _counter("lanchat_files_received", "Files that users and webhooks sent.", space.received)
        yield _counter("lanchat_files_received_bytes", "Bytes of these files.", space.received_bytes)

    def _process(self) -> Iterator[Metric]:
        yield _gauge("process_resident_memory_bytes", "Resident memory of the process.", process_stats.resident_bytes())
        yield _counter("process_cpu_seconds", "CPU time used by the process.", process_stats.cpu_seconds())
        yield _gauge("process_start_time_seconds", "Start of the process, in seconds since 1970.", process_stats.STARTED)
        yield _gauge("process_open_fds", "Open file descriptors.", process_stats.open_files())
        yield _gauge("process_max_fds", "Maximum number of open file descriptors.", process_stats.max_files())


def _gauge(name: str, text: str, value: float | Mapping[str, float], label: str = "") -> Metric:
    return _with_samples(GaugeMetricFamily(name, text, labels=(label,) if label else ()), value)


def _counter(name: str, text: str, value: float | Mapping[str, float], label: str = "") -> Metric:
    return _with_samples(CounterMetricFamily(name, text, labels=(label,) if label else ()), value)


def _with_samples(metric: GaugeMetricFamily | CounterMetricFamily, value: float | Mapping[str, float]) -> Metric:
    """Add one sample to a metric, or one for each label."""
    for label, number in value.items() if isinstance(value, Mapping) else [("", value)]:
        metric.add_metric((label,) if label else (), number)
    return metric


def _histogram(name: str, text: str, taken: Histogram) -> Metric:
    bounds = [*map(str, taken.bounds), "+Inf"]
    metric = HistogramMetricFamily(name, text)
    metric.add_metric((), [*zip(bounds, accumulate(taken.counts), strict=True)], taken.sum)
    return metric
