"""Statistics of cohorts: Table 1, rank tests, differential features."""
