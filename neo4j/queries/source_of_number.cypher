// Where does a number of a run come from? The rank of a feature in each run that ranks it, and the files behind it, with their SHA-256: first that of the feature's own layer (of_layer), then what it was ranked beside.
// param feature: text  symbol or id, for example TP53 or NCBIGene:7157
// param study: text = all  of this study alone
// returns: run text, feature text, rank int, score float, q float, stability float, layer text, learner text, metric text, value float, low float, high float, seed int, study_sha256 text, cohort text, cohort_rows int, as_drawn bool, input text, of_layer bool, file text, sha256 text, still_loaded bool
MATCH (r:Run)-[k:RANKS]->(f)
WHERE (f.id = $feature OR f.symbol = $feature) AND ($study = 'all' OR r.study = $study)
OPTIONAL MATCH (r)-[u:USED]->(c:Cohort)
UNWIND range(0, size(coalesce(r.files, [''])) - 1) AS i
OPTIONAL MATCH (l:Load {id: r.loads[i]})
RETURN r.id AS run, f.id AS feature, k.rank AS rank, k.score AS score, k.q AS q, k.stability AS stability, k.layer AS layer,
       r.learner AS learner, r.metric AS metric, r.value AS value, r.low AS low, r.high AS high, r.seed AS seed,
       r.study_sha256 AS study_sha256, c.name AS cohort, c.rows AS cohort_rows, u.content = c.content AS as_drawn,
       r.inputs[i] AS input, r.inputs[i] = 'omics.' + k.layer AS of_layer, r.files[i] AS file, r.sha256[i] AS sha256, l.state = 'complete' AS still_loaded
ORDER BY run, rank, CASE WHEN r.inputs[i] = 'omics.' + k.layer THEN 0 ELSE 1 END, input, file
