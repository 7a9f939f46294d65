"""Imputation of missing values in omics layers, fitted on training rows; one method a file."""
