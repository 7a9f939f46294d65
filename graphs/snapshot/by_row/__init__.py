"""What a snapshot holds, read by the rows that are asked for: PyTorch Geometric's stores, and layers from the graph itself."""
