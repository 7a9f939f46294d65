"""Graphs: tables <-> store; cohorts; fenced snapshots; HeteroData. No models."""

if __name__ != "clinome.graphs":
    raise ImportError("import clinome.graphs, not graphs: the folders at the root are parts of one package")
