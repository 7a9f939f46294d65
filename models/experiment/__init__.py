"""Experiments: folds × learners in workers, tuning, controls, checkpoints, results."""
