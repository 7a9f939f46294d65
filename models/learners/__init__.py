"""Learners, one a module; `models.learners.registry` says which of them apply to a study."""
