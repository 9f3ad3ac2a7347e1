"""The operators' face: over HTTP it says how the server is, and changes nothing."""
