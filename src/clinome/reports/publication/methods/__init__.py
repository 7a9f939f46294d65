"""methods.md: what a run did, in sentences that a journal takes, filled from the run and from nothing else."""
