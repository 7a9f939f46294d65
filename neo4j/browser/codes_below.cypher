// A code, what lies two steps below it, and what it maps to
// :param code => 'ICD10CM:I50'
MATCH path = ({id: $code})<-[:IS_A*0..2]-()
RETURN path
LIMIT 80
UNION
MATCH path = ({id: $code})-[:MAPS_TO]->()
RETURN path
LIMIT 20
