"""Certified: what connections that may come over TLS have in common."""

from __future__ import annotations

from lanchat.gateways.connection import Connection
from lanchat.model.names import key
from lanchat.model.session import Session
from lanchat.net import tls
from lanchat.protocol.errors import BadName
from lanchat.protocol.packet import visible


class Certified(Connection):
    """A connection that tells its version of TLS. A client that had to show a certificate can only take the name in that."""

    def encryption(self) -> str:
        """The version of TLS, such as "TLSv1.3"; "" without TLS."""
        return tls.tls_version(self.transport)

    def open(self, name: str) -> Session:
        """Open a session; raises `BadName` if the name is not that of the certificate."""
        certified = tls.client_name(self.transport)
        if certified is not None and key(name.strip()) != key(certified.strip()):
            whose = visible(certified, 40) or "nobody"
            raise BadName(f"Your certificate says that you are {whose}. Connect again with that name.")
        return super().open(name)
