"""Verbs on a run's frozen model: new patients, and other platforms."""
