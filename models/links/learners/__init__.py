"""Learners that rank links: one a file, named in `models.links.registry.LINK_LEARNERS`."""
