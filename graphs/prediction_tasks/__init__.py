"""Prediction tasks: index moment, window and target -> rows with labels, computed over the tables."""
