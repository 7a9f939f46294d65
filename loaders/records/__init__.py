"""Health records -> events and visits: one file a format of `[records.NAME]`."""
