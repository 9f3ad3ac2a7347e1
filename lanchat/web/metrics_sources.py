"""The parts of a server from which the metrics are taken."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from lanchat.core.chat import Chat
from lanchat.net.admission import Admission
from lanchat.net.tls import Contexts
from lanchat.store.store import Store


class MetricsSources(NamedTuple):
    """The parts of one server that the metrics and pages need."""

    chat: Chat
    admission: Admission
    store: Store
    #: Returns whether new connections are accepted.
    ready: Callable[[], bool]
    #: The TLS settings, if there are ports with TLS.
    contexts: Contexts | None = None
