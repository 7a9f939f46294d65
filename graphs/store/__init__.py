"""Graph stores: the protocol, and the embedded store."""
