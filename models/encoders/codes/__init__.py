"""Encoders over the codes of health records: their sequence, and their graph."""
