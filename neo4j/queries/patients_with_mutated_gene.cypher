// Patients in whom a gene is mutated.
// param symbol: text  the gene's symbol, for example TP53
// returns: subject_id text, gene text
// store: any
MATCH (gene:Gene {symbol: $symbol})
WITH gene
MATCH (p:Patient)-[:MUTATED_IN]->(gene)
// step: the gene is mutated
RETURN DISTINCT p.id AS subject_id, gene.id AS gene
