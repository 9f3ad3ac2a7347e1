"""The chat itself: who is online, rooms, sanctions, and the way of a message from its sender to its readers."""
