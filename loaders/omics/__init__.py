"""Omics -> one AnnData a layer: one file a format of `[omics.NAME]`."""
