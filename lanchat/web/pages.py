"""The pages: their contents, and the form in which they are sent."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import NamedTuple

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder

from lanchat.web.health import Health

TEXT, JSON = "text/plain; charset=utf-8", "application/json"
#: What is passed to the library if a client asks for OpenMetrics: not the client's own words, as it fails on versions that are
#: not numbers, and repeats what it is given.
OPEN_METRICS = "application/openmetrics-text"
VERSION = "; version=1.0.0"
#: Matches one media type in an Accept header with its parameters, and its quality (RFC 9110, 12.4.2); 0 is not acceptable.
_ASKED = re.compile(r'(?:[^,"]|"(?:[^"\\]|\\.)*"?)+')
_QUALITY = re.compile(r";\s*q\s*=\s*(0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?)\s*(?:;|\Z)")


class Response(NamedTuple):
    """An answer; a body of type str is one line, without its newline."""

    code: int
    body: str | bytes
    content_type: str = TEXT
    headers: Mapping[str, str] = {}


class Pages:
    """The three pages: /healthz, /readyz and /metrics."""

    def __init__(self, health: Health, ready: Callable[[], bool], registry: CollectorRegistry) -> None:
        """`ready` returns whether new connections are accepted; `registry` has the metrics."""
        self._health = health
        self._ready = ready
        self._registry = registry
        self._pages = {b"/healthz": self._healthz, b"/readyz": self._readyz, b"/metrics": self._metrics}

    async def answer(self, path: bytes, accept: str) -> Response:
        """The page at a path, in the form that the header Accept asks for."""
        page = self._pages.get(path)
        if page is None:
            return Response(404, "there are /healthz, /readyz and /metrics")
        return await page(accept.lower())

    async def _healthz(self, accept: str) -> Response:
        """Whether messages can be stored; that there is an answer shows that the reactor runs. It may take three seconds."""
        trouble = await self._health.check()
        return _status_response(not trouble, "ok", f"the log can't store: {trouble}", accept)

    async def _readyz(self, accept: str) -> Response:
        """Whether new connections are accepted."""
        return _status_response(self._ready(), "ready", "not ready: new connections are refused", accept)

    async def _metrics(self, accept: str) -> Response:
        """All metrics, for Prometheus."""
        await self._health.check()  # so that the metrics of the log are up to date
        encode, kind = choose_encoder(OPEN_METRICS + VERSION if prefers(accept, OPEN_METRICS) else "")
        return Response(200, encode(self._registry), kind)


def prefers(accept: str, media_type: str) -> bool:
    """Whether an Accept header (RFC 9110, 12.5.1; in lower case) wants this media type, and at least as much as text."""
    wanted: dict[str, float] = {}
    for media_range in _ASKED.findall(accept):
        name = media_range.partition(";")[0].strip()
        quality = _QUALITY.search(media_range)
        wanted[name] = max(wanted.get(name, 0.0), float(quality[1]) if quality else 1.0)
    text = next((wanted[name] for name in ("text/plain", "text/*", "*/*") if name in wanted), 0.0)
    return 0 < wanted.get(media_type, 0.0) >= text


def _status_response(well: bool, good: str, bad: str, accept: str) -> Response:
    """200 or 503 with a line of text, or with JSON if the client prefers that."""
    code, text = (200, good) if well else (503, bad)
    if prefers(accept, JSON):
        return Response(code, json.dumps({"ok": well, "text": text}), JSON)
    return Response(code, text)
