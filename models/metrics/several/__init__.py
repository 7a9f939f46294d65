"""Metrics of several outcomes at once: each by itself, and their mean."""
