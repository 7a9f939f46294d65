"""A real Neo4j server without Docker: jars, home, process, backup, bulk import."""
