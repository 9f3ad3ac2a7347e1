"""IrcFactory: makes the connections of IRC clients."""

from __future__ import annotations

from lanchat.core.router import Router
from lanchat.gateways.connection import Connection
from lanchat.gateways.factory import ChatFactory
from lanchat.irc.server import IrcServer
from lanchat.net.admission import Admission


class IrcFactory(ChatFactory):
    """The factory of one of the gateways for IRC clients, with TLS or without."""

    def __init__(self, protocol: type[Connection], server: IrcServer, router: Router, admission: Admission) -> None:
        super().__init__(protocol, router, admission)
        #: What all IRC connections share.
        self.server = server
