"""Learners on the graph."""
