"""Decisions: what acting on a risk means, from a threshold on."""
