// Labels and the relationships between them
CALL db.schema.visualization()
