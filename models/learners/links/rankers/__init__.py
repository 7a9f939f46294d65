"""Rankers: what learns to rank links, one a file, named in `models.learners.links.registry.RANKERS`."""
