"""Files of omics that say themselves what they hold: AnnData, and study folders of cBioPortal."""
