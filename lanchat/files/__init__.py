"""The bytes of files that go with messages: kept on the disk by their digest, written, read and unlinked in threads."""
