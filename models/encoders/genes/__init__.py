"""Encoders over genes: their interactions, and the pathways that they are in."""
