"""Run folder: what a run leaves, its model, and what is prepared once for all its steps."""
