"""Base of everything that learns: the snapshot and learner protocols, specs, folds, saved state."""
