// The first genes of a run, the pathways that hold two or more of them, and how they interact
// :param run => 'demo/demo'
// :param first => 30
MATCH (:Run {id: $run})-[k:RANKS]->(g:Gene)
WHERE k.rank <= $first
WITH collect(DISTINCT g) AS genes
UNWIND genes AS g
MATCH (g)-[:IN_PATHWAY]->(w:Pathway)
WITH genes, w, count(DISTINCT g) AS held
WHERE held >= 2
ORDER BY held DESC, w.id
LIMIT 15
MATCH path = (g:Gene)-[:IN_PATHWAY]->(w)
WHERE g IN genes
RETURN path
