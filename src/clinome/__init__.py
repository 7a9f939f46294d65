"""Clinome: omics and health records on one patient–gene–pathway–diagnosis graph.

Everything that the command line does, from Python. A study is given as a `Study`, its file, or the folder that holds it;
the rest by name; tables that come back are pandas.
Example:
    import clinome

    study = clinome.Study.read("study.toml")
    clinome.load(study).to_frame()
    with clinome.open(study) as graph:
        graph.query("MATCH (g:Gene) RETURN g.symbol AS symbol LIMIT 5")
    run = clinome.run(study)
    run.metrics
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from clinome import errors, plots
    from clinome.explore.network import Network
    from clinome.graph import Cohort, Graph
    from clinome.graph import open_graph as open
    from clinome.models.base.learner import Learner
    from clinome.models.learners.adapters.pytorch_geometric import pyg
    from clinome.models.learners.adapters.scikit_learn import sklearn
    from clinome.models.learners.links.graph import LinkGraph
    from clinome.models.training.neighbor_sampler import neighbor_loader
    from clinome.run_folder.run import Run
    from clinome.snapshot import Snapshot
    from clinome.study import Study
    from clinome.verbs.audit import audit
    from clinome.verbs.benchmark import benchmark
    from clinome.verbs.biomarkers import biomarkers
    from clinome.verbs.cohort import cohort, table_one
    from clinome.verbs.compare import compare
    from clinome.verbs.exploration.activity import activity
    from clinome.verbs.exploration.embeddings import embed, write_embeddings
    from clinome.verbs.exploration.learners import learners
    from clinome.verbs.exploration.schema import schema
    from clinome.verbs.loading.export import export
    from clinome.verbs.loading.init import InitReport, init
    from clinome.verbs.loading.load import load
    from clinome.verbs.loading.load_report import LoadReport
    from clinome.verbs.loading.remove import remove
    from clinome.verbs.prediction.finetune import finetune
    from clinome.verbs.prediction.predict import predict
    from clinome.verbs.pretrain import pretrain
    from clinome.verbs.publication.report import report
    from clinome.verbs.publication.share import share
    from clinome.verbs.quality import quality
    from clinome.verbs.run import run
    from clinome.verbs.train import train

__all__ = [
    "Cohort",
    "Graph",
    "InitReport",
    "Learner",
    "LinkGraph",
    "LoadReport",
    "Network",
    "Run",
    "Snapshot",
    "Study",
    "activity",
    "audit",
    "benchmark",
    "biomarkers",
    "cohort",
    "compare",
    "embed",
    "errors",
    "export",
    "finetune",
    "init",
    "learners",
    "load",
    "neighbor_loader",
    "open",
    "plots",
    "predict",
    "pretrain",
    "pyg",
    "quality",
    "remove",
    "report",
    "run",
    "schema",
    "share",
    "sklearn",
    "table_one",
    "train",
    "write_embeddings",
]

_WHERE = {
    "Cohort": "clinome.graph:Cohort",
    "Graph": "clinome.graph:Graph",
    "InitReport": "clinome.verbs.loading.init:InitReport",
    "Learner": "clinome.models.base.learner:Learner",
    "LinkGraph": "clinome.models.learners.links.graph:LinkGraph",
    "LoadReport": "clinome.verbs.loading.load_report:LoadReport",
    "Network": "clinome.explore.network:Network",
    "Run": "clinome.run_folder.run:Run",
    "Snapshot": "clinome.snapshot:Snapshot",
    "Study": "clinome.study:Study",
    "activity": "clinome.verbs.exploration.activity:activity",
    "audit": "clinome.verbs.audit:audit",
    "benchmark": "clinome.verbs.benchmark:benchmark",
    "biomarkers": "clinome.verbs.biomarkers:biomarkers",
    "cohort": "clinome.verbs.cohort:cohort",
    "compare": "clinome.verbs.compare:compare",
    "embed": "clinome.verbs.exploration.embeddings:embed",
    "errors": "clinome.errors",
    "export": "clinome.verbs.loading.export:export",
    "finetune": "clinome.verbs.prediction.finetune:finetune",
    "init": "clinome.verbs.loading.init:init",
    "learners": "clinome.verbs.exploration.learners:learners",
    "load": "clinome.verbs.loading.load:load",
    "neighbor_loader": "clinome.models.training.neighbor_sampler:neighbor_loader",
    "open": "clinome.graph:open_graph",
    "plots": "clinome.plots",
    "predict": "clinome.verbs.prediction.predict:predict",
    "pretrain": "clinome.verbs.pretrain:pretrain",
    "pyg": "clinome.models.learners.adapters.pytorch_geometric:pyg",
    "quality": "clinome.verbs.quality:quality",
    "remove": "clinome.verbs.loading.remove:remove",
    "report": "clinome.verbs.publication.report:report",
    "run": "clinome.verbs.run:run",
    "schema": "clinome.verbs.exploration.schema:schema",
    "share": "clinome.verbs.publication.share:share",
    "sklearn": "clinome.models.learners.adapters.scikit_learn:sklearn",
    "table_one": "clinome.verbs.cohort:table_one",
    "train": "clinome.verbs.train:train",
    "write_embeddings": "clinome.verbs.exploration.embeddings:write_embeddings",
}
"""Where each name lies, as `module:attribute`."""


def __getattr__(name: str) -> Any:
    """Names come when they are asked for, so that `import clinome` and `clinome --help` stay quick."""
    if name not in _WHERE:
        raise AttributeError(f"module 'clinome' has no attribute {name!r}")
    module, _, attribute = _WHERE[name].partition(":")
    found = import_module(module)
    return getattr(found, attribute) if attribute else found


def __dir__() -> list[str]:
    """What completion offers."""
    return __all__
