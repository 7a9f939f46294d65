"""Verbs that look into a graph that is there, and write onto its nodes what was learned."""
