// One patient's codes and mutations, the latest known first
// :param patient => 'P001'
MATCH path = (:Patient {id: $patient})-[x:DIAGNOSED|PRESCRIBED|UNDERWENT|MEASURED|HAD|MUTATED_IN]->()
RETURN path
ORDER BY x.known_time DESC
LIMIT 80
