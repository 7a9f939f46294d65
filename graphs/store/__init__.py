"""The store protocol, and the embedded store."""
