// Each patient's first visit, with the prediction made at its end.
// returns: subject_id text, visit_id text, prediction_time datetime
// store: any
MATCH (p:Patient)-[:ATTENDED]->(v:Visit)
WHERE v.start_time IS NOT NULL
// step: has a dated visit
WITH p, min(v.start_time) AS first_start
MATCH (p)-[:ATTENDED]->(v:Visit)
WHERE v.start_time = first_start
WITH p, min(v.id) AS first_id
MATCH (p)-[:ATTENDED]->(v:Visit)
WHERE v.id = first_id
RETURN p.id AS subject_id, v.id AS visit_id, coalesce(v.end_time, v.start_time) AS prediction_time
