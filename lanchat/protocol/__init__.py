"""The wire and its values (docs/protocol.md): packets, typed lines, errors, limits. It does no I/O."""
