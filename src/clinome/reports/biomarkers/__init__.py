"""The report's sections about biomarkers."""
