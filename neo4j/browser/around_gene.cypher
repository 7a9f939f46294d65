// What is known around a gene, and no patients
// :param symbol => 'TP53'
MATCH path = (:Gene {symbol: $symbol})-[:INTERACTS_WITH|IN_PATHWAY|ASSOCIATED_WITH|TARGETS|OF_GENE]-(n)
RETURN path
LIMIT 60
