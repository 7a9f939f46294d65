"""Adapters: a user's own estimator, network, or object with fit and predict as a learner."""
