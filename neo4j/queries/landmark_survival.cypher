// Survival from a landmark on, among those still followed then: duration_days counts from the landmark.
// param landmark: datetime = 2000-06-29  the landmark's date (a relative clock starts at 2000-01-01)
// param days: float = 180  the same landmark as days since the clock's start
// param time: text = os_days  the property of Patient that holds the time to event or end of follow-up
// param unit_days: float = 1  days in one unit of that property; a month is 30.4375
// param event: text = os_event  the property of Patient that says whether the event happened
// param happened: any = 1  its value where the event happened; of other values only its contrary is censored
// returns: subject_id text, prediction_time datetime, duration_days float, event any, means_one any
// store: any
MATCH (p:Patient)
WHERE p[$time] IS NOT NULL AND p[$event] IS NOT NULL
// step: has a time and an event status
WITH p, p[$time] * $unit_days - $days AS duration_days
WHERE duration_days > 0
// step: at risk at the landmark
RETURN p.id AS subject_id, $landmark AS prediction_time, duration_days, p[$event] AS event,
       $happened AS means_one
