"""Training networks: batches, tokens, the loop."""
