"""Comparison of several: two cohorts (`clinome compare`), or learners on many studies."""
