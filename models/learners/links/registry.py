"""Rankers by name: one table of the learners of links, which of them are plain, and which learn on the graph."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from ....loaders.errors import InputError
from ...base.lookup import look_up

if TYPE_CHECKING:
    from .graph import LinkGraph
    from .learner import BaseLinkLearner


@dataclass(frozen=True)
class Entry:
    """where: `module:Class`. simple: a plain model, beside which every other is judged. graph: it has twins."""

    where: str
    simple: bool = False
    graph: bool = False


HERE = "clinome.models.learners.links.rankers"
RANKERS: dict[str, Entry] = {
    "popularity": Entry(f"{HERE}.popularity:Popularity", simple=True),
    "kernel": Entry(f"{HERE}.kernel:Kernel", simple=True),
    "kernel_ridge": Entry(f"{HERE}.kernel_ridge:KernelRidge", simple=True),
    "matrix_factorisation": Entry(f"{HERE}.matrix_factorisation:MatrixFactorisation", simple=True),
    "typed_join": Entry(f"{HERE}.typed_join:TypedJoin", simple=True),
    "random_walk": Entry(f"{HERE}.random_walk:RandomWalk", graph=True),
    "diffusion": Entry(f"{HERE}.diffusion:Diffusion", graph=True),
    "two_tower": Entry(f"{HERE}.two_tower:TwoTower"),
    "link_gnn": Entry(f"{HERE}.link_gnn:LinkGNN", graph=True),
}
"""In the order in which they are shown: the plainest first, networks last. A new one is a class and a line here."""


def make(name: str) -> BaseLinkLearner:
    """A ranker by its name.

    Raises: InputError for one that there is not.
    Example:
        >>> make("popularity").name
        'popularity'
    """
    if name not in RANKERS:
        known = ", ".join((*RANKERS, "default"))
        raise InputError("unknown learner of links", "study.toml [learn] learners", name, known, "rename it")
    return cast("Callable[[], BaseLinkLearner]", look_up({name: RANKERS[name].where}, name, "ranker"))()


def select(graph: LinkGraph, names: Sequence[str]) -> tuple[list[BaseLinkLearner], dict[str, str]]:
    """The rankers that these names mean and that can run on this graph, in order; and why each of the others cannot.

    Raises: InputError for an unknown name, and where none can run.
    """
    wanted = [one for name in names or ("default",) for one in (RANKERS if name == "default" else (name,))]
    found, left_out = [], {}
    for name in dict.fromkeys(wanted):
        learner = make(name)
        reason = learner.reason(graph)
        if reason is None:
            found.append(learner)
        else:
            left_out[name] = reason
    if not found:
        got = "; ".join(f"{name}: {reason}" for name, reason in left_out.items())
        raise InputError("no learner can run", "study.toml [learn] learners", got, fix='use learners = ["default"]')
    return found, left_out
