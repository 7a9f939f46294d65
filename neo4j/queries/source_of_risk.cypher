// Where does a patient's risk come from? What each run predicts of them, and the files behind it, with their SHA-256.
// param patient: text  the patient's id
// returns: run text, patient text, risk float, learner text, metric text, value float, low float, high float, seed int, study_sha256 text, cohort text, as_drawn bool, input text, file text, sha256 text, still_loaded bool
MATCH (r:Run)-[x:PREDICTS]->(p:Patient {id: $patient})
OPTIONAL MATCH (r)-[u:USED]->(c:Cohort)
UNWIND range(0, size(coalesce(r.files, [''])) - 1) AS i
OPTIONAL MATCH (l:Load {id: r.loads[i]})
RETURN r.id AS run, p.id AS patient, x.risk AS risk, r.learner AS learner, r.metric AS metric, r.value AS value, r.low AS low,
       r.high AS high, r.seed AS seed, r.study_sha256 AS study_sha256, c.name AS cohort, u.content = c.content AS as_drawn,
       r.inputs[i] AS input, r.files[i] AS file, r.sha256[i] AS sha256, l.state = 'complete' AS still_loaded
ORDER BY run, input, file
