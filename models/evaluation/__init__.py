"""Evaluation: intervals, comparisons, calibration, decision curves, subgroups."""
