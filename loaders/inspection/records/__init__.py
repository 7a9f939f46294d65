"""Inspection of health records: which format a folder is of, hourly tables, tables of notes."""
