"""The wire and its values (docs/protocol.md): packets, names, typed lines, errors, limits. It does no I/O."""
