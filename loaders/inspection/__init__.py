"""Inspection of a folder: what its files are and how they join -> the sections of a study file (`clinome init`)."""
