"""Modules: connected groups of genes that carry the signal together, and how sure that is."""
