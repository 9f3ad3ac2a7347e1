"""Programs as people have them post to webhooks of a real server."""
