"""Status pages over HTTP (`--web`): health and metrics, read-only."""
