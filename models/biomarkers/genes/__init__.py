"""Biomarkers gene by gene: what is known of them, and whether their layers agree."""
