"""Entities: one gene, one patient, what lies around a node, as bounded parts of the graph that say what they left out."""
