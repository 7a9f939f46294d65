// Who is like this patient? The nearest by the embedding of a run, nearest first.
// param patient: text  the patient's id
// param run: text = all  of this embedding alone: STUDY/RUN/LEARNER, as graph.embeddings names it
// returns: subject_id text, similar text, similarity float, rank int, run text
MATCH (p:Patient {id: $patient})-[x:SIMILAR_TO]->(other:Patient)
WHERE $run = 'all' OR x.source = $run
RETURN p.id AS subject_id, other.id AS similar, x.similarity AS similarity, x.rank AS rank, x.source AS run
ORDER BY run, rank, similar
