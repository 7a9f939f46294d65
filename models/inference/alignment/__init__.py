"""Alignment: another platform's values on the distributions that a model was trained on, without labels."""
