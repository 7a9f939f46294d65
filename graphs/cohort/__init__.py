"""Cohorts: a Cypher query -> subjects, prediction times, labels, attrition."""
