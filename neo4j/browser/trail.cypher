// Where the numbers of a run come from: its cohort, and the loads with their files and checksums
// :param run => 'demo/demo'
MATCH path = (:Run {id: $run})-[:USED]->(:Cohort)-[:DRAWN_FROM]->(:Load)
RETURN path
