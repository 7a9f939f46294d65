"""FHIR: bundles and bulk-export ndjson -> patients, visits and events."""
