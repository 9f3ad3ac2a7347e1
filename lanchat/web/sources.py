"""Watched: the parts of a server that its face looks at."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from lanchat.core.chat import Chat
from lanchat.net.admission import Admission
from lanchat.net.tls import Contexts
from lanchat.store.store import Store


class MetricsSources(NamedTuple):
    """One server."""

    chat: Chat
    admission: Admission
    store: Store
    #: Whether newcomers are let in.
    ready: Callable[[], bool]
    #: What clients agree on TLS with, if they can.
    contexts: Contexts | None = None
