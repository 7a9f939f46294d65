"""Knowledge -> concepts and links: one file a format of `[knowledge.NAME]`."""
