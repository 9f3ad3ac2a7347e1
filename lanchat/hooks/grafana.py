"""Grafana's own webhook (the contact point "Webhook"): alerts as Alertmanager sends them, with a title and a message besides.

The title and message are templates that may say anything of the group, so they count only where there are no alerts.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lanchat.hooks.alertmanager import read_alertmanager
from lanchat.hooks.posted import Post
from lanchat.hooks.simple import read_simple


def read_grafana(sent: Mapping[str, Any]) -> tuple[Post, ...]:
    """The messages about the alerts of a group, or its title and message if it has none."""
    return read_alertmanager(sent) or (read_simple(sent),)
