// Patients for whom a property is known, with its value as the label; the prediction is made on a date of each patient.
// param property: text  the property of Patient that is the label
// param date: text = index_date  the property of Patient that holds the date of the prediction
// param positive: any = as_it_says  the value that is 1 in a binary task, where words do not say it themselves
// returns: subject_id text, prediction_time datetime, label any, means_one any
// store: any
MATCH (p:Patient)
WHERE p[$property] IS NOT NULL
// step: has the label
WITH p
WHERE p[$date] IS NOT NULL
// step: the date of the prediction is known
RETURN p.id AS subject_id, p[$date] AS prediction_time, p[$property] AS label, $positive AS means_one
