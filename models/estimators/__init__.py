"""Estimators: arrays in, arrays out; no snapshot, no study."""
