// Visits for which a property is known, with its value as the label; the prediction is made at the visit's end.
// param property: text  the property of Visit that is the label
// param positive: any = as_it_says  the value that is 1 in a binary task, where words do not say it themselves
// returns: subject_id text, visit_id text, prediction_time datetime, label any, means_one any
// store: any
MATCH (p:Patient)-[:ATTENDED]->(v:Visit)
WHERE v.end_time IS NOT NULL
// step: has a visit with an end
WITH p, v
WHERE v[$property] IS NOT NULL
// step: the visit has the label
RETURN p.id AS subject_id, v.id AS visit_id, v.end_time AS prediction_time, v[$property] AS label, $positive AS means_one
