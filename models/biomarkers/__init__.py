"""Biomarkers: feature effects, rankings over folds, pathway enrichment."""
