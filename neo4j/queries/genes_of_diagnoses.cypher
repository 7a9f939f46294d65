// Genes that a patient's diagnoses reach: by mappings of the code itself, else of the nearest code above it.
// param patient: text  id of the patient
// returns: diagnosis text, steps int, from_code text, disease text, exact boolean, gene text, symbol text
// store: any
MATCH (p:Patient {id: $patient})-[:DIAGNOSED]->(diagnosis)
WITH DISTINCT diagnosis
MATCH way = (diagnosis)-[:IS_A*0..6]->(above)
WHERE NOT (above.id STARTS WITH 'ICD' AND above.id CONTAINS '-')
// step: the code and those above it, without blocks and chapters: they are no diagnosis
WITH diagnosis, above, min(length(way)) AS steps
MATCH mapping = (above)-[:MAPS_TO*0..4]->(disease)
MATCH (gene:Gene)-[:ASSOCIATED_WITH]->(disease)
WITH diagnosis, above, steps, disease, gene,
     max(CASE WHEN all(one IN relationships(mapping) WHERE one.predicate = 'exactMatch') THEN 1 ELSE 0 END) AS same
WITH diagnosis, min(steps) AS nearest, collect({code: above.id, steps: steps, disease: disease.id, same: same, gene: gene.id, symbol: gene.symbol}) AS found
UNWIND found AS one
WITH diagnosis, nearest, one
WHERE one.steps = nearest
RETURN diagnosis.id AS diagnosis, nearest AS steps, one.code AS from_code, one.disease AS disease,
       nearest = 0 AND one.same = 1 AS exact, one.gene AS gene, one.symbol AS symbol
ORDER BY diagnosis, from_code, disease, gene
