"""Specifications of task, evaluation and budget. Frozen; checked when made."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

TASK_KINDS = ("binary", "multiclass", "multilabel", "regression", "responses", "survival", "clustering", "links")
"""Kinds of tasks that a study file may name; built are those of `models.base.task.TASKS`."""

LINKS = "links"
"""The kind whose rows are queries of knowledge, not patients: it has a specification of its own."""
HOLD_OUTS = ("edges", "candidates", "queries", "time")
"""What a links study may hold out (`models.learners.links.hold_out`)."""


@dataclass(frozen=True)
class TaskSpec:
    """`[task]`. label: the cohort's column; of kinds multilabel and responses several. layer, measured: of kind responses the
    layer that holds them, and in how many patients an endpoint must have been measured."""

    kind: str
    label: str | tuple[str, ...] = "label"
    covariates: tuple[str, ...] = ()
    target: dict[str, object] | str | None = None
    gap_days: float | None = None
    horizon_days: float | None = None
    layer: str = ""
    measured: int = 20


@dataclass(frozen=True)
class Biomarkers:
    """`[biomarkers]`. modules: whether connected groups of genes are looked for; None: where the
    network of measured genes is small. adjusted: features of the ranking whose effect
    is adjusted for the covariates. known: genes (symbols or CURIEs) that are known for what is predicted, or diseases (CURIEs)
    whose genes the knowledge holds (ASSOCIATED_WITH)."""

    modules: bool | None = None
    adjusted: int = 20
    known: tuple[str, ...] = ()


@dataclass(frozen=True)
class Matching:
    """`[cohort.match]`: controls like the exposed.

    by: the column that says who is exposed. exact: columns whose values must be the same. propensity: columns from which
    the probability of being exposed is told. caliper: how far apart it may be, in standard deviations of its logit.
    ratio: controls an exposed row.
    """

    by: str
    exact: tuple[str, ...] = ()
    propensity: tuple[str, ...] = ()
    caliper: float = 0.2
    ratio: int = 1


@dataclass(frozen=True)
class LinkTask:
    """`[task]` of kind "links": rank the candidates of each query by a predicate of the knowledge.

    query, candidate: labels at the two ends of the predicate. hold_out: edges, candidates, queries or time.
    """

    predicate: str
    query: str
    candidate: str
    kind: str = LINKS
    hold_out: str = "edges"


@dataclass(frozen=True)
class Evaluate:
    """`[evaluate]`."""

    folds: int | Path = 5
    repeats: int = 1
    seed: int = 1
    group: str = "subject_id"
    stratify: str | None = None
    site: str | None = None
    after: datetime | None = None
    learning_curve: bool | tuple[float, ...] = False


STRATEGIES = ("auto", "ddp")
"""How several processes train one network: data-parallel, "auto" and "ddp" alike."""


@dataclass(frozen=True)
class Placement:
    """Where one network is trained: on so many GPUs or processes a machine, on so many machines.

    Each process has its own part of every batch, and a batch is as large as their parts together: what is learnt depends
    on `count`, not on where these processes are.
    """

    devices: int = 1
    nodes: int = 1
    strategy: str = "auto"

    @property
    def count(self) -> int:
        """Processes that train together."""
        return self.devices * self.nodes

    @property
    def command(self) -> str:
        """What starts so many."""
        return f"torchrun --nnodes {self.nodes} --nproc-per-node {self.devices}"


FUSIONS = ("early", "intermediate", "cross_attention", "contrastive", "late", "stacked", "interleaved")
"""How omics, records, notes and images come together: as one matrix, inside one network, as one linear model each whose
scores are summed or weighed by a further one, or as events on one clock."""


SURVIVAL_HEADS = ("cox", "discrete")
"""What a network says of a time to an event: one relative hazard, or a hazard for each bin of time (`models.heads`)."""

SELECTIONS = (
    "none", "variance", "univariate", "mutual_information", "minimum_redundancy", "lasso", "elastic_net", "stability",
)  # fmt: skip
"""How a fold selects among the features of each dense layer (`models.preprocessing.selection`)."""


@dataclass(frozen=True)
class Learn:
    """`[learn]`. pretrain: "masked", "next_visit" or "none"; encoder: the folder of a pretrained one, instead."""

    learners: tuple[str, ...] = ("default",)
    trials: int = 8
    minutes: float = 0.0
    fusion: str | None = None  # one of FUSIONS; None: what each learner does, and what tuning picks
    workers: int | str = 0  # 0: the machine's cores, by the processes of a network
    devices: int = 1
    nodes: int = 1
    strategy: str = "auto"
    pretrain: str = "none"
    encoder: Path | None = None
    select: str = "none"  # one of SELECTIONS
    survival_head: str = "cox"  # one of SURVIVAL_HEADS

    @property
    def placement(self) -> Placement:
        return Placement(self.devices, self.nodes, self.strategy)
