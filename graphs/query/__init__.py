"""Cypher: the library of queries, their parameters, running them read-only."""
