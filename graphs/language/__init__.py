"""The Cypher language: text into a syntax tree, its types, its words against the schema, its translation."""
