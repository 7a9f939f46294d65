"""Cypher queries: the library, their parameters, running them read-only."""
