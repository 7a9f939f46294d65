// What did a run find? Its first features, with what each is called and what it was ranked by.
// param run: text  STUDY/NAME, or the name alone
// param limit: int = 20  how many
// returns: run text, rank int, feature text, name text, label text, layer text, score float, stability float, q float
MATCH (r:Run)-[k:RANKS]->(f)
WHERE (r.id = $run OR r.name = $run) AND k.rank <= $limit
RETURN r.id AS run, k.rank AS rank, f.id AS feature, coalesce(f.symbol, f.name, f.id) AS name, labels(f)[0] AS label,
       k.layer AS layer, k.score AS score, k.stability AS stability, k.q AS q
ORDER BY run, rank, feature
