"""Clinome: omics and health records on one patient–gene–pathway–diagnosis graph.

Example:
    study = clinome.Study.read("study.toml")
    with clinome.open(study) as graph:
        cohort = graph.cohort()
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from clinome.graph import open_graph as open
    from clinome.models.learners.adapters.pytorch_geometric import pyg
    from clinome.models.learners.adapters.scikit_learn import sklearn
    from clinome.pipeline import load, predict, run
    from clinome.study import Study
    from clinome.verbs.benchmark import benchmark
    from clinome.verbs.compare import compare
    from clinome.verbs.table_one import table_one

__all__ = ["Study", "benchmark", "compare", "load", "open", "predict", "pyg", "run", "sklearn", "table_one"]

_WHERE = {
    "Study": ("clinome.study", "Study"),
    "benchmark": ("clinome.verbs.benchmark", "benchmark"),
    "compare": ("clinome.verbs.compare", "compare"),
    "load": ("clinome.pipeline", "load"),
    "open": ("clinome.graph", "open_graph"),
    "run": ("clinome.pipeline", "run"),
    "table_one": ("clinome.verbs.table_one", "table_one"),
    "predict": ("clinome.pipeline", "predict"),
    "sklearn": ("clinome.models.learners.adapters.scikit_learn", "sklearn"),
    "pyg": ("clinome.models.learners.adapters.pytorch_geometric", "pyg"),
}


def __getattr__(name: str) -> Any:
    """Names come when they are asked for, so that `import clinome` and `clinome --help` stay quick."""
    if name not in _WHERE:
        raise AttributeError(f"module 'clinome' has no attribute {name!r}")
    module, attribute = _WHERE[name]
    return getattr(import_module(module), attribute)
