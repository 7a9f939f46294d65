"""Verbs: one file for each verb of `clinome --help`."""
