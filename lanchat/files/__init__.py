"""The bytes of files that go with messages: kept on the disk by their digest, sent and fetched over HTTP with signed links."""
