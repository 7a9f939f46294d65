"""What leaves a run: its page, and the folder that others may have."""
