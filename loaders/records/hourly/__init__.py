"""Hourly tables: vitals and labs by the hour, long or wide, one file or a file a stay."""
