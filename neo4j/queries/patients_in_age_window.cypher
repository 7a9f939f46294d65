// Patients whose age (or any other number) lies in a window: low <= age < high.
// param low: float = 0  the least that counts
// param high: float = 200  the first that no longer counts
// param property: text = age  the property of Patient that holds it
// returns: subject_id text, age float
// store: any
MATCH (p:Patient)
WHERE p[$property] IS NOT NULL
// step: age is known
WITH p
WHERE p[$property] >= $low AND p[$property] < $high
// step: age in the window
RETURN p.id AS subject_id, p[$property] AS age
