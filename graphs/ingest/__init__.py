"""Ingest: tables -> nodes and relationships; what a run found, written back; what is removed, taken out."""
