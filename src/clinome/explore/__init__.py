"""Explore: ask an open graph for a gene, a patient, what lies around a node, and take the answer along as table or picture."""
