"""Makes `twistd lanchat` known."""

from twisted.application.service import ServiceMaker

lanchat = ServiceMaker("lanchat", "lanchat.tap", "A private chat server for a local network", "lanchat")
