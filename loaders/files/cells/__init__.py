"""Cells of text as numbers, dates and words: what they are, what they are not, and why."""
