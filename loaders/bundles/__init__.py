"""Bundles: a whole study folder -> the sections that a study file would hold: one file a format of `[bundle.NAME]`."""
