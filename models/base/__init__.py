"""What everything that learns shares: the snapshot and learner protocols, specs, folds, saved state."""
