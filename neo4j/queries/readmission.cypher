// Does another visit start within some days of a visit's end? One row a stay's end, predicted at it.
// A visit that ends while another one goes on ends no stay; of two that end at one moment the one that began first counts.
// A patient whose observation ends before that, without another visit, is unknown: label null.
// Patients whose clock is only an order are left out: ranks are no days.
// param within: duration = 30  days after the visit's end
// returns: subject_id text, visit_id text, prediction_time datetime, label bool
// store: any
MATCH (p:Patient)-[:ATTENDED]->(v:Visit)
WHERE v.end_time IS NOT NULL
// step: has a visit with an end
WITH p, v
WHERE p.clock IS NULL OR p.clock <> 'order'
// step: has times, not only an order
WITH p, v, coalesce(v.start_time, v.end_time) AS begun
WHERE NOT EXISTS {
  MATCH (p)-[:ATTENDED]->(other:Visit)
  WHERE other.id <> v.id AND other.start_time < v.end_time AND other.end_time > v.end_time
} AND NOT EXISTS {
  MATCH (p)-[:ATTENDED]->(twin:Visit)
  WHERE twin.id <> v.id AND twin.end_time = v.end_time
    AND (coalesce(twin.start_time, twin.end_time) < begun
         OR (coalesce(twin.start_time, twin.end_time) = begun AND twin.id < v.id))
}
// step: has a visit that ends a stay
WITH p, v, EXISTS {
  MATCH (p)-[:ATTENDED]->(later:Visit)
  WHERE later.id <> v.id AND later.start_time >= v.end_time AND later.start_time <= v.end_time + $within
} AS again
RETURN p.id AS subject_id, v.id AS visit_id, v.end_time AS prediction_time,
       CASE WHEN again THEN true
            WHEN p.observed_until IS NOT NULL AND p.observed_until < v.end_time + $within THEN null
            ELSE false END AS label
