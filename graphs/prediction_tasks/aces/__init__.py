"""ACES task files: read, and their labels computed as the files say."""
