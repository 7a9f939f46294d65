"""Preprocessing fitted on the training rows of a fold: layers, covariates, records, graph edges."""
