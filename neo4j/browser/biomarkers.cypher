// The first features of every run
// :param first => 20
MATCH path = (:Run)-[k:RANKS]->()
WHERE k.rank <= $first
RETURN path
