"""Encoders over patients: whom each one is like."""
