// Patients in whom any gene of a pathway is mutated, and how many of its genes are.
// param pathway: text  the pathway's CURIE or its name
// returns: subject_id text, mutated_genes int
// store: any
MATCH (pathway:Pathway)
WHERE pathway.id = $pathway OR pathway.name = $pathway
MATCH (gene:Gene)-[:IN_PATHWAY]->(pathway)
WITH DISTINCT gene
MATCH (p:Patient)-[:MUTATED_IN]->(gene)
// step: a gene of the pathway is mutated
RETURN p.id AS subject_id, count(DISTINCT gene) AS mutated_genes
