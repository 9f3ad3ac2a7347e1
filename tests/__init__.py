"""The tests: pure ones of the core, bytes through the gateways, and real processes."""
