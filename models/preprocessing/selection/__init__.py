"""Feature selection inside the fold: one method a file, chosen by `[learn] select`."""
