"""What twistd writes of a running server: as text or JSON, repeated events summed up, bounded on the disk.

This is not the log of messages (lanchat.store).
"""
