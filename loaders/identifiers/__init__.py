"""Identifiers: CURIEs of codes and features, and the table of genes."""
