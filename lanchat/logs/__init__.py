"""The server's log: events of twisted.logger become lines of text or JSON, in files of bounded size."""
