// Genes that a patient's diagnoses reach: by the mappings of the code itself, else through the nearest code above it.
// param patient: text  id of the patient
// returns: diagnosis text, steps int, disease text, exact boolean, gene text, symbol text
// store: any
MATCH (p:Patient {id: $patient})-[:DIAGNOSED]->(diagnosis)
WITH DISTINCT diagnosis
MATCH (diagnosis)-[way:IS_A|MAPS_TO*0..8]->(disease)
WHERE none(one IN way WHERE type(one) = 'IS_A'
           AND (NOT startNode(one).id STARTS WITH 'ICD' OR endNode(one).id CONTAINS '-'))
// step: blocks and chapters are no diagnosis, and what lies above a disease term is another disease
MATCH (gene:Gene)-[:ASSOCIATED_WITH]->(disease)
WITH diagnosis, disease, gene, size([one IN way WHERE type(one) = 'IS_A']) AS steps,
     CASE WHEN all(one IN way WHERE one.predicate = 'exactMatch') THEN 1 ELSE 0 END AS same
WITH diagnosis, disease, gene, min(steps) AS steps, max(same) AS same
WITH diagnosis, min(steps) AS nearest, collect({steps: steps, disease: disease.id, same: same, gene: gene.id, symbol: gene.symbol}) AS found
UNWIND found AS one
WITH diagnosis, nearest, one
WHERE one.steps = nearest
RETURN diagnosis.id AS diagnosis, nearest AS steps, one.disease AS disease, nearest = 0 AND one.same = 1 AS exact,
       one.gene AS gene, one.symbol AS symbol
ORDER BY diagnosis, disease, gene
