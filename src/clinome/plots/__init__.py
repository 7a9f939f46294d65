"""Plots: matplotlib figures of runs, cohorts and benchmarks."""
