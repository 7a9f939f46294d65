// Patients who were measured in every one of these layers.
// param layers: list  names of layers, for example rna,mutations
// returns: subject_id text, layers int
// store: any
MATCH (p:Patient)-[profiled:PROFILED]->(:Load)
WHERE profiled.layer IN $layers
// step: measured in at least one of the layers
WITH p, count(DISTINCT profiled.layer) AS layers
WHERE layers = size($layers)
// step: measured in all of the layers
RETURN p.id AS subject_id, layers
