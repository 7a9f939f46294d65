"""Health records of a fold: what is counted, measured and when, as the columns that learners read."""
