"""Medical Event Data Standard (MEDS) 0.4: read, and written."""
