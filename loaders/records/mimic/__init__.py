"""MIMIC-III and MIMIC-IV: their folders of tables."""
