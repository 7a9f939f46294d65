"""Learners of code sequences."""
