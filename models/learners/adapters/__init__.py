"""A user's own estimator or network as a learner."""
