"""Subjects: patients, samples, barcodes, pseudonyms."""
