// Who is like a patient, by a run's embedding
// :param patient => 'P001'
MATCH path = (:Patient {id: $patient})-[:SIMILAR_TO*1..2]->(:Patient)
RETURN path
LIMIT 60
