// Is a gene mutated? Every patient whose mutations were measured; of whom it is not known is left out.
// param symbol: text  the gene's symbol, for example TP53
// param layer: text = mutations  the layer of the study that holds mutations
// returns: subject_id text, label bool
// store: any
MATCH (p:Patient)-[profiled:PROFILED]->(:Load)
WHERE profiled.layer = $layer
// step: mutations measured
WITH DISTINCT p
WHERE NOT EXISTS { MATCH (p)-[:NOT_CALLED_IN]->(unknown:Gene) WHERE unknown.symbol = $symbol }
// step: the gene was called
RETURN p.id AS subject_id, EXISTS { MATCH (p)-[:MUTATED_IN]->(gene:Gene) WHERE gene.symbol = $symbol } AS label
