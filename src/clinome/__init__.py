"""Clinome: omics and health records on one patient–gene–pathway–diagnosis graph."""
