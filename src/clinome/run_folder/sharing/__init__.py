"""Sharing: what of a run may leave the house, and the check that nothing of a patient went along."""
