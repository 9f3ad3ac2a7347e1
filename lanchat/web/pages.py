"""Pages: what there is to be read, and in which form."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import NamedTuple

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder

from lanchat.web.health import Health

TEXT, JSON = "text/plain; charset=utf-8", "application/json"
#: What is asked of the library where OpenMetrics was asked for. What was written there is not handed on: of a version that is
#: no number it makes an error, and it says each back.
OPEN_METRICS = "application/openmetrics-text"
VERSION = "; version=1.0.0"
#: A media type with its parameters, and how much it is wanted (RFC 9110, 12.4.2): 0 is not at all.
_ASKED = re.compile(r'(?:[^,"]|"(?:[^"\\]|\\.)*"?)+')
_QUALITY = re.compile(r";\s*q\s*=\s*(0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?)\s*(?:;|\Z)")


class Answer(NamedTuple):
    """What is sent back: a text is a line."""

    code: int
    body: str | bytes
    kind: str = TEXT
    headers: Mapping[str, str] = {}


class Pages:
    """The three pages."""

    def __init__(self, health: Health, ready: Callable[[], bool], registry: CollectorRegistry) -> None:
        """`ready` says whether newcomers are let in; `registry` has what is counted."""
        self._health = health
        self._ready = ready
        self._registry = registry
        self._pages = {b"/healthz": self._healthz, b"/readyz": self._readyz, b"/metrics": self._metrics}

    async def answer(self, path: bytes, accept: str) -> Answer:
        """The page that is there, in the form that is asked for (the header Accept)."""
        page = self._pages.get(path)
        if page is None:
            return Answer(404, "there are /healthz, /readyz and /metrics")
        return await page(accept.lower())

    async def _healthz(self, accept: str) -> Answer:
        """Whether it can store. That there is an answer shows that the reactor turns. It may take three seconds."""
        trouble = await self._health.trouble()
        return _verdict(not trouble, "ok", f"the log can't store: {trouble}", accept)

    async def _readyz(self, accept: str) -> Answer:
        """Whether newcomers are let in."""
        return _verdict(self._ready(), "ready", "not ready: nobody new is let in", accept)

    async def _metrics(self, accept: str) -> Answer:
        """All that is counted, for Prometheus."""
        await self._health.trouble()  # so that what it says of the log has been tried, too
        encode, kind = choose_encoder(OPEN_METRICS + VERSION if prefers(accept, OPEN_METRICS) else "")
        return Answer(200, encode(self._registry), kind)


def prefers(accept: str, kind: str) -> bool:
    """Whether a header Accept (RFC 9110, 12.5.1), in lower case, names this media type and wants it no less than text."""
    wanted: dict[str, float] = {}
    for asked in _ASKED.findall(accept):
        name = asked.partition(";")[0].strip()
        quality = _QUALITY.search(asked)
        wanted[name] = max(wanted.get(name, 0.0), float(quality[1]) if quality else 1.0)
    text = next((wanted[name] for name in ("text/plain", "text/*", "*/*") if name in wanted), 0.0)
    return 0 < wanted.get(kind, 0.0) >= text


def _verdict(well: bool, good: str, bad: str, accept: str) -> Answer:
    """200 or 503, as a line, or as JSON if that is asked for."""
    code, text = (200, good) if well else (503, bad)
    if prefers(accept, JSON):
        return Answer(code, json.dumps({"ok": well, "text": text}), JSON)
    return Answer(code, text)
