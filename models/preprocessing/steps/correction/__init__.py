"""Batch correction of omics layers, fitted on training rows; one method a file."""
