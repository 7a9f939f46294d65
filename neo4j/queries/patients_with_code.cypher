// Patients with a code or anything below it, from the moment at which that was first known.
// param code: text  CURIE, for example ICD10CM:C34
// returns: subject_id text, prediction_time datetime, records int
// store: any
MATCH (top:Diagnosis|Medication|Procedure|LabTest|Code|Phenotype {id: $code})<-[:IS_A*0..8]-(code)
WITH DISTINCT code
MATCH (p:Patient)-[event:DIAGNOSED|PRESCRIBED|UNDERWENT|MEASURED|HAD]->(code)
// step: has the code or one below it
RETURN p.id AS subject_id, min(event.known_time) AS prediction_time, count(event) AS records
