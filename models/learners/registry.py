"""Which learners there are, by name, and which of them apply to a study."""

from __future__ import annotations

from collections.abc import Sequence

from ...loaders.errors import InputError, NotBuilt
from ..base.learner import Learner
from ..base.snapshot import Snapshot

SIMPLE = ("majority", "covariates", "best_feature", "ridge_late", "forest", "boosting")
"""The mandatory ones: they run beside every network."""
NAMES = (*SIMPLE, "cox_pca", "hetero_gnn", "sequence", "fusion")
LATER = ("gene_gnn", "patient_gnn")
"""Promised, not built yet."""
CHOSEN = "chosen"
"""No learner of its own: what the training part picked among the others. It always runs."""


def make(name: str) -> Learner:
    """A learner by its name.

    Raises: NotBuilt for one that is promised, InputError for one that is not.
    """
    match name:
        case "majority":
            from .baselines.majority import Majority as Made
        case "covariates":
            from .baselines.covariates import Covariates as Made  # type: ignore[assignment]
        case "best_feature":
            from .baselines.best_feature import BestFeature as Made  # type: ignore[assignment]
        case "ridge_late":
            from .baselines.ridge_late import RidgeLate as Made  # type: ignore[assignment]
        case "forest":
            from .baselines.forest import Forest as Made  # type: ignore[assignment]
        case "boosting":
            from .baselines.boosting import Boosting as Made  # type: ignore[assignment]
        case "cox_pca":
            from .baselines.cox_pca import CoxPCA as Made  # type: ignore[assignment]
        case "hetero_gnn":
            from .graph.hetero_gnn import HeteroGNN as Made  # type: ignore[assignment]
        case "sequence":
            from .sequence.sequence import Sequence as Made  # type: ignore[assignment]
        case "fusion":
            from .fusion import Fusion as Made  # type: ignore[assignment]
        case later if later in LATER:
            raise NotBuilt(f"learner {name} is not built yet; hetero_gnn learns on the graph")
        case _:
            got, known = name, ", ".join((*NAMES, CHOSEN, "default"))
            raise InputError("unknown learner", "study.toml [learn] learners", got, known, "rename it")
    return Made()


def default(snapshot: Snapshot) -> list[str]:
    """The names behind `default`: the simple ones, the graph network, and for records the sequence encoder."""
    names = [*SIMPLE, *(["cox_pca"] if snapshot.task == "survival" else []), "hetero_gnn"]
    if snapshot.events is not None:
        names.append("sequence")
        if snapshot.layers:
            names.append("fusion")
    return names


def select(snapshot: Snapshot, names: Sequence[str]) -> tuple[list[Learner], dict[str, str]]:
    """The learners that these names mean and that can run, in order; and why each of the others cannot.

    Raises: InputError for an unknown name, and where nothing at all can run.
    """
    wanted: list[str] = []
    for name in names:
        wanted += default(snapshot) if name == "default" else [] if name == CHOSEN else [name]
    learners: list[Learner] = []
    left_out: dict[str, str] = {}
    for name in dict.fromkeys(wanted or default(snapshot)):
        learner = make(name)
        reason = learner.supports(snapshot)
        if reason is None:
            learners.append(learner)
        else:
            left_out[name] = reason
    if not learners:
        got = "; ".join(f"{name}: {reason}" for name, reason in left_out.items())
        raise InputError("no learner can run", "study.toml [learn] learners", got, fix='use learners = ["default"]')
    return learners, left_out


def every(snapshot: Snapshot) -> list[Learner]:
    """Every learner that is built, whether or not it applies to this study."""
    return [make(name) for name in NAMES]
