"""Task heads: what turns an embedding into a prediction, and owns its loss."""
