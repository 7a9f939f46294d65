"""Study file: TOML as typed values, and what it cannot ask for."""
