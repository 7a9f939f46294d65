// Patients for whom a property is known, with its value as the label.
// param property: text  the property of Patient that is the label
// param positive: any = as_it_says  the value that is 1 in a binary task, where words do not say it themselves (yes, DECEASED)
// returns: subject_id text, label any, means_one any
// store: any
MATCH (p:Patient)
WHERE p[$property] IS NOT NULL
// step: has the label
RETURN p.id AS subject_id, p[$property] AS label, $positive AS means_one
