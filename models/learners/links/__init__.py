"""Links: rank the candidates of each query (genes of a disease, diseases of a drug) over a graph of knowledge."""
