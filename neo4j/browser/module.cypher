// The first genes of a run that interact with one another
// :param run => 'demo/demo'
// :param first => 50
MATCH (:Run {id: $run})-[k:RANKS]->(g:Gene)
WHERE k.rank <= $first
WITH collect(DISTINCT g) AS genes
UNWIND genes AS a
MATCH path = (a)-[:INTERACTS_WITH]-(b:Gene)
WHERE b IN genes AND a.id < b.id
RETURN path
LIMIT 200
