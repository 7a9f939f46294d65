"""Biomarkers: feature effects, ranking over folds, association, differential features, pathway enrichment."""
