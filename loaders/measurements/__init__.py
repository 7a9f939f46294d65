"""Measurements -> one unit a code, and nothing that cannot be: the step behind every reader of records."""
