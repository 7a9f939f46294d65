"""The demo: a synthetic cohort with a planted truth."""
