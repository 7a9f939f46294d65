"""Baselines: strong plain models on the same folds as every network."""
