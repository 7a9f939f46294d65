"""OMOP CDM: a folder of tables, or a DuckDB database."""
