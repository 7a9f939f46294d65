"""Twin of a study: the same rows and events, knowledge of the codes shuffled or gone: what is left of a result is not its."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl

from ...base.per_table import PerTable
from ...base.snapshot import Snapshot, derived

_LINKS = PerTable[PerTable[dict[tuple[str, int], pl.DataFrame]]]()


def with_edges(snapshot: Snapshot, edges: str, seed: int) -> Snapshot:
    """The snapshot with its links as they are ("true"), with its codes in each other's places ("shuffled"), or without ("none").

    Shuffled, every degree stays and every meaning goes; one seed gives one shuffle of the same codes.
    """
    if edges == "true" or snapshot.events is None:
        return snapshot
    if edges not in ("shuffled", "none"):
        raise ValueError(f"edges: got {edges!r}; expected true, shuffled or none")
    links = snapshot.links
    made = _LINKS.of(links, PerTable[dict[tuple[str, int], pl.DataFrame]]).of(snapshot.events, dict)
    if (edges, seed) not in made:  # once, so that what is made of these links is made once too
        codes = snapshot.events["code"].unique().sort()
        made[edges, seed] = links.clear() if edges == "none" else _shuffled(links, codes, seed)
    return replace(derived(snapshot), links=made[edges, seed])


def _shuffled(links: pl.DataFrame, codes: pl.Series, seed: int) -> pl.DataFrame:
    other = codes.gather(np.random.default_rng(seed).permutation(len(codes)))
    return links.with_columns(pl.col("subject", "object").replace(codes, other))
