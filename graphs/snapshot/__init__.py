"""Snapshots: a cohort frozen behind the time fence, and HeteroData of its folds."""
