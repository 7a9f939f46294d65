"""Activity of pathways and transcription factors inside the fold: one method a file, chosen by `[omics.NAME] activity`."""
