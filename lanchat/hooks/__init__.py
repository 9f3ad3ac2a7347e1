"""What programs post to webhooks: the shapes that they send, read as short texts, and the answers that count as success."""
