// Patients who were given a drug within some days of their first diagnosis; the prediction is made once both are known.
// param diagnosis: text  CURIE; anything below it counts
// param drug: text  CURIE; anything below it counts
// param within: duration = 30  days from the first diagnosis to the drug
// returns: subject_id text, prediction_time datetime, diagnosed datetime, treated datetime
// store: any
MATCH (top:Diagnosis {id: $diagnosis})<-[:IS_A*0..8]-(diagnosis:Diagnosis)
WITH DISTINCT diagnosis
MATCH (p:Patient)-[event:DIAGNOSED]->(diagnosis)
WHERE event.time IS NOT NULL
// step: has the diagnosis, dated
WITH p, min(event.time) AS diagnosed, min(event.known_time) AS diagnosis_known
MATCH (p)-[given:PRESCRIBED]->(drug:Medication)
WHERE given.time >= diagnosed AND given.time <= diagnosed + $within
  AND (drug.id = $drug OR EXISTS { MATCH (drug)-[:IS_A*1..8]->(above:Medication) WHERE above.id = $drug })
// step: was given the drug in time
WITH p, diagnosed, diagnosis_known, min(given.time) AS treated, min(given.known_time) AS drug_known
RETURN p.id AS subject_id,
       CASE WHEN diagnosis_known > drug_known THEN diagnosis_known ELSE drug_known END AS prediction_time,
       diagnosed, treated
