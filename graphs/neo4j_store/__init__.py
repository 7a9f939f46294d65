"""Neo4j store: a database on a server."""
