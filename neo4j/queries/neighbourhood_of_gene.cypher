// What knowledge says about one gene: everything one step away that is not a patient.
// param symbol: text  the gene's symbol, for example TP53
// param limit: int = 100  rows at most
// returns: relationship text, label text, id text, name text, score float
// store: any
MATCH (gene:Gene {symbol: $symbol})-[link:IN_PATHWAY|INTERACTS_WITH|ASSOCIATED_WITH|TARGETS|OF_GENE|NEAR|IN_GENE]-(near)
RETURN DISTINCT type(link) AS relationship, labels(near)[0] AS label, near.id AS id,
       coalesce(near.symbol, near.name) AS name, link.score AS score
ORDER BY relationship, id
LIMIT $limit
