"""Watched: the parts of a server that its face looks at."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from lanchat.edge import Edge
from lanchat.router import Router
from lanchat.store.store import Store
from lanchat.tls import Contexts


class Watched(NamedTuple):
    """One server."""

    router: Router
    edge: Edge
    store: Store
    #: Whether newcomers are let in.
    ready: Callable[[], bool]
    #: What clients agree on TLS with, if they can.
    contexts: Contexts | None = None
