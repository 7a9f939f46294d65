"""Statistics, arrays and tables in: Table 1, rank tests, differences between two groups."""
