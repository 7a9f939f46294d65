"""Inference: a saved model on new patients."""
