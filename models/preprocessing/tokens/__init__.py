"""Tokens: coded events of a row as the entries of a vocabulary, for encoders of sequences."""
