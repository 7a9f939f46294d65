// The walk from patients over a diagnosis to diseases, their genes and those genes' pathways.
// param code: text  CURIE of the diagnosis; anything below it counts
// returns: pathway text, name text, genes int, diseases int, patients int
// store: any
MATCH (top:Diagnosis {id: $code})<-[:IS_A*0..8]-(diagnosis:Diagnosis)
WITH DISTINCT diagnosis
MATCH (p:Patient)-[:DIAGNOSED]->(diagnosis)
// step: has the diagnosis or one below it
WITH DISTINCT p, diagnosis
MATCH (diagnosis)-[:MAPS_TO*0..1]->(disease)
WITH DISTINCT p, disease
MATCH (gene:Gene)-[:ASSOCIATED_WITH]->(disease)
WITH DISTINCT p, disease, gene
MATCH (gene)-[:IN_PATHWAY]->(pathway:Pathway)
RETURN pathway.id AS pathway, pathway.name AS name, count(DISTINCT gene) AS genes,
       count(DISTINCT disease) AS diseases, count(DISTINCT p) AS patients
ORDER BY patients DESC, genes DESC, pathway
