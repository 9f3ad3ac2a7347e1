"""The ports for operators (`--manhole`, `--web`)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from twisted.internet.interfaces import IReactorTime

from lanchat.config import options, preflight
from lanchat.core.router import Router
from lanchat.net.endpoints import make_endpoint
from lanchat.net.listener import Listener
from lanchat.service.service import ChatService
from lanchat.system.exits import exit_with_errors
from lanchat.system.private_files import FileError
from lanchat.web.metrics_sources import MetricsSources

if TYPE_CHECKING:
    from lanchat.manhole.ssh import ManholeFactory


def add_manhole(service: ChatService, router: Router, reactor: IReactorTime, config: options.Options) -> ManholeFactory:
    """Add the ports of the manhole; returns what makes its connections, which can read the operators' keys again."""
    from lanchat.manhole import keys, ssh  # noqa: PLC0415 (conch imports a reactor, and most servers have no manhole)

    def read_keys() -> ManholeFactory:
        return ssh.ManholeFactory(
            service, router, keys.read_authorized_keys(config["manhole-keys"]), keys.host_keys(config["data"])
        )

    try:
        factory = preflight.as_user(config, read_keys)
    except FileError as refused:
        exit_with_errors([str(refused)])
    for port in config["manhole"]:
        listener = Listener("manhole operators (SSH)", make_endpoint(reactor, port), factory, factory.drain)
        listener.setServiceParent(service)
    return factory


def add_web(service: ChatService, reactor: Any, ports: list[str], sources: MetricsSources) -> None:
    """Add the ports for health and metrics."""
    from lanchat.web.factory import make_factory  # noqa: PLC0415 (prometheus_client takes memory, and few need it)

    factory = make_factory(sources, reactor)
    for port in ports:
        listener = Listener("web readers (health and metrics)", make_endpoint(reactor, port), factory, factory.drain)
        listener.setServiceParent(service)
