"""Columnar tables of a study: what a graph is built from, and what a model is trained on."""
