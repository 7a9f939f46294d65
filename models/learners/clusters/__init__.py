"""Clusters: learners that divide patients into subtypes without an outcome, and the experiment that judges them."""
