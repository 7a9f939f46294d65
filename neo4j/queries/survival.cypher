// Survival from the start of follow-up: a time and an event status of each patient; other values than the two are unknown.
// param time: text = os_days  the property of Patient that holds the time to event or end of follow-up
// param unit_days: float = 1  days in one unit of that property; a month is 30.4375
// param event: text = os_event  the property of Patient that says whether the event happened
// param happened: any = 1  its value where the event happened
// param censored: any = 0  its value where it had not, when the patient was last seen
// returns: subject_id text, duration_days float, event int
// store: any
MATCH (p:Patient)
WHERE p[$time] IS NOT NULL AND p[$event] IS NOT NULL
// step: has a time and an event status
WITH p
WHERE p[$event] = $happened OR p[$event] = $censored
// step: whether the event happened is known
RETURN p.id AS subject_id, p[$time] * $unit_days AS duration_days,
       CASE WHEN p[$event] = $happened THEN 1 ELSE 0 END AS event
