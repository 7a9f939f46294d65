"""Command line: a thin face of the verbs."""
