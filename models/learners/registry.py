"""Learners by name: one table of those there are, what each needs, and which of them are baselines.

A new learner is a class (models/learners/) and a line in LEARNERS.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

from ...loaders.errors import InputError
from ..base.learner import Learner
from ..base.lookup import look_up
from ..base.snapshot import Snapshot
from ..base.task import task_of
from .base import BaseLearner, several_views


@dataclass(frozen=True)
class Entry:
    """One learner of the table.

    where: `module:Class`. needs: the kind of task ("survival", "clustering"), "layers", "records", "several" (of omics, records, notes,
    images); where the study lacks one it is no default. baseline: a plain model, beside which every network is judged.
    anchor: a plain linear model, to which stacking holds. floor: knows nothing of a patient.
    graph: learns from edges, which its setting `edges` shuffles or takes away: these twins are among a run's controls.
    """

    where: str
    needs: tuple[str, ...] = ()
    baseline: bool = False
    anchor: bool = False
    floor: bool = False
    graph: bool = False


HERE = "clinome.models.learners"
LEARNERS: dict[str, Entry] = {
    "majority": Entry(f"{HERE}.baselines.majority:Majority", baseline=True, floor=True),
    "covariates": Entry(f"{HERE}.baselines.covariates:Covariates", baseline=True),
    "best_feature": Entry(f"{HERE}.baselines.best_feature:BestFeature", baseline=True),
    "ridge_late": Entry(f"{HERE}.baselines.ridge_late:RidgeLate", baseline=True, anchor=True),
    "lasso": Entry(f"{HERE}.baselines.elastic_net:Lasso", baseline=True),
    "elastic_net": Entry(f"{HERE}.baselines.elastic_net:ElasticNet", baseline=True),
    "forest": Entry(f"{HERE}.baselines.forest:Forest", baseline=True),
    "boosting": Entry(f"{HERE}.baselines.boosting:Boosting", baseline=True),
    "cox_pca": Entry(f"{HERE}.baselines.cox_pca:CoxPCA", needs=("survival",), baseline=True, anchor=True),
    "survival_forest": Entry(f"{HERE}.baselines.survival_trees:SurvivalForest", needs=("survival",), baseline=True),
    "survival_boosting": Entry(f"{HERE}.baselines.survival_trees:SurvivalBoosting", needs=("survival",), baseline=True),
    "propagation": Entry(f"{HERE}.graph.propagation:Propagation", graph=True),
    "gene_gnn": Entry(f"{HERE}.graph.gene_gnn:GeneGNN", needs=("layers",), graph=True),
    "hetero_gnn": Entry(f"{HERE}.graph.hetero_gnn:HeteroGNN", graph=True),
    "pathway_net": Entry(f"{HERE}.graph.pathway_net:PathwayNet", needs=("layers",), graph=True),
    "patient_gnn": Entry(f"{HERE}.graph.patient_gnn:PatientGNN", graph=True),
    "pca": Entry(f"{HERE}.latent.latent_ridge:PCARidge", needs=("layers",)),
    "factor": Entry(f"{HERE}.latent.latent_ridge:FactorRidge", needs=("layers",)),
    "autoencoder": Entry(f"{HERE}.latent.latent_ridge:AutoencoderRidge", needs=("layers",)),
    "vae": Entry(f"{HERE}.latent.latent_ridge:VAERidge", needs=("layers",)),
    "gru": Entry(f"{HERE}.sequence.recurrent:GRU", needs=("records",), graph=True),
    "lstm": Entry(f"{HERE}.sequence.recurrent:LSTM", needs=("records",), graph=True),
    "gru_d": Entry(f"{HERE}.sequence.gru_d:GRUD", needs=("records",), graph=True),
    "sequence": Entry(f"{HERE}.sequence.sequence:Sequence", needs=("records",), graph=True),
    "fusion": Entry(f"{HERE}.fusion:Fusion", needs=("several",)),
    "cross_attention": Entry(f"{HERE}.fusion:CrossAttentionFusion", needs=("several",)),
    "contrastive": Entry(f"{HERE}.fusion:ContrastiveFusion", needs=("several",)),
    "consensus": Entry(f"{HERE}.clusters.consensus:Consensus", needs=("clustering",)),
    "snf": Entry(f"{HERE}.clusters.snf:NetworkFusion", needs=("clustering",)),
    "mixture": Entry(f"{HERE}.clusters.mixture:Mixture", needs=("clustering",)),
}
"""In the order in which they are shown: the plainest first, networks last."""
_LINEAR = ("ridge_late", "lasso", "elastic_net")
_TREES = ("forest", "boosting", "survival_forest", "survival_boosting")
FUSE = {
    "early": (*_LINEAR, *_TREES),
    "late": _LINEAR,
    "stacked": _LINEAR,
    "intermediate": ("fusion", "vae", "factor"),
    "cross_attention": ("cross_attention",),
    "contrastive": ("contrastive",),
    "interleaved": (*_LINEAR, *_TREES, "gru", "lstm", "sequence"),
}
"""`[learn] fusion` -> who brings modalities together so; interleaved ones are events, which these read."""
ONE_BLOCK = ("majority", "covariates", "best_feature")
"""Who takes nothing, or one block: there is nothing to bring together."""
CHOSEN = "chosen"
"""No learner of its own: what the training part picked among the others. It always runs."""
TABULAR_CONTROL = "ridge_late"
"""Who learns in the controls of permuted labels, missingness, batches and clocks."""


def baselines() -> list[str]:
    """Names of the plain learners, the plainest first."""
    return [name for name, entry in LEARNERS.items() if entry.baseline]


def anchors() -> list[str]:
    """Names of the plain linear learners to which stacking holds."""
    return [name for name, entry in LEARNERS.items() if entry.anchor]


def on_graph() -> list[str]:
    """Names of the learners that learn from edges."""
    return [name for name, entry in LEARNERS.items() if entry.graph]


def finds_edges(snapshot: Snapshot, names: Sequence[str]) -> list[str]:
    """Those of these names that learn from edges, and find some in this study (`BaseLearner.on_graph`)."""
    return [name for name in names if name in on_graph() and getattr(make(name), "on_graph", _always)(snapshot)]


def _always(snapshot: Snapshot) -> bool:
    """What does not say on which edges it learns finds some wherever it runs."""
    return True


def clusterers() -> list[str]:
    """Names of the learners that divide patients without an outcome."""
    return [name for name, entry in LEARNERS.items() if "clustering" in entry.needs]


def is_floor(name: str) -> bool:
    """Whether a learner of this name knows nothing of a patient."""
    return name in LEARNERS and LEARNERS[name].floor


def make(name: str) -> Learner:
    """A learner by its name. Raises: InputError for one that there is not."""
    if name not in LEARNERS:
        got, known = name, ", ".join((*LEARNERS, CHOSEN, "default"))
        raise InputError("unknown learner", "study.toml [learn] learners", got, known, "rename it")
    return cast(Learner, look_up({name: LEARNERS[name].where}, name, "learner")())


def default(snapshot: Snapshot) -> list[str]:
    """The names behind `default`: every learner that finds what it needs."""
    has = {
        snapshot.task,
        *(["layers"] if snapshot.layers else []),
        *(["records"] if snapshot.events is not None else []),
        *(["several"] if several_views(snapshot) else []),
    }
    found = [name for name, entry in LEARNERS.items() if has >= set(entry.needs)]
    return found if task_of(snapshot.task).supervised else [one for one in found if one in clusterers()]


def select(snapshot: Snapshot, names: Sequence[str], fusion: str | None = None) -> tuple[list[Learner], dict[str, str]]:
    """The learners that these names mean and that can run, in order; and why each of the others cannot.

    One that is left aside (`BaseLearner.aside`) is not behind `default`: whoever names it, or a `fusion` that only it has, gets it. With `fusion` only those
    run that bring modalities together in this way (FUSE), and those that have nothing to bring together.

    Raises: InputError for an unknown name, and where nothing at all can run.
    """
    wanted: list[str] = []
    for name in names:
        wanted += default(snapshot) if name == "default" else [] if name == CHOSEN else [name]
    learners: list[Learner] = []
    left_out: dict[str, str] = {}
    for name in dict.fromkeys(wanted or default(snapshot)):
        learner = make(name)
        reason = reason_of(learner, snapshot)
        if fusion is not None and name not in ONE_BLOCK:
            if name not in FUSE[fusion]:
                reason = f"[learn] fusion is {fusion!r}, and it has another way"
            elif isinstance(learner, BaseLearner) and fusion != "interleaved":
                learner = learner.fused(fusion)
        if reason is None and name not in names and (fusion is None or FUSE[fusion] != (name,)):
            reason = aside(learner, snapshot)
        if reason is None:
            learners.append(learner)
        else:
            left_out[name] = reason
    if not learners:
        got = "; ".join(f"{name}: {reason}" for name, reason in left_out.items())
        raise InputError("no learner can run", "study.toml [learn] learners", got, fix='use learners = ["default"]')
    return learners, left_out


def reason_of(learner: Learner, snapshot: Snapshot) -> str | None:
    """Why a learner cannot run on this study, in plain words; None where it can. One that learns from an outcome needs one."""
    task = task_of(snapshot.task)
    ours = learner.name in LEARNERS and isinstance(learner, BaseLearner)
    if ours and learner.name not in clusterers() and not task.supervised:
        return f"it learns from an outcome, and {snapshot.task} has none"
    if task.own_units and not getattr(learner, "several_numbers", False):
        able = [name for name in LEARNERS if getattr(make(name), "several_numbers", False)]
        return f"it learns one outcome at a time; several numbers at once are learnt by {', '.join(able)}"
    return learner.reason(snapshot)


def why_no_clusterer(learner: Learner, snapshot: Snapshot) -> str | None:
    """Why a learner of the user's own cannot divide patients; None where it may, and where outcomes are learnt."""
    from .adapters.fit_predict import FitPredictLearner

    wrapped = isinstance(learner, BaseLearner) and not isinstance(learner, FitPredictLearner)
    if task_of(snapshot.task).supervised or not wrapped:
        return None
    return "an estimator or a module learns from an outcome; an object with fit(snapshot, train, tuning) and predict(snapshot, rows), which gives each row the number of its cluster, can run"


def aside(learner: Learner, snapshot: Snapshot) -> str | None:
    """Why `default` leaves it aside; what does not say so is not."""
    found: str | None = learner.aside(snapshot) if isinstance(learner, BaseLearner) else None
    return found


def every(snapshot: Snapshot) -> list[Learner]:
    """Every learner that is built, whether or not it applies to this study."""
    return [make(name) for name in LEARNERS]
