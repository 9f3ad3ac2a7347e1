"""Prometheus Alertmanager's own webhook (`webhook_configs`, version 4): one message for each alert of a group.

The key of a message is made of the alert's fingerprint, its status and when it began: so Alertmanager may repeat a group, as it
does when another alert joins it, and only what is new is said.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

from lanchat.hooks.posted import Post
from lanchat.hooks.texts import MOST_MEMBERS, Gathered, line, link, objects, words

#: How many alerts of a group have a message each; the others are named in one message.
MOST_ALERTS = 20
#: Numbers of alerts that a group left out are below this one; others are none (and Python writes none of thousands of digits).
MOST_LEFT_OUT = 1_000_000_000
#: Annotations with a place of their own in the text.
_PLACED = ("summary", "description", "runbook_url")


def read_alertmanager(sent: Mapping[str, Any]) -> tuple[Post, ...]:
    """The messages about the alerts of a group, in its list `alerts`; none if that is empty."""
    alerts = objects(sent.get("alerts"))
    posts = [Post(alert_text(alert), key=key_of(alert)) for alert in alerts[:MOST_ALERTS]]
    left_out = sent.get("truncatedAlerts")
    more = left_out if isinstance(left_out, int) and 0 < left_out < MOST_LEFT_OUT else 0
    more += len(sent["alerts"]) - len(alerts)
    rest = alerts[MOST_ALERTS:]
    if rest or more:
        posts.append(_summary(rest, more))
    return tuple(posts)


def alert_text(alert: dict[str, Any]) -> str:
    """What is said of one alert: its name and summary, its description, its labels, and where to look further."""
    labels, notes = _texts(alert.get("labels")), _texts(alert.get("annotations"))
    text = Gathered()
    text.add(": ".join(filter(None, (_heading(alert), line(notes.get("summary"))))))
    text.add(notes.get("description", ""))
    for name, value in notes.items():
        if name not in _PLACED and not name.startswith("__"):  # (Grafana's own begin with it)
            text.add(f"{name}: {value}")
    shown = [f"{name}={value}" for name, value in labels.items() if name != "alertname" and not name.startswith("__")]
    text.add(", ".join(shown))
    text.add(", ".join(_links(alert, notes)))
    return str(text)


def key_of(alert: dict[str, Any]) -> str | None:
    """What makes a repeat of an alert's message the same one; None if the alert has no fingerprint."""
    fingerprint = words(alert.get("fingerprint"))
    if not fingerprint:
        return None
    return digest(fingerprint, words(alert.get("status")), words(alert.get("startsAt")))


def digest(*parts: str) -> str:
    """A short key for some texts together."""
    return hashlib.sha256("\0".join(parts).encode(errors="replace")).hexdigest()[:40]


def _heading(alert: dict[str, Any]) -> str:
    status = line(alert.get("status")).upper() or "ALERT"
    return f"[{status}] {line(_texts(alert.get('labels')).get('alertname'))}".strip()


def _texts(value: Any) -> dict[str, str]:
    """The members of an object that are texts and not empty."""
    members = list(value.items())[:MOST_MEMBERS] if isinstance(value, dict) else []
    return {name: words(text) for name, text in members if words(text)}


def _links(alert: dict[str, Any], notes: dict[str, str]) -> list[str]:
    """Where to look further; a dashboard, a panel and a silence only with Grafana."""
    named = {
        "Runbook": notes.get("runbook_url"),
        "Dashboard": alert.get("dashboardURL"),
        "Panel": alert.get("panelURL"),
        "Silence": alert.get("silenceURL"),
        "Source": alert.get("generatorURL"),
    }
    return [link(label, line(url)) for label, url in named.items() if line(url)]


def _summary(rest: list[dict[str, Any]], more: int) -> Post:
    """One message for the alerts that have none of their own."""
    text = Gathered()
    total = len(rest) + more
    text.add(f"And {total} more {'alert' if total == 1 else 'alerts'}{':' if rest else '.'}")
    for alert in rest:
        text.add(_heading(alert))
    return Post(str(text), key=digest(*(key_of(alert) or "" for alert in rest), str(more)))
