"""What serves streams at the ports of the chat page."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from lanchat.gateways.factory import ChatFactory

if TYPE_CHECKING:
    from lanchat.webchat.streams import Streams


def make_streams(make_gateway: Callable[..., ChatFactory], with_tls: bool) -> Streams:
    """What answers the requests for streams at all ports with TLS, or at all others."""
    from lanchat.gateways.stream import SecureStreamProtocol, StreamFactory, StreamProtocol  # noqa: PLC0415 (few need it)
    from lanchat.webchat.streams import Streams  # noqa: PLC0415 (as above)

    return Streams(make_gateway(SecureStreamProtocol if with_tls else StreamProtocol, make=StreamFactory))
